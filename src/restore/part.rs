//! A part of a table's rows instead of all: what came is what the target lacks, and what it has outdated is known.

use super::{Plan, RestoreError, Staged};
use crate::compare::{Bits, Marked};
use crate::model::Step;
use crate::progress::Progress;

/// How one section of an archive relates to the source's whole table.
pub(crate) struct Part {
    /// The source's rows of this table, and the sum of their hashes.
    pub source: (u64, u128),
    /// None: the section holds the whole table.
    pub outdated: Option<Outdated>,
}

/// The target's rows that the source does not have.
pub(crate) struct Outdated {
    pub marked: Marked,
    pub chosen: Bits,
    /// The target's other rows, and the sum of their hashes.
    pub kept: (u64, u128),
}

/// Says which sections hold only a part. The archive must hold just the tables that were asked for.
pub(crate) fn shape(plan: &mut Plan, parts: &[Part]) -> Result<(), RestoreError> {
    if plan.incoming.len() != parts.len() {
        return Err(RestoreError::Ended);
    }
    for (incoming, part) in plan.incoming.iter_mut().zip(parts) {
        incoming.partial = part.outdated.is_some();
    }
    Ok(())
}

/// Proves that what is kept and what came are together exactly what the source has, and stages the outdated rows.
pub(crate) async fn complete(
    plan: &Plan,
    staged: &mut Staged,
    parts: Vec<Part>,
    progress: &Progress,
) -> Result<(), RestoreError> {
    for (index, part) in parts.into_iter().enumerate() {
        let came = staged.sums[index];
        let (kept_rows, kept_hash) = part.outdated.as_ref().map_or((0, 0), |outdated| outdated.kept);
        if (kept_rows + came.0, kept_hash.wrapping_add(came.1)) != part.source {
            return Err(RestoreError::Unequal {
                table: plan.incoming[index].table.name.clone(),
                differences: (kept_rows + came.0).abs_diff(part.source.0).max(1),
            });
        }
        staged.sums[index] = part.source;
        if let Some(Outdated { marked, chosen, .. }) = part.outdated {
            let mut loader = staged.staging.load_outdated(index).await?;
            let mut rows = marked.chosen(chosen).await?;
            while let Some(rows) = rows.next().await? {
                loader.send(rows.into()).await?;
                progress.touch();
            }
            loader.finish().await?;
        }
    }
    progress.info(Step::Convert, "What was kept and what came add up to exactly what the source has");
    Ok(())
}
