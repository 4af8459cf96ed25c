//! Staged rows -> the target's tables, in one transaction that proves itself before it commits.

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;

use super::{LeftOuts, Plan, RestoreError, Staged, left_out};
use crate::archive::TableHasher;
use crate::database::{DatabaseError, Incoming, Kept, LeftOut, Merge, Repointed, Statement};
use crate::model::{ConflictPolicy, DeletePolicy, SessionId, Step, TableState, text};
use crate::progress::Progress;

pub(crate) struct Options {
    pub session: SessionId,
    pub deletes: DeletePolicy,
    pub conflicts: ConflictPolicy,
    /// Rows that the target refuses are left out, and the rest commits.
    pub isolate: bool,
    /// What is replaced is kept until then (microseconds UTC), unless it takes more than so many bytes.
    pub undo: Option<(i64, u64)>,
    /// Rows that are left out are kept until then when nothing else is.
    pub quarantine_until_us: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// One for each table of the plan.
    pub tables: Vec<Counts>,
    /// Until when it can be undone.
    pub undo_until_us: Option<i64>,
    /// One for each table, when rows may be left out.
    pub left_out: Vec<LeftOuts>,
}

/// Everything is written and proven; only the commit is left.
pub(crate) struct Uncommitted {
    pub merged: Merged,
    transaction: Box<dyn Merge>,
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
    /// Incoming rows that were left out, and the sum of their hashes.
    pub left_out: (u64, u128),
    /// References that were repointed to rows of the target's own, and what the sum of all hashes is greater by since.
    pub repointed: (u64, u128),
}

/// Each takes at least one more row away, and one more generation of children.
const ROUNDS: u32 = 100;
const UNIQUE: &str = "23505";
const EXCLUSION: &str = "23P01";

impl Options {
    /// What is done about conflicts. Where rows that only the target has go first there are none.
    fn resolves(&self) -> Option<ConflictPolicy> {
        let keeps = self.deletes == DeletePolicy::Keep && self.conflicts != ConflictPolicy::Abort;
        keeps.then_some(self.conflicts)
    }

    /// Rows may be left out.
    pub(crate) fn sets_aside(&self) -> bool {
        self.isolate || matches!(self.conflicts, ConflictPolicy::Skip | ConflictPolicy::Target)
    }
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

impl Uncommitted {
    /// Commits the rows together with `markers`: each must write exactly one row, or another process has taken over.
    pub(crate) async fn commit(mut self, markers: Vec<Statement>) -> Result<Merged, RestoreError> {
        for marker in markers {
            if self.transaction.execute(marker).await? != 1 {
                return Err(RestoreError::Superseded);
            }
        }
        self.transaction.commit().await?;
        Ok(self.merged)
    }
}

/// Writes what differs, in one transaction. Where rows may be left out and the target refuses some, it is tried again
/// without them; otherwise a refusal is the end, and says as much as can be found out.
pub(crate) async fn merge(
    plan: &Plan,
    staged: &mut Staged,
    options: Options,
    progress: &Progress,
) -> Result<Uncommitted, RestoreError> {
    let mut repointed = Vec::new();
    for _ in 0..ROUNDS {
        let refused = match attempt(plan, staged, &options, &repointed, progress).await {
            Err(error) if error.is_about_rows() => error,
            other => return other,
        };
        if !options.isolate {
            return Err(explained(plan, staged, refused).await);
        }
        progress.enter(Step::Restore, "Looks for the rows that the target refuses");
        let mirror = options.deletes == DeletePolicy::Mirror;
        if let Some(policy @ (ConflictPolicy::Skip | ConflictPolicy::Target)) = options.resolves() {
            repointed.extend(staged.staging.resolve(&plan.order, policy).await?.repointed);
        }
        let replace = options.resolves() == Some(ConflictPolicy::Source);
        let found = staged.staging.isolate(&plan.order, mirror, replace).await?;
        if found == 0 {
            return Err(refused);
        }
        let found = text::counted(found, "row", "rows");
        progress.warn(
            Step::Restore,
            format!("The target refuses {found}: left out, and tried again without them"),
        );
    }
    Err(RestoreError::Rows { reasons: vec![format!("the target still refuses rows after {ROUNDS} rounds")] })
}

/// A unique value that is taken is more helpful with the two rows that want it.
async fn explained(plan: &Plan, staged: &mut Staged, error: RestoreError) -> RestoreError {
    let RestoreError::Database(refusal) = &error else { return error };
    if ![UNIQUE, EXCLUSION].contains(&refusal.sqlstate()) {
        return error;
    }
    match staged.staging.conflicts(&plan.order).await {
        Ok(mut reasons) if !reasons.is_empty() => {
            reasons.insert(0, error.to_string());
            RestoreError::Conflicts { reasons }
        }
        // Another incoming row may hold the value; the server's own words are left.
        Ok(_) => error,
        Err(failed) => {
            tracing::warn!(error = %failed, "the rows that are in conflict cannot be named");
            error
        }
    }
}

/// Deletes (children first), updates and inserts (parents first), checks every foreign key and every row.
/// Whatever fails, the target is as it was.
async fn attempt(
    plan: &Plan,
    staged: &mut Staged,
    options: &Options,
    repointed: &[Repointed],
    progress: &Progress,
) -> Result<Uncommitted, RestoreError> {
    let tables = plan.incoming.len();
    let mut transaction = staged.staging.begin().await?;
    progress.info(
        Step::Restore,
        format!("Transaction open, {tables} tables locked against writers: {}", transaction.mode()),
    );
    for warning in transaction.warnings() {
        progress.warn(Step::Restore, warning);
    }
    let mut merging = Merging {
        plan,
        sums: &staged.sums,
        came: &staged.came,
        unfit: &staged.unfit,
        options,
        progress,
        transaction: &mut *transaction,
        merged: Merged { tables: vec![Counts::default(); tables], ..Merged::default() },
    };
    merging.leave_out(repointed).await?;
    merging.delete().await?;
    merging.upsert().await?;
    merging.delete_rest().await?;
    merging.demand_parents().await?;
    merging.demand_equal().await?;
    let mut merged = merging.merged;
    if let Some((until_us, most_bytes)) = options.undo {
        merged.undo_until_us = keep(&mut *transaction, until_us, most_bytes, progress).await?;
    }
    Ok(Uncommitted { merged, transaction })
}

/// One attempt: the steps of the transaction.
struct Merging<'a> {
    plan: &'a Plan,
    sums: &'a [(u64, u128)],
    came: &'a [u64],
    unfit: &'a [Vec<LeftOut>],
    options: &'a Options,
    progress: &'a Progress,
    transaction: &'a mut dyn Merge,
    merged: Merged,
}

