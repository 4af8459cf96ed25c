//! The archive's rows -> staging tables, while they arrive.

use super::{Plan, RestoreError};
use crate::archive::{ArchiveReader, ArchiveTotals, Event, SequenceValue};
use crate::database::{Database, Loader, Staging};
use crate::model::{SessionId, Step, TableDigest, TableState};
use crate::progress::Progress;

/// All rows of the archive, in the target database but beside its tables.
pub(crate) struct Staged {
    pub staging: Box<dyn Staging>,
    /// What the archive says about each table: proven by the reader against the rows.
    pub digests: Vec<TableDigest>,
    pub sequences: Vec<SequenceValue>,
    pub totals: ArchiveTotals,
}

/// Loads every table of `plan`, checks what can be checked before the transaction, and refuses with every reason.
pub(crate) async fn stage(
    database: &dyn Database,
    session: &SessionId,
    plan: &Plan,
    mut archive: ArchiveReader,
    progress: &Progress,
) -> Result<Staged, RestoreError> {
    let mut staging = database.stage(session, &plan.incoming).await?;
    progress.info(
        Step::Convert,
        format!("{} staging tables made from the target's definitions", plan.incoming.len()),
    );
    let mut sums = vec![(0u64, 0u128); plan.incoming.len()];
    let mut open: Option<(usize, Box<dyn Loader>)> = None;
    loop {
        match archive.next().await? {
            Some(Event::Table(index)) => {
                progress.table(index, |table| table.state = TableState::Staging);
                open = Some((index, staging.load(index).await?));
            }
            Some(Event::Rows(rows)) => {
                if let Some((index, loader)) = &mut open {
                    let count = memchr::memchr_iter(b'\n', &rows).count() as u64;
                    loader.send(rows).await?;
                    progress.table(*index, |table| table.rows_done += count);
                }
            }
            Some(Event::EndTable(totals)) => {
                if let Some((index, loader)) = open.take() {
                    let loaded = loader.finish().await?;
                    if loaded != totals.rows {
                        let table = plan.incoming[index].table.name.clone();
                        return Err(RestoreError::Unequal {
                            table,
                            differences: loaded.abs_diff(totals.rows),
                        });
                    }
                    let sum = &mut sums[index];
                    *sum = (sum.0 + totals.rows, sum.1.wrapping_add(totals.hash));
                    let rows = sum.0;
                    progress.table(index, |table| {
                        table.state = TableState::Staged;
                        table.rows_done = rows;
                        table.rows_total = Some(rows);
                    });
                }
            }
            Some(Event::End { sequences, totals }) => {
                let refusals = staging.refusals().await?;
                if !refusals.is_empty() {
                    return Err(RestoreError::Rows { reasons: refusals });
                }
                let digests = plan.incoming.iter().zip(sums).map(|(incoming, (rows, hash))| TableDigest {
                    name: incoming.table.name.to_string(),
                    rows,
                    hash: format!("{hash:032x}"),
                });
                return Ok(Staged { digests: digests.collect(), staging, sequences, totals });
            }
            // The reader has returned the end already, or an error.
            None => return Err(RestoreError::Ended),
        }
    }
}
