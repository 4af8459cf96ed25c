//! The source's part, in a pull and in a push alike: a backup into the spool, then digests of the same snapshot.

use std::sync::Arc;

use super::delta::{self, Answer};
use super::line::Line;
use super::session::Session;
use crate::archive::SpoolWriter;
use crate::backup;
use crate::catalog::{Catalog, LEFT_OUT, Severity};
use crate::compare;
use crate::database::{Snapshot, View};
use crate::model::{Code, Comparison, Step, SyncError, SyncResult, text};

/// Writes what the target needs: what it lacks when `line` leads to a target that knows it, else everything. The
/// snapshot stays open for the digests.
pub(super) async fn back_up(
    session: &Session,
    spool: SpoolWriter,
    line: Option<Line<'_>>,
) -> Result<Arc<dyn Snapshot>, SyncError> {
    let progress = &session.progress;
    let snapshot = open(session).await?;
    let spool = match line {
        None => spool,
        Some(line) => match delta::offer(session, &snapshot, line, spool).await? {
            Answer::Everything(spool) => spool,
            Answer::Delta => return Ok(snapshot),
        },
    };
    progress.enter(Step::Backup, "Reads all tables in one snapshot");
    let totals = backup::write(&*snapshot, spool, session.compression(), progress)
        .await
        .map_err(|error| SyncError::from(error).at(Step::Backup))?;
    progress.bytes_total(totals.archive_bytes);
    progress.step(Step::Backup, totals.rows, Some(totals.rows));
    let rows = text::counted(totals.rows, "row", "rows");
    progress.done(Step::Backup, format!("{rows} read in one snapshot"));
    progress.info(
        Step::Backup,
        format!(
            "{rows} of {}, {} of text in {}",
            text::counted(snapshot.catalog().tables.len() as u64, "table", "tables"),
            text::bytes(totals.raw_bytes),
            text::bytes(totals.archive_bytes)
        ),
    );
    Ok(snapshot)
}

/// Opens the snapshot of what the session is about, and says what is in it.
pub(super) async fn open(session: &Session) -> Result<Arc<dyn Snapshot>, SyncError> {
    let progress = &session.progress;
    progress.enter(Step::Backup, "Opens a snapshot");
    let scope = progress.status().options.scope;
    let snapshot = session
        .node
        .database
        .snapshot(&session.id, View::Of(&scope))
        .await
        .map_err(|error| SyncError::from(error).at(Step::Backup))?;
    show_tables(session, snapshot.catalog());
    for note in snapshot.notes() {
        progress.info(Step::Backup, note);
    }
    refuse_obstacles(session, &*snapshot).await.map_err(|error| error.at(Step::Backup))?;
    Ok(snapshot)
}

/// Everything that no backup can carry, before the first byte of it is made.
async fn refuse_obstacles(session: &Session, snapshot: &dyn Snapshot) -> Result<(), SyncError> {
    let (mut reasons, mut remedies) = (Vec::new(), Vec::new());
    for found in snapshot.obstacles().await? {
        match found.severity {
            Severity::Block => {
                reasons.push(found.text);
                remedies.push(found.remedy);
            }
            Severity::Warn => session.progress.warn(Step::Backup, found.text),
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(SyncError::new(Code::Refused, text::few(&reasons, " ")).hint(text::few(&remedies, " ")))
}

/// Reads the snapshot a second time, by another way than the backup did: what the target is compared with. A delta has
/// read it so already.
pub(super) async fn digests(session: &Session, snapshot: &dyn Snapshot) -> Result<(), SyncError> {
    if session.digests.borrow().is_some() {
        return Ok(());
    }
    let digests = compare::digests(snapshot, &compare::everything(snapshot), |_| session.progress.touch())
        .await
        .map_err(|error| SyncError::from(error).at(Step::Verify))?;
    session.digests.send_replace(Some(digests));
    Ok(())
}

fn show_tables(session: &Session, catalog: &Catalog) {
    let tables = catalog.tables.iter().map(|table| (table.name.clone(), Some(table.estimated_rows)));
    session.progress.tables(tables);
    for skipped in &catalog.skipped {
        session.progress.info(Step::Backup, format!("Not synced: {skipped}"));
    }
    for text in left_out_parents(catalog) {
        session.progress.info(Step::Backup, text);
    }
}

/// No problem by itself: whether the target has the rows is proven before the commit.
fn left_out_parents(catalog: &Catalog) -> Vec<String> {
    let left_out = catalog.skipped.iter().filter(|skipped| skipped.reason == LEFT_OUT);
    let left_out: Vec<&str> = left_out.map(|skipped| skipped.name.as_str()).collect();
    let keys = catalog.tables.iter().flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)));
    let outside = keys.filter(|(_, key)| left_out.contains(&key.parent.to_string().as_str()));
    outside
        .map(|(table, key)| {
            format!(
                "{} points to {} ({}), which the scope leaves out: the target must have these rows already",
                table.name, key.parent, key.name
            )
        })
        .collect()
}

/// The source learns from the target how the two compare.
pub(super) async fn remember_comparison(
    session: &Session,
    result: Option<&SyncResult>,
) -> Result<(), SyncError> {
    let Some(SyncResult { source: Some(source), target: Some(target), differing, .. }) = result else {
        return Ok(());
    };
    let comparison = Comparison {
        peer: session.peer.clone(),
        at_us: target.at_us,
        local: source.clone(),
        remote: target.clone(),
        differing: differing.clone(),
    };
    Ok(session.node.store.save_comparison(&comparison).await?)
}
