//! The archive's rows -> staging tables, while they arrive.

use super::{Plan, RestoreError};
use crate::archive::{ArchiveReader, ArchiveTotals, Event, SequenceValue, TableTotals};
use crate::database::{Incoming, LeftOut, Staging};
use crate::model::TableState;
use crate::progress::Progress;

/// All rows of the archive, in the target database but beside its tables.
pub(crate) struct Staged {
    pub staging: Box<dyn Staging>,
    /// The source's rows of each table and the sum of their hashes: proven by the reader against the rows that came.
    pub sums: Vec<(u64, u128)>,
    /// The rows of each table that came: of a part fewer than the source has.
    pub came: Vec<u64>,
    /// Rows of each table that the target's types cannot hold.
    pub unfit: Vec<Vec<LeftOut>>,
    pub sequences: Vec<SequenceValue>,
    pub totals: ArchiveTotals,
}

/// Loads every table of `plan`, checks what can be checked before the transaction, and refuses with every reason.
pub(crate) async fn stage(
    mut staging: Box<dyn Staging>,
    plan: &Plan,
    mut archive: ArchiveReader,
    progress: &Progress,
) -> Result<Staged, RestoreError> {
    let mut sums = vec![(0u64, 0u128); plan.incoming.len()];
    let mut unfit = vec![Vec::new(); plan.incoming.len()];
    loop {
        match archive.next().await? {
            Some(Event::Table(index)) => {
                let (totals, refused) =
                    table(&mut *staging, index, &plan.incoming[index], &mut archive, progress).await?;
                unfit[index].extend(refused);
                let sum = &mut sums[index];
                *sum = (sum.0 + totals.rows, sum.1.wrapping_add(totals.hash));
                let rows = sum.0;
                progress.table(index, |table| {
                    table.state = TableState::Staged;
                    table.rows_done = rows;
                    table.rows_total = Some(rows);
                });
            }
            Some(Event::End { sequences, totals }) => {
                let refusals = staging.refusals().await?;
                if !refusals.is_empty() {
                    return Err(RestoreError::Rows { reasons: refusals });
                }
                let came = sums.iter().map(|(rows, _)| *rows).collect();
                return Ok(Staged { sums, came, staging, unfit, sequences, totals });
            }
            // The reader refuses rows outside of a table, and has returned the end already, or an error.
            Some(Event::Rows(_) | Event::EndTable(_)) | None => return Err(RestoreError::Ended),
        }
    }
}

/// Loads one section of the archive.
async fn table(
    staging: &mut dyn Staging,
    index: usize,
    incoming: &Incoming,
    archive: &mut ArchiveReader,
    progress: &Progress,
) -> Result<(TableTotals, Vec<LeftOut>), RestoreError> {
    progress.table(index, |table| table.state = TableState::Staging);
    // A table without rows costs nothing.
    let mut rows = match archive.next().await? {
        Some(Event::Rows(rows)) => rows,
        Some(Event::EndTable(totals)) => return Ok((totals, Vec::new())),
        Some(Event::Table(_) | Event::End { .. }) | None => return Err(RestoreError::Ended),
    };
    let mut loader = staging.load(index).await?;
    let totals = loop {
        let count = memchr::memchr_iter(b'\n', &rows).count() as u64;
        loader.send(rows).await?;
        progress.table(index, |table| table.rows_done += count);
        rows = match archive.next().await? {
            Some(Event::Rows(rows)) => rows,
            Some(Event::EndTable(totals)) => break totals,
            Some(Event::Table(_) | Event::End { .. }) | None => return Err(RestoreError::Ended),
        };
    };
    let loaded = loader.finish().await?;
    if loaded.rows == totals.rows {
        return Ok((totals, loaded.unfit));
    }
    let (table, differences) = (incoming.table.name.clone(), loaded.rows.abs_diff(totals.rows));
    Err(RestoreError::Unequal { table, differences })
}
