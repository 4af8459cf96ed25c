//! The proof after the commit: the two databases compared, the source in the snapshot that was synced, the target as it
//! is now.

use std::collections::{BTreeSet, HashMap};

use super::session::Session;
use super::target::at;
use crate::archive::hex;
use crate::catalog::Table;
use crate::compare::{self, Selected, Stayed};
use crate::database::{DatabaseError, Incoming, View};
use crate::model::{Relation, Step, SyncError, SyncResult, TableDigest, text};
use crate::restore::{Counts, Merged, Plan, Stays};

/// Compares the two databases and says how they relate. After a delta the target is read only as far as it was written
/// to since it was read: of the tables that differed it is known what `stays`, and the `equal` ones were to stay whole.
pub(super) async fn verify(
    session: &Session,
    plan: &Plan,
    merged: &Merged,
    (stays, equal): (Option<Stays>, Vec<Stayed>),
    result: &mut SyncResult,
) -> Result<(), SyncError> {
    let progress = &session.progress;
    let tables = result.tables;
    let chosen = progress.status().options.rows.len() as u64;
    progress.enter(Step::Verify, "Reads the database once more");
    progress.step(Step::Verify, 0, Some(tables));
    let target = Target { session, plan, merged, equal: &equal };
    let known = match &stays {
        Some(stays) => target.known(stays).await.map_err(at(Step::Verify))?,
        None => Vec::new(),
    };
    let is_short = !known.is_empty();
    let mut ours = target.digests(known).await.map_err(at(Step::Verify))?;
    progress.enter(Step::Verify, "Waits for the source's own comparison");
    let theirs = session.source_digests().await;
    let mut found = relation(&ours, &theirs, merged);
    if is_short && matches!(found, Relation::Unverified { .. }) {
        progress.enter(Step::Verify, "Something differs: reads the database whole");
        ours = target.digests(Vec::new()).await.map_err(at(Step::Verify))?;
        found = relation(&ours, &theirs, merged);
    }

    let comparison = compare::compare(&session.peer, &ours, &theirs);
    // Neither those that were left out are as on the source, nor those that only the target has and keeps.
    let own = |counts: &Counts| counts.target_only_hash.map_or(0, |_| counts.target_only);
    let came = chosen.saturating_sub(result.set_aside + merged.sum(own));
    result.relation = if chosen == 0 { found } else { Relation::Chosen { rows: came } };
    result.differing.clone_from(&comparison.differing);
    // What was found out about a part says nothing of the databases.
    if result.part.is_none() {
        session.node.store.save_comparison(&comparison).await.map_err(at(Step::Verify))?;
        result.source = Some(comparison.remote);
        result.target = Some(comparison.local);
    }
    match &result.relation {
        Relation::Identical => {
            let tables = text::counted(tables, "table", "tables");
            progress.info(
                Step::Verify,
                format!("Identical: {tables}, {}", text::counted(result.rows, "row", "rows")),
            );
        }
        Relation::Contains { target_only_rows } => progress.info(
            Step::Verify,
            format!(
                "Every row of the source is there; {} of the target's own were kept",
                text::counted(*target_only_rows, "row", "rows")
            ),
        ),
        Relation::Unverified { reason } => progress.warn(Step::Verify, reason),
        Relation::Except { .. } | Relation::Chosen { .. } | Relation::Restored => {}
    }
    progress.step(Step::Verify, tables, Some(tables));
    progress.done(Step::Verify, "Compared");
    Ok(())
}

/// This database after the commit.
struct Target<'a> {
    session: &'a Session,
    plan: &'a Plan,
    merged: &'a Merged,
    equal: &'a [Stayed],
}

