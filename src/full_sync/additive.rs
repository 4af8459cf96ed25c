//! The option `additive`: what the target lacks is added before anything is planned.

use super::session::Session;
use crate::archive::Manifest;
use crate::catalog::Catalog;
use crate::model::{Step, SyncError};
use crate::restore::{self, Absent};

/// The target's catalog, with the columns and labels added that the source has more, when the sync may do that.
pub(super) async fn catalog(session: &Session, manifest: &Manifest) -> Result<Catalog, SyncError> {
    let (progress, database) = (&session.progress, &session.node.database);
    let options = progress.status().options;
    let target = database.catalog().await?;
    if !options.additive {
        return Ok(target);
    }
    let lacking = restore::lacking(manifest, &target, Absent::of(&options))?;
    if lacking.is_empty() {
        return Ok(target);
    }
    for statement in database.add(&session.id, &lacking).await? {
        progress.warn(Step::Convert, format!("Added, and kept even if the sync fails: {statement}"));
    }
    Ok(database.catalog().await?)
}
