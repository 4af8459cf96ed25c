//! A part of a table's rows instead of all: what came is what the target lacks, and what it has outdated is known.

use super::{Plan, RestoreError, Staged};
use crate::compare::{Readings, RowId};
use crate::database::Moment;
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
    /// The place of the table among those that were read.
    pub table: usize,
    pub rows: Vec<RowId>,
}

/// What stays of the target's tables, when only the rows that differ are written.
#[derive(Debug)]
pub(crate) struct Stays {
    /// When they were read.
    pub moment: Moment,
    /// The rows of each that are not outdated, and the sum of their hashes; None where the whole table came.
    pub tables: Vec<Option<(u64, u128)>>,
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

/// Stages the outdated rows, as they were read, and proves that what is kept and what came are together exactly what
/// the source has.
pub(crate) async fn complete(
    plan: &Plan,
    staged: &mut Staged,
    readings: &Readings,
    parts: Vec<Part>,
    progress: &Progress,
) -> Result<Stays, RestoreError> {
    let mut stays = Stays { moment: readings.moment(), tables: Vec::with_capacity(parts.len()) };
    for (index, part) in parts.into_iter().enumerate() {
        let (mut rows, mut hash) = staged.sums[index];
        let mut stay = None;
        if let Some(outdated) = part.outdated {
            let reading = &readings.tables[outdated.table];
            let (gone_rows, gone_hash) = stage_outdated(staged, index, readings, outdated, progress).await?;
            let (stay_rows, stay_hash) =
                *stay.insert((reading.digest.rows - gone_rows, reading.hash.wrapping_sub(gone_hash)));
            rows += stay_rows;
            hash = hash.wrapping_add(stay_hash);
        }
        stays.tables.push(stay);
        if (rows, hash) != part.source {
            return Err(RestoreError::Unequal {
                table: plan.incoming[index].table.name.clone(),
                differences: rows.abs_diff(part.source.0).max(1),
            });
        }
        staged.sums[index] = part.source;
    }
    progress.info(Step::Convert, "What was kept and what came add up to exactly what the source has");
    Ok(stays)
}

/// How many rows there were, and the sum of their hashes.
async fn stage_outdated(
    staged: &mut Staged,
    index: usize,
    readings: &Readings,
    outdated: Outdated,
    progress: &Progress,
) -> Result<(u64, u128), RestoreError> {
    let mut picked = readings.rows(outdated.table, outdated.rows).await?;
    let mut loader = None;
    while let Some(rows) = picked.next().await? {
        let loader = match &mut loader {
            Some(loader) => loader,
            None => loader.insert(staged.staging.load_outdated(index).await?),
        };
        loader.send(rows).await?;
        progress.touch();
    }
    if let Some(loader) = loader {
        loader.finish().await?;
    }
    Ok(picked.sum())
}