impl Merging<'_> {
    /// Conflicts are cleared away first; what was left out by then is written down. `repointed` are the references that
    /// an earlier attempt has repointed for good.
    async fn leave_out(&mut self, repointed: &[Repointed]) -> Result<(), RestoreError> {
        let options = self.options;
        self.count_repointed(repointed);
        if let Some(policy) = options.resolves() {
            let resolved = self.transaction.resolve(&self.plan.order, policy).await?;
            for note in resolved.notes {
                self.progress.warn(Step::Restore, note);
            }
            self.count_repointed(&resolved.repointed);
            for own in resolved.own {
                let counts = &mut self.merged.tables[own.index];
                counts.deleted += own.deleted;
                counts.updated += own.updated;
            }
        }
        if !options.sets_aside() {
            return Ok(());
        }
        let until_us = options.undo.map_or(options.quarantine_until_us, |(until_us, _)| until_us);
        let left_out =
            left_out::gather(self.transaction, self.plan, self.unfit, &options.session, until_us).await?;
        for (counts, left_out) in self.merged.tables.iter_mut().zip(&left_out) {
            counts.left_out = (left_out.count(), left_out.hash);
        }
        self.merged.left_out = left_out;
        Ok(())
    }

    fn count_repointed(&mut self, repointed: &[Repointed]) {
        for repointed in repointed {
            let (references, change) = &mut self.merged.tables[repointed.index].repointed;
            *references += repointed.references;
            *change = change.wrapping_add(repointed.after).wrapping_sub(repointed.before);
        }
    }

    /// Whether rows that only the target has go. Which of them one that did not fit belongs to is not known, so in its
    /// table none goes.
    fn deletes(&self, index: usize) -> bool {
        self.options.deletes == DeletePolicy::Mirror && self.unfit[index].is_empty()
    }

    async fn delete(&mut self) -> Result<(), RestoreError> {
        for &index in self.plan.order.iter().rev() {
            if self.deletes(index) {
                self.merged.tables[index].deleted = self.transaction.delete_surplus(index).await?;
            }
        }
        Ok(())
    }

    async fn upsert(&mut self) -> Result<(), RestoreError> {
        for (done, &index) in self.plan.order.iter().enumerate() {
            self.progress.table(index, |table| table.state = TableState::Merging);
            let (left_out, _) = self.merged.tables[index].left_out;
            let source_rows = self.sums[index].0.saturating_sub(left_out);
            let staged_rows = self.came[index].saturating_sub(left_out);
            let incoming = &self.plan.incoming[index];
            // Of a part with a key, the rows that the source does not have are known by their keys.
            let is_part = incoming.partial && !incoming.table.key().is_empty();
            let before = if is_part { 0 } else { self.transaction.row_count(index).await? };
            let written = self.transaction.upsert(index, staged_rows).await?;
            let counts = &mut self.merged.tables[index];
            counts.inserted = written.inserted;
            // Beside rows of the target's own that reference other rows since a conflict.
            counts.updated += written.updated;
            counts.unchanged = source_rows - written.inserted - written.updated;
            counts.target_only = (before + written.inserted).saturating_sub(source_rows);
            self.show(index);
            self.progress.table(index, |table| table.state = TableState::Merged);
            let tables = self.plan.order.len() as u64;
            self.progress.step(Step::Restore, done as u64 + 1, Some(tables));
        }
        Ok(())
    }

    /// Rows that could not go before others had stopped to point to them.
    async fn delete_rest(&mut self) -> Result<(), RestoreError> {
        for &index in self.plan.order.iter().rev() {
            if self.deletes(index) {
                let rest = self.transaction.delete_rest(index).await?;
                let counts = &mut self.merged.tables[index];
                counts.deleted += rest;
                counts.target_only = counts.target_only.saturating_sub(rest);
                self.show(index);
            }
        }
        Ok(())
    }

    async fn demand_parents(&mut self) -> Result<(), RestoreError> {
        let counts = self.merged.tables.iter().enumerate();
        let touched: Vec<usize> =
            counts.filter(|(_, counts)| counts.written() > 0).map(|(index, _)| index).collect();
        let orphans = self.transaction.orphans(&touched).await?;
        if orphans.is_empty() { Ok(()) } else { Err(RestoreError::Orphans { reasons: orphans }) }
    }

    async fn demand_equal(&mut self) -> Result<(), RestoreError> {
        self.progress.enter(Step::Restore, "Compares every row with what was sent, before the commit");
        for &index in &self.plan.order {
            let (incoming, whole) = (&self.plan.incoming[index], self.deletes(index));
            let counts = self.merged.tables[index];
            let mut differences = self.transaction.differences(index, whole).await?;
            // Rows that somebody has written to a partial table since it was read were not looked at.
            if whole && !incoming.partial && counts.left_out.0 == 0 {
                differences = differences.max(counts.target_only);
            }
            if differences > 0 {
                return Err(RestoreError::Unequal { table: incoming.table.name.clone(), differences });
            }
            if (counts.target_only > 0 || incoming.partial) && !incoming.table.key().is_empty() {
                // What the table's hash is greater by than the source's.
                let (rows, hash) = hashed(self.transaction.own_rows(index).await?, incoming).await?;
                let counts = &mut self.merged.tables[index];
                counts.target_only_hash = Some(hash);
                if incoming.partial {
                    // Rows outside of the scope were not looked at: they are neither kept nor the target's own in it.
                    counts.target_only = rows;
                    self.show(index);
                }
            }
            self.progress.touch();
        }
        Ok(())
    }

    fn show(&self, index: usize) {
        let counts = self.merged.tables[index];
        self.progress.table(index, |table| {
            (table.inserted, table.updated, table.deleted) =
                (counts.inserted, counts.updated, counts.deleted);
            (table.unchanged, table.target_only) = (counts.unchanged, counts.target_only);
        });
    }
}

