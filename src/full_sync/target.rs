//! The target's part, in a pull and in a push alike: stage what arrives, merge, commit, compare.

use std::collections::HashMap;
use std::mem::take;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::additive;
use super::delta::{self, Difference};
use super::line::Line;
use super::session::{Outcome, Session};
use super::verify::verify;
use super::{preview, undo};
use crate::archive::{ArchiveReader, Spool};
use crate::catalog::TableName;
use crate::clock::now_us;
use crate::compare::Stayed;
use crate::database::{DatabaseError, LARGE_OBJECTS, Usage};
use crate::model::{Code, Kind, Phase, Relation, RowErrors, Step, SyncError, SyncResult, TableState, text};
use crate::restore::{self, Merged, Options, Plan, Staged};
use crate::store::Store;

/// Rows that are named of those that were left out.
const SHOWN: usize = 100;
/// Rows that were left out are kept for a week where nothing else is said.
const QUARANTINE_US: i64 = 7 * undo::DAY_US;

/// What differs, when the nodes have looked for it and it is worth it. A preview can end with that.
pub(super) async fn difference(
    session: &Session,
    line: Option<Line<'_>>,
) -> Result<ControlFlow<Outcome, Option<Difference>>, SyncError> {
    match line {
        Some(line) => delta::find(session, line).await,
        None => Ok(ControlFlow::Continue(None)),
    }
}