impl Target<'_> {
    /// The tables that need not be read whole. The transaction has proven that no outdated version of a row was left but
    /// those of the target's own rows.
    async fn known(&self, stays: &Stays) -> Result<Vec<TableDigest>, DatabaseError> {
        let options = self.session.progress.status().options;
        // Of chosen rows others stay too, and of a part nobody counts the rows that are not in it.
        let is_part = !options.rows.is_empty() || options.scope.chooses_rows();
        if is_part || self.merged.sum(Counts::written) == 0 {
            return Ok(self.equal.iter().map(|(_, digest)| digest.clone()).collect());
        }
        let mut tables = self.equal.to_vec();
        let incoming = self.plan.incoming.iter().zip(&self.merged.tables).zip(&stays.tables);
        for ((Incoming { table, columns, .. }, counts), stays) in incoming {
            if let (Some((rows, hash)), Some(own)) = (stays, counts.target_only_hash) {
                let (rows, hash) = (rows + counts.target_only, hex(hash.wrapping_add(own)));
                let stayed = TableDigest { name: table.name.to_string(), rows, hash };
                tables.push((compare::selected(table, columns.clone()), stayed));
            }
        }
        let known: Vec<Table> = tables.iter().map(|((table, _), _)| table.clone()).collect();
        let snapshot = self.session.node.database.snapshot(&self.session.id, View::Tables(&known)).await?;
        let looked = compare::digests_since(&*snapshot, &stays.moment, &tables).await?;
        let read: u64 = looked.iter().map(|(_, rows)| rows).sum();
        let digests: Vec<TableDigest> = looked.into_iter().filter_map(|(digest, _)| digest).collect();
        let all = digests.iter().map(|digest| digest.rows).sum();
        self.session.progress.info(
            Step::Verify,
            format!(
                "{} of {} were written since both databases were read, and are read again",
                text::count(read),
                text::counted(all, "row", "rows")
            ),
        );
        Ok(digests)
    }

    /// All tables as they are now: those that are `known` already, and the others read. Of a table of which only some
    /// rows of a part were compared, the same part is read; of the others everything, the rows outside of the part among
    /// the target's own.
    async fn digests(&self, known: Vec<TableDigest>) -> Result<Vec<TableDigest>, DatabaseError> {
        let (progress, database) = (&self.session.progress, &self.session.node.database);
        let scope = progress.status().options.scope;
        let incoming =
            self.plan.incoming.iter().map(|it| {
                (compare::selected(&it.table, it.columns.clone()), it.partial && scope.chooses_rows())
            });
        let tables =
            incoming.chain(self.equal.iter().map(|(selected, _)| (selected.clone(), scope.chooses_rows())));
        let tables: Vec<(Selected, bool)> = tables.collect();
        let by_name: HashMap<String, usize> =
            tables.iter().enumerate().map(|(at, ((table, _), _))| (table.name.to_string(), at)).collect();
        let place = |digest: &TableDigest| by_name.get(&digest.name).copied();
        let places: BTreeSet<Option<usize>> = known.iter().map(place).collect();
        let unknown = tables.iter().enumerate().filter(|(at, _)| !places.contains(&Some(*at)));
        let (part, whole): (Vec<_>, Vec<_>) = unknown.partition(|(_, (_, in_part))| *in_part);
        let mut digests = known;
        for (unknown, in_part) in [(whole, false), (part, true)] {
            if !unknown.is_empty() {
                let selected: Vec<Selected> =
                    unknown.into_iter().map(|(_, (selected, _))| selected.clone()).collect();
                let known: Vec<Table> = selected.iter().map(|(table, _)| table.clone()).collect();
                let view = if in_part { View::Like(&scope) } else { View::Tables(&known) };
                let (before, all) = (digests.len(), Some(tables.len() as u64));
                let done = |done: usize| progress.step(Step::Verify, (before + done) as u64, all);
                let snapshot = database.snapshot(&self.session.id, view).await?;
                digests.extend(compare::digests(&*snapshot, &selected, done).await?);
            }
        }
        digests.sort_by_key(place);
        Ok(digests)
    }
}

/// Equal digests prove equality. Where the target kept rows of its own, its hash must be greater by just theirs, and
/// where references were repointed to them, by what that has changed; a table without a key is then proven by its count,
/// and by the row-for-row check inside the transaction. Anything else is a difference that nobody can explain.
fn relation(ours: &[TableDigest], theirs: &[TableDigest], merged: &Merged) -> Relation {
    let differing = compare::differing(ours, theirs);
    let own_rows = merged.sum(|counts| counts.target_only);
    let unexplained: Vec<&String> = differing
        .iter()
        .filter(|name| {
            let at = |digests: &[TableDigest]| digests.iter().position(|digest| digest.name == **name);
            let (Some(here), Some(there)) = (at(ours), at(theirs)) else { return true };
            let Some(counts) = merged.tables.get(here) else { return true };
            let (theirs, ours, left_out) = (&theirs[there], &ours[here], counts.left_out);
            (counts.target_only, left_out.0, counts.repointed.0) == (0, 0, 0)
                || match counts.target_only_hash.or((counts.target_only == 0).then_some(0)) {
                    Some(hash) => {
                        let own = (counts.target_only, hash.wrapping_add(counts.repointed.1));
                        compare::with_and_without(theirs, own, left_out).as_ref() != Some(ours)
                    }
                    None => theirs.rows + counts.target_only - left_out.0 != ours.rows,
                }
        })
        .collect();
    if !unexplained.is_empty() {
        let names: Vec<&str> = unexplained.iter().map(|name| name.as_str()).collect();
        return Relation::Unverified {
            reason: format!(
                "After the commit these tables differ from the source: {}. Another program may have written to them since; compare again.",
                names.join(", ")
            ),
        };
    }
    let left_out = merged.sum(|counts| counts.left_out.0);
    if left_out > 0 {
        let repointed = merged.sum(|counts| counts.repointed.0);
        return Relation::Except { left_out, repointed, target_only_rows: own_rows };
    }
    if own_rows == 0 { Relation::Identical } else { Relation::Contains { target_only_rows: own_rows } }
}
