//! The option `additive`: what the target lacks is added before anything is planned.

use std::ops::ControlFlow;

use super::preview;
use super::session::{Outcome, Session};
use crate::archive::Section;
use crate::catalog::Catalog;
use crate::model::{Kind, Step, SyncError};
use crate::restore;

/// The `target`'s catalog, with the columns and labels added that the source has more, when the sync may do that. A
/// preview adds nothing: it ends with what would be added, because rows have no place before that.
pub(super) async fn catalog(
    session: &Session,
    source: &Catalog,
    sections: &[Section],
    target: Catalog,
) -> Result<ControlFlow<Outcome, Catalog>, SyncError> {
    let (progress, database) = (&session.progress, &session.node.database);
    let options = progress.status().options;
    if !options.additive {
        return Ok(ControlFlow::Continue(target));
    }
    let Some((lacking, plan)) = restore::lacking(source, sections, &target, &options)? else {
        return Ok(ControlFlow::Continue(target));
    };
    if session.kind() == Kind::Preview {
        let added = database.to_add(&session.id, &lacking).await?;
        return Ok(ControlFlow::Break(preview::uncounted(session, &plan, added).await?));
    }
    for statement in database.add(&session.id, &lacking).await? {
        progress.warn(Step::Convert, format!("Added, and kept even if the sync fails: {statement}"));
    }
    Ok(ControlFlow::Continue(database.catalog().await?))
}