/// Restores the archive that the spool holds or is about to hold: of everything, or of the rows of a `difference`.
pub(super) async fn restore(
    session: &Session,
    spool: Arc<Spool>,
    mut difference: Option<Difference>,
) -> Result<Outcome, SyncError> {
    let (progress, database) = (&session.progress, &*session.node.database);
    let options = progress.status().options;

    progress.enter(Step::Convert, "Waits for the first rows");
    let (manifest, archive) =
        ArchiveReader::open(Box::pin(spool.read_from(0))).await.map_err(at(Step::Convert))?;
    let sections = &manifest.sections;
    let (source, target) = match &mut difference {
        Some(difference) => (take(&mut difference.source), take(&mut difference.catalog)),
        None => {
            let source = restore::described(&manifest).map_err(at(Step::Convert))?;
            let target = database.catalog().await.map_err(at(Step::Convert))?;
            let target = additive::catalog(session, &source, sections, target);
            match target.await.map_err(at(Step::Convert))? {
                ControlFlow::Continue(target) => (source, target),
                ControlFlow::Break(outcome) => return Ok(outcome),
            }
        }
    };
    let mut plan = restore::plan(&source, sections, &target, &options).map_err(at(Step::Convert))?;
    drop((source, target, manifest));
    if let Some(difference) = &difference {
        restore::shape(&mut plan, &difference.parts).map_err(at(Step::Convert))?;
    }
    if !options.rows.is_empty() {
        plan.incoming.iter_mut().for_each(|incoming| incoming.partial = true);
    }
    let undo = undo::limits(session);
    let merge = Options {
        session: session.id.clone(),
        deletes: options.deletes,
        conflicts: options.conflicts,
        isolate: options.row_errors == RowErrors::Isolate,
        undo,
        quarantine_until_us: now_us() + QUARANTINE_US,
    };
    let set_aside = merge.sets_aside();
    if !plan.making.is_empty() && (set_aside || !options.rows.is_empty()) {
        return Err(none_left_out(&plan).at(Step::Convert));
    }
    for note in plan.making.notes().iter().chain(&plan.notes) {
        progress.info(Step::Convert, note);
    }
    let made = database.rehearse(&session.id, &plan.making).await.map_err(at(Step::Convert))?;
    for statement in &made {
        progress.info(Step::Convert, format!("Made together with the rows: {statement}"));
    }
    let expected = progress.status().tables.into_iter();
    let expected: HashMap<String, Option<u64>> =
        expected.map(|table| (table.name, table.rows_total)).collect();
    let incoming = plan.incoming.iter().map(|incoming| &incoming.table.name);
    let equal = difference.iter().flat_map(|difference| &difference.equal);
    let names = incoming.chain(equal.clone().map(|((table, _), _)| &table.name));
    progress.tables(names.map(|name| (name.clone(), expected.get(&name.display()).copied().flatten())));
    for (index, (_, digest)) in equal.enumerate() {
        progress.table(plan.incoming.len() + index, |table| {
            table.state = TableState::Merged;
            (table.rows_done, table.rows_total) = (digest.rows, Some(digest.rows));
            table.unchanged = digest.rows;
        });
    }
    progress.enter(Step::Convert, "Loads rows into staging tables");
    let straight = session.kind() == Kind::Sync && !set_aside;
    let usage = Usage { straight, undo: undo.is_some(), set_aside };
    let staging = database.stage(&session.id, &plan.incoming, &plan.making, usage);
    let mut staging = staging.await.map_err(at(Step::Convert))?;
    progress.info(Step::Convert, staging.way());
    let stays = match &difference {
        Some(Difference { parts, readings, .. }) => {
            let stays = restore::stage_outdated(&mut *staging, readings, parts, progress);
            Some(stays.await.map_err(at(Step::Convert))?)
        }
        None => None,
    };
    let staged = restore::stage(staging, &plan, archive, progress);
    let mut staged = staged.await.map_err(at(Step::Convert))?;
    let mut equal = Vec::new();
    if let (Some(difference), Some(stays)) = (difference, &stays) {
        staged.totals.archive_bytes += difference.bytes;
        equal = difference.equal;
        restore::complete(&plan, &mut staged, stays, &difference.parts).map_err(at(Step::Convert))?;
        progress.info(Step::Convert, "What stays and what came add up to exactly what the source has");
    }
    if !options.rows.is_empty() {
        restore::choose(&plan, &mut staged, (stays.as_ref(), &equal), &options.rows)
            .await
            .map_err(at(Step::Convert))?;
    }
    let rows = text::counted(staged.totals.rows, "row", "rows");
    progress.done(Step::Convert, format!("{rows} staged and checked"));
    progress.info(Step::Convert, format!("{rows} staged; every table has the hash that the source gave it"));

    if session.kind() == Kind::Preview {
        return preview::look(session, &plan, made, staged, &equal).await;
    }
    progress.enter(Step::Restore, "One transaction: only rows that differ are written");
    let written = restore::merge(&plan, &mut staged, merge, progress).await.map_err(at(Step::Restore))?;
    let mut result = result(&plan, &written.merged, &staged, &equal);
    result.part = options.scope.describe();
    let marker = Store::mark_committed(&session.id, session.fence, &result);
    let merged = written.commit(vec![marker]).await.map_err(at(Step::Restore))?;
    progress.done(Step::Restore, "Committed");
    progress.info(
        Step::Restore,
        format!(
            "Committed: {} inserted, {} updated, {} deleted, {} unchanged",
            text::counted(result.inserted, "row", "rows"),
            text::count(result.updated),
            text::count(result.deleted),
            text::count(result.unchanged)
        ),
    );
    progress.set(|status| status.result = Some(result.clone()));

    let raised =
        async { database.raise_sequences(&session.id, &staged.sequences).await.map_err(at(Step::Verify)) };
    let stale = async { stale(session, &plan, &merged, &staged.sums).await.map_err(at(Step::Verify)) };
    let verified = async {
        if options.verify {
            return verify(session, &plan, &merged, (stays, equal), &mut result).await;
        }
        result.relation =
            Relation::Unverified { reason: "The comparison after the commit was switched off.".to_owned() };
        progress.done(Step::Verify, "Switched off");
        Ok(())
    };
    let (raised, stale, ()) = tokio::try_join!(raised, stale, verified)?;
    result.sequences_raised = raised;
    Ok(Outcome { stale, ..outcome(result) })
}

/// Rows go straight into a table that is made with them.
fn none_left_out(plan: &Plan) -> SyncError {
    let tables = text::counted(plan.making.tables.len() as u64, "table is", "tables are");
    SyncError::new(Code::Refused, format!("{tables} made together with the rows, of which none can be left out then."))
        .hint("Start this sync whole, with row errors strict and conflicts abort or source. The next one can leave rows out.")
}

