//! The source's part, in a pull and in a push alike: a backup into the spool, then digests of the same snapshot.

use std::sync::Arc;

use super::session::Session;
use crate::archive::SpoolWriter;
use crate::compare;
use crate::database::Snapshot;
use crate::model::{Comparison, Step, SyncError, SyncResult, TableDigest, text};
use crate::{backup, catalog::Catalog};

/// Writes the backup. The snapshot stays open for the digests.
pub(super) async fn back_up(session: &Session, spool: SpoolWriter) -> Result<Arc<dyn Snapshot>, SyncError> {
    let progress = &session.progress;
    progress.enter(Step::Backup, "Opens a snapshot");
    let snapshot = session
        .node
        .database
        .snapshot(&session.id)
        .await
        .map_err(|error| SyncError::from(error).at(Step::Backup))?;
    show_tables(session, snapshot.catalog());
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

/// Reads the snapshot a second time, by another way than the backup did: what the target is compared with.
pub(super) async fn digests(
    session: &Session,
    snapshot: &dyn Snapshot,
) -> Result<Vec<TableDigest>, SyncError> {
    let digests = compare::digests(snapshot, &compare::everything(snapshot), |_| session.progress.touch())
        .await
        .map_err(|error| SyncError::from(error).at(Step::Verify))?;
    session.digests.send_replace(Some(digests.clone()));
    Ok(digests)
}

fn show_tables(session: &Session, catalog: &Catalog) {
    let tables = catalog.tables.iter().map(|table| (table.name.clone(), Some(table.estimated_rows)));
    session.progress.tables(tables);
    for skipped in &catalog.skipped {
        session.progress.info(Step::Backup, format!("Not synced: {} ({})", skipped.name, skipped.reason));
    }
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
