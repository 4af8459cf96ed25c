//! The option `additive`: what the target lacks is added before anything is planned.

use super::session::Session;
use crate::archive::Section;
use crate::catalog::Catalog;
use crate::model::{Code, Kind, Step, SyncError};
use crate::restore;

/// The `target`'s catalog, with the columns and labels added that the source has more, when the sync may do that.
pub(super) async fn catalog(
    session: &Session,
    source: &Catalog,
    sections: &[Section],
    target: Catalog,
) -> Result<Catalog, SyncError> {
    let (progress, database) = (&session.progress, &session.node.database);
    let options = progress.status().options;
    if !options.additive {
        return Ok(target);
    }
    let lacking = restore::lacking(source, sections, &target, &options)?;
    if lacking.is_empty() {
        return Ok(target);
    }
    if session.kind() == Kind::Preview {
        let what: Vec<String> = lacking.iter().map(ToString::to_string).collect();
        return Err(SyncError::new(
            Code::Refused,
            format!("A sync would first add {} to the target; a preview adds nothing.", what.join(", ")),
        )
        .hint("Start the sync: it adds this before the rows come. Or leave out the option additive, and see what blocks it."));
    }
    for statement in database.add(&session.id, &lacking).await? {
        progress.warn(Step::Convert, format!("Added, and kept even if the sync fails: {statement}"));
    }
    Ok(database.catalog().await?)
}