/// The tables of which so much was written that the planner's statistics are about others: a tenth, as autovacuum has it.
/// They are brought up to date when the sync has ended, because that takes longer than to compare the rows.
async fn stale(
    session: &Session,
    plan: &Plan,
    merged: &Merged,
    sums: &[(u64, u128)],
) -> Result<Vec<TableName>, DatabaseError> {
    let tables = plan.incoming.iter().zip(&merged.tables).zip(sums);
    let tables = tables.filter(|((_, counts), (rows, _))| counts.written() > rows / 10);
    let tables: Vec<TableName> = tables.map(|((incoming, _), _)| incoming.table.name.clone()).collect();
    if tables.is_empty() {
        return Ok(tables);
    }
    let (ours, others) = session.node.database.analyzable(&tables).await?;
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        session.progress.info(
            Step::Verify,
            format!("Not analyzed, because this role does not own them: {names}. Autovacuum will do it."),
        );
    }
    Ok(ours)
}

/// `equal` are the tables of which nothing came, because nothing differed.
fn result(plan: &Plan, merged: &Merged, staged: &Staged, equal: &[Stayed]) -> SyncResult {
    let equal_rows: u64 = equal.iter().map(|(_, digest)| digest.rows).sum();
    SyncResult {
        inserted: merged.sum(|counts| counts.inserted),
        updated: merged.sum(|counts| counts.updated),
        deleted: merged.sum(|counts| counts.deleted),
        unchanged: merged.sum(|counts| counts.unchanged) + equal_rows,
        rows: staged.sums.iter().map(|(rows, _)| rows).sum::<u64>() + equal_rows,
        tables: (plan.incoming.len() + equal.len()) as u64,
        archive_bytes: staged.totals.archive_bytes,
        raw_bytes: staged.totals.raw_bytes,
        relation: Relation::Unverified { reason: "Not compared yet.".to_owned() },
        part: None,
        source: None,
        target: None,
        differing: Vec::new(),
        tables_changed: merged.tables.iter().filter(|counts| counts.written() > 0).count() as u64,
        sequences_raised: 0,
        skipped: plan.skipped.clone(),
        set_aside: merged.sum(|counts| counts.left_out.0),
        set_aside_rows: restore::shown(plan, &merged.left_out, SHOWN),
        undo_until_us: merged.undo_until_us,
    }
}

fn outcome(result: SyncResult) -> Outcome {
    let (phase, mut message) = match &result.relation {
        Relation::Identical => {
            let of = result.part.as_ref().map(|part| format!(" of {part}")).unwrap_or_default();
            (Phase::Verified, format!("Verified: both databases hold the same rows{of}."))
        }
        Relation::Contains { target_only_rows } => {
            let of = result.part.as_deref().unwrap_or("the source");
            let own = text::counted(*target_only_rows, "row", "rows");
            (Phase::Verified, format!("Verified: every row of {of} is there, and {own} of the target's own."))
        }
        Relation::Unverified { reason } => (Phase::Completed, format!("Committed, not verified. {reason}")),
        Relation::Except { left_out, repointed, .. } => (
            Phase::Completed,
            format!(
                "Committed: every row of the source is there but {}, left out and listed{}.",
                text::counted(*left_out, "row", "rows"),
                text::repointed(*repointed)
            ),
        ),
        Relation::Chosen { rows } => {
            let rows = text::counted(*rows, "chosen row is", "chosen rows are");
            match result.set_aside {
                0 => (Phase::Verified, format!("Verified: {rows} as on the source.")),
                left_out => {
                    let left_out = text::counted(left_out, "row was", "rows were");
                    (
                        Phase::Completed,
                        format!("Committed: {rows} as on the source; {left_out} left out and listed."),
                    )
                }
            }
        }
        Relation::Restored => (Phase::Verified, "The rows are as they were before.".to_owned()),
    };
    // Views and the like hold no data of their own; what does belongs into the same sentence.
    for skipped in result.skipped.iter().filter(|skipped| skipped.reason == LARGE_OBJECTS) {
        message = format!("{message} Not synced: {}.", skipped.name);
    }
    Outcome { result: Some(result), ..Outcome::new(phase, message) }
}

/// For `map_err`: the room's error becomes the user's, with its step.
pub(super) fn at<E: Into<SyncError>>(step: Step) -> impl FnOnce(E) -> SyncError {
    move |error| error.into().at(step)
}
