//! The source's part, in a pull and in a push alike: a backup into the spool, then digests of the same snapshot.

use std::sync::Arc;

use super::session::Session;
use crate::archive::SpoolWriter;
use crate::compare;
use crate::database::Snapshot;
use crate::model::{Step, SyncError, TableDigest};
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
    progress.done(Step::Backup, format!("{} rows read in one snapshot", totals.rows));
    progress.info(
        Step::Backup,
        format!(
            "{} rows of {} tables, {} bytes of text in {} bytes",
            totals.rows,
            snapshot.catalog().tables.len(),
            totals.raw_bytes,
            totals.archive_bytes
        ),
    );
    Ok(snapshot)
}

/// Reads the snapshot a second time, by another way than the backup did: what the target is compared with.
pub(super) async fn digests(
    session: &Session,
    snapshot: &dyn Snapshot,
) -> Result<Vec<TableDigest>, SyncError> {
    let selected: Vec<compare::Selected> =
        snapshot.catalog().tables.iter().map(|table| (table.clone(), table.stored_columns())).collect();
    let digests = compare::digests(snapshot, &selected, |_| session.progress.touch())
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