async fn keep(
    transaction: &mut dyn Merge,
    until_us: i64,
    most_bytes: u64,
    progress: &Progress,
) -> Result<Option<i64>, RestoreError> {
    Ok(match transaction.keep(until_us, most_bytes).await? {
        Kept::Until(until_us) => Some(until_us),
        Kept::Nothing => None,
        Kept::Impossible { table } => {
            progress.warn(
                Step::Restore,
                format!("This sync cannot be undone: {table} has a rule that fires while rows are written"),
            );
            None
        }
        Kept::TooLarge { bytes } => {
            let (bytes, most) = (text::bytes(bytes), text::bytes(most_bytes));
            progress.warn(
                Step::Restore,
                format!("This sync cannot be undone: what it replaces takes {bytes}, more than {most} (TANDEM_UNDO_MB)"),
            );
            None
        }
    })
}

/// How many rows there are, and the sum of their hashes.
pub(super) async fn hashed(
    mut rows: BoxStream<'_, Result<Bytes, DatabaseError>>,
    incoming: &Incoming,
) -> Result<(u64, u128), RestoreError> {
    let mut hasher = TableHasher::new(&incoming.columns);
    while let Some(chunk) = rows.try_next().await? {
        hasher.update(&chunk).map_err(|cause| RestoreError::Unreadable {
            table: incoming.table.name.clone(),
            reason: cause.to_string(),
        })?;
    }
    Ok(hasher.finish())
}
