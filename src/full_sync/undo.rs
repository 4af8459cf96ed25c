//! Takes a committed sync back: the rows that it replaced come from this very database, so no peer has a part in it.

use super::session::{Outcome, Session};
use super::target::at;
use crate::catalog::{Making, parents_first};
use crate::clock::now_us;
use crate::database::Undoing;
use crate::model::{
    Code, ConflictPolicy, DeletePolicy, Direction, Kind, Phase, Relation, Step, SyncError, SyncResult,
    SyncStatus, text,
};
use crate::restore::{self, Options, Plan, Staged};
use crate::store::Store;

pub(super) const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// Until when what this session replaces is kept, and how many bytes of it at most. None when nothing is kept.
pub(super) fn limits(session: &Session) -> Option<(i64, u64)> {
    let (config, status) = (&session.node.config, session.progress.status());
    let keeps = status.kind != Kind::Preview && status.options.undo && config.undo_days > 0;
    keeps.then(|| (now_us() + i64::from(config.undo_days) * DAY_US, u64::from(config.undo_mb) << 20))
}

/// Says why a session cannot be undone from here.
pub(super) fn refuse(undone: &SyncStatus) -> Result<(), SyncError> {
    let refused = |message: String, hint: &str| Err(SyncError::new(Code::Refused, message).hint(hint));
    if undone.direction == Direction::Push {
        return refused(
            format!("This session has changed the database of {}, not this one.", undone.peer),
            "Undo it there: the rows that it replaced are kept where they were.",
        );
    }
    if undone.phase == Phase::Undone {
        return refused("This session has been undone already.".to_owned(), "The undo itself can be undone.");
    }
    let result = undone.result.as_ref().filter(|_| undone.phase.is_committed());
    match result.map(|result| (result.undo_until_us, result.inserted + result.updated + result.deleted)) {
        Some((Some(until), _)) if until > now_us() => Ok(()),
        Some((Some(_), _)) => refused(
            "The rows that this session replaced are not kept any more.".to_owned(),
            "TANDEM_UNDO_DAYS says for how long they are.",
        ),
        Some((None, written)) if written > 0 => refused(
            "The rows that this session replaced were not kept.".to_owned(),
            "The option undo, TANDEM_UNDO_DAYS and TANDEM_UNDO_MB decide it; the session's log names a table that does not allow it.",
        ),
        _ => refused(
            "This session has nothing that could be undone.".to_owned(),
            "Only a sync that has written rows can be undone.",
        ),
    }
}

/// Brings back what `undone` replaced and deleted, and removes what it inserted. Rows that were changed since are left
/// alone and listed, or with `force` overwritten.
pub(super) async fn undo(session: &Session, undone: SyncStatus, force: bool) -> Result<Outcome, SyncError> {
    let (progress, node) = (&session.progress, &session.node);
    progress.enter(Step::Convert, "Finds the rows that were replaced");
    let undoing = node.database.stage_undo(&session.id, &undone.session_id, force).await?;
    let Undoing { staging, incoming, rows, left_alone, left_alone_rows } = undoing;
    let tables: Vec<_> = incoming.iter().map(|incoming| incoming.table.clone()).collect();
    progress.tables(tables.iter().zip(&rows).map(|(table, rows)| (table.name.clone(), Some(*rows))));
    let plan = Plan {
        incoming,
        order: parents_first(&tables).tables,
        skipped: Vec::new(),
        notes: Vec::new(),
        making: Making::default(),
    };
    let mut staged = Staged {
        staging,
        sums: rows.iter().map(|rows| (*rows, 0)).collect(),
        unfit: vec![Vec::new(); rows.len()],
        came: rows,
        sequences: Vec::new(),
        totals: Default::default(),
    };
    progress.done(Step::Convert, "Staged");

    progress.enter(Step::Restore, "One transaction brings them back");
    let options = Options {
        session: session.id.clone(),
        deletes: DeletePolicy::Mirror,
        conflicts: ConflictPolicy::Abort,
        isolate: false,
        undo: limits(session),
        quarantine_until_us: 0,
    };
    let written = restore::merge(&plan, &mut staged, options, progress).await.map_err(at(Step::Restore))?;
    let merged = &written.merged;
    let result = SyncResult {
        inserted: merged.sum(|counts| counts.inserted),
        updated: merged.sum(|counts| counts.updated),
        deleted: merged.sum(|counts| counts.deleted),
        unchanged: merged.sum(|counts| counts.unchanged),
        rows: staged.came.iter().sum(),
        tables: tables.len() as u64,
        archive_bytes: 0,
        raw_bytes: 0,
        relation: Relation::Restored,
        source: None,
        target: None,
        differing: Vec::new(),
        tables_changed: merged.tables.iter().filter(|counts| counts.written() > 0).count() as u64,
        sequences_raised: 0,
        skipped: Vec::new(),
        set_aside: left_alone,
        set_aside_rows: left_alone_rows,
        undo_until_us: merged.undo_until_us,
        part: None,
    };
    let markers = vec![
        Store::mark_committed(&session.id, session.fence, &result),
        Store::mark_undone(&SyncStatus {
            phase: Phase::Undone,
            undo: Some(session.id.clone()),
            message: format!("Undone by {}.", progress.status().started_by),
            ..undone
        }),
    ];
    written.commit(markers).await.map_err(at(Step::Restore))?;
    progress.done(Step::Restore, "Committed");
    let names: Vec<_> = tables.into_iter().map(|table| table.name).collect();
    let (stale, _) = node.database.analyzable(&names).await?;
    progress.done(Step::Verify, "Every row was compared before the commit");
    let back = text::counted(result.inserted + result.updated, "row is", "rows are");
    let mut message =
        format!("Undone: {back} as before, and {} that came are gone.", text::count(result.deleted));
    if left_alone > 0 {
        let rows = text::counted(left_alone, "row that was", "rows that were");
        message = format!("{message} {rows} changed since stay as they are.");
    }
    let phase = if left_alone == 0 { Phase::Verified } else { Phase::Completed };
    Ok(Outcome { result: Some(result), stale, ..Outcome::new(phase, message) })
}
