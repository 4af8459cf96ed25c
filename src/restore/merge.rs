//! Staged rows -> the target's tables, in one transaction that proves itself before it commits.

use futures::TryStreamExt;

use super::{Plan, RestoreError, Staged};
use crate::archive::TableHasher;
use crate::database::{Incoming, Merge, Statement};
use crate::model::{DeletePolicy, Step, TableState};
use crate::progress::Progress;

pub(crate) struct Options {
    pub deletes: DeletePolicy,
    /// Commits with the rows; must write exactly one row, or another process has taken over.
    pub marker: Statement,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Merged {
    /// One for each table of the plan.
    pub tables: Vec<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    /// Rows that only the target has, and kept.
    pub target_only: u64,
    /// The sum of their hashes; None for a table without a key.
    pub target_only_hash: Option<u128>,
}

impl Counts {
    pub(crate) fn written(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

impl Merged {
    pub(crate) fn sum(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        self.tables.iter().map(of).sum()
    }
}

/// Deletes (children first), updates and inserts (parents first), checks every foreign key and every row, commits.
/// Whatever fails, the target is as it was.
pub(crate) async fn merge(
    plan: &Plan,
    staged: &mut Staged,
    options: Options,
    progress: &Progress,
) -> Result<Merged, RestoreError> {
    let tables = plan.incoming.len();
    let mut transaction = staged.staging.begin().await?;
    progress.info(
        Step::Restore,
        format!("Transaction open, {tables} tables locked against writers: {}", transaction.mode()),
    );
    let mut merged = Merged { tables: vec![Counts::default(); tables] };

    if options.deletes == DeletePolicy::Mirror {
        for &index in plan.order.iter().rev() {
            merged.tables[index].deleted = transaction.delete_surplus(index).await?;
        }
    }
    for (done, &index) in plan.order.iter().enumerate() {
        progress.table(index, |table| table.state = TableState::Merging);
        let (source_rows, _) = staged.sums[index];
        let written = transaction.upsert(index, source_rows).await?;
        let counts = &mut merged.tables[index];
        (counts.inserted, counts.updated) = (written.inserted, written.updated);
        counts.unchanged = source_rows - written.inserted - written.updated;
        counts.target_only = transaction.row_count(index).await?.saturating_sub(source_rows);
        let counts = *counts;
        progress.table(index, |table| {
            table.state = TableState::Merged;
            (table.inserted, table.updated, table.deleted) =
                (counts.inserted, counts.updated, counts.deleted);
            (table.unchanged, table.target_only) = (counts.unchanged, counts.target_only);
        });
        progress.step(Step::Restore, done as u64 + 1, Some(tables as u64));
    }

    let touched: Vec<usize> = (0..tables).filter(|&index| merged.tables[index].written() > 0).collect();
    let orphans = transaction.orphans(&touched).await?;
    if !orphans.is_empty() {
        return Err(RestoreError::Orphans { reasons: orphans });
    }
    progress.enter(Step::Restore, "Compares every row with what was sent, before the commit");
    for &index in &plan.order {
        let whole = options.deletes == DeletePolicy::Mirror;
        let mut differences = transaction.differences(index, whole).await?;
        // Rows that somebody has written to a partial table since it was read were not looked at.
        if whole && !plan.incoming[index].partial {
            differences = differences.max(merged.tables[index].target_only);
        }
        if differences > 0 {
            return Err(RestoreError::Unequal {
                table: plan.incoming[index].table.name.clone(),
                differences,
            });
        }
        let counts = &mut merged.tables[index];
        if counts.target_only > 0 && !plan.incoming[index].table.key().is_empty() {
            let (rows, hash) = own_rows(&mut *transaction, index, &plan.incoming[index]).await?;
            counts.target_only_hash = Some(hash);
            if plan.incoming[index].partial {
                // Rows outside of the scope were not looked at: they are neither kept nor the target's own in it.
                counts.target_only = rows;
                progress.table(index, |table| table.target_only = rows);
            }
        }
        progress.touch();
    }
    if transaction.execute(options.marker).await? != 1 {
        return Err(RestoreError::Superseded);
    }
    transaction.commit().await?;
    Ok(merged)
}

/// The rows that only the target has, and what its table's hash is greater by than the source's.
async fn own_rows(
    transaction: &mut dyn Merge,
    index: usize,
    incoming: &Incoming,
) -> Result<(u64, u128), RestoreError> {
    let mut hasher = TableHasher::new(&incoming.columns);
    let mut rows = transaction.own_rows(index).await?;
    while let Some(chunk) = rows.try_next().await? {
        hasher.update(&chunk).map_err(|cause| RestoreError::Unreadable {
            table: incoming.table.name.clone(),
            reason: cause.to_string(),
        })?;
    }
    Ok(hasher.finish())
}
