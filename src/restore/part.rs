//! A part of a table's rows instead of all: what came is what the target lacks, and what it has outdated is known.

use super::{Plan, RestoreError, Staged};
use crate::compare::{Readings, RowId};
use crate::database::{Moment, Staging};
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

/// Stages the outdated rows, as they were read. They come from here, so this can be done before anything has arrived.
pub(crate) async fn stage_outdated(
    staging: &mut dyn Staging,
    readings: &Readings,
    parts: &[Part],
    progress: &Progress,
) -> Result<Stays, RestoreError> {
    let mut stays = Stays { moment: readings.moment(), tables: Vec::with_capacity(parts.len()) };
    for (index, part) in parts.iter().enumerate() {
        stays.tables.push(match &part.outdated {
            Some(outdated) => {
                let reading = &readings.tables[outdated.table];
                let (rows, hash) = stage_some(staging, index, readings, outdated, progress).await?;
                Some((reading.digest.rows - rows, reading.hash.wrapping_sub(hash)))
            }
            None => None,
        });
    }
    Ok(stays)
}

/// Proves that what stays and what came are together exactly what the source has.
pub(crate) fn complete(
    plan: &Plan,
    staged: &mut Staged,
    stays: &Stays,
    parts: &[Part],
) -> Result<(), RestoreError> {
    for (index, (part, stays)) in parts.iter().zip(&stays.tables).enumerate() {
        let (came, stay) = (staged.sums[index], stays.unwrap_or_default());
        let (rows, hash) = (came.0 + stay.0, came.1.wrapping_add(stay.1));
        if (rows, hash) != part.source {
            return Err(RestoreError::Unequal {
                table: plan.incoming[index].table.name.clone(),
                differences: rows.abs_diff(part.source.0).max(1),
            });
        }
        staged.sums[index] = part.source;
    }
    Ok(())
}

/// How many rows there were, and the sum of their hashes.
async fn stage_some(
    staging: &mut dyn Staging,
    index: usize,
    readings: &Readings,
    Outdated { table, rows }: &Outdated,
    progress: &Progress,
) -> Result<(u64, u128), RestoreError> {
    let mut picked = readings.rows(*table, rows.iter().copied()).await?;
    let mut loader = None;
    while let Some(rows) = picked.next().await? {
        let loader = match &mut loader {
            Some(loader) => loader,
            None => loader.insert(staging.load_outdated(index).await?),
        };
        loader.send(rows).await?;
        progress.touch();
    }
    if let Some(loader) = loader {
        loader.finish().await?;
    }
    Ok(picked.sum())
}
