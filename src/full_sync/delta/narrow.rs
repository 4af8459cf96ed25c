//! The tables that differ -> about how many rows of each do, then which; those that the source has are asked for.

use futures::TryFutureExt;
use futures::future::try_join_all;

use super::super::line::Line;
use super::MOST_CELLS;
use super::message::{Ask, Offer, SketchOf, Sum};
use super::target::{at_convert, out_of_order};
use crate::compare::{Difference, ReadingError, Readings, RowId, Sketch, Slice, cells_for};
use crate::model::SyncError;
use crate::restore::{Outdated, Part};

/// A table of which so few rows differ can travel by rows even if these are most of it.
const SMALL: u64 = 100;
/// Tables that are estimated in one message: at most some kilobytes each.
const ESTIMATES: usize = 500;
/// Rows that differ of all tables together: their names are held in memory. Beyond it tables travel whole.
const MOST_ROWS: u64 = 2_000_000;
/// Names of rows in one message: 4 MB.
const NAMES: usize = 500_000;
/// Of one sketch, so that it fits into a message when it has become longer by `TRIES` too: what is more is cut into parts.
const CELLS: u64 = MOST_CELLS / 5;
/// A sketch that was too short is asked for again, twice as long, so many times. No length is enough for a table without
/// a key in which one side has two equal rows more than the other.
const TRIES: u32 = 2;

/// A table that is not the same on both sides.
pub(super) struct Differing {
    pub(super) at: usize,
    /// Rows that only one side has, about.
    rows: u64,
    /// It travels whole. The target may find more reasons for that.
    pub(super) is_whole: bool,
}

impl Differing {
    /// What is asked for to know which rows.
    fn sketches(&self) -> impl Iterator<Item = SketchOf> + use<> {
        let (table, rows) = (self.at, self.rows);
        let of = if self.is_whole { 0 } else { cells_for(rows).div_ceil(CELLS) };
        (0..of).map(move |n| SketchOf { table, slice: Slice { n, of }, cells: cells_for(rows.div_ceil(of)) })
    }
}

/// The tables that differ, and by about how many rows.
pub(super) async fn differing(
    line: &mut Line<'_>,
    ours: &Readings,
    theirs: &[Sum],
) -> Result<Vec<Differing>, SyncError> {
    let pairs = ours.tables.iter().zip(theirs).enumerate();
    let mut tables: Vec<Differing> = pairs
        .filter(|(_, (ours, theirs))| (ours.digest.rows, ours.hash) != (theirs.rows, theirs.hash))
        .map(|(at, (ours, theirs))| Differing { at, rows: ours.digest.rows + theirs.rows, is_whole: false })
        .collect();
    for tables in tables.chunks_mut(ESTIMATES) {
        let ask = Ask::Estimates(tables.iter().map(|table| (table.at, table.rows)).collect());
        let own = tables.iter().map(|table| ours.estimate(table.at, table.rows));
        let (offer, own) = tokio::try_join!(asked(line, &ask), try_join_all(own).map_err(not_kept))?;
        let Offer::Estimates(estimates) = offer else { return Err(out_of_order(line)) };
        if estimates.len() != tables.len() {
            return Err(line.nonsense(&"estimates of other tables"));
        }
        for ((table, own), theirs_estimate) in tables.iter_mut().zip(own).zip(estimates) {
            let differing = own.differing(&theirs_estimate);
            table.rows = differing.ok_or_else(|| line.nonsense(&"estimates of another length"))?;
            let (here, there) = (ours.tables[table.at].digest.rows, theirs[table.at].rows);
            // A row that was changed differs twice.
            table.is_whole = here == 0 || table.rows > here.max(there).max(SMALL);
        }
    }
    let mut rows = 0;
    for table in tables.iter_mut().filter(|table| !table.is_whole) {
        rows += table.rows;
        table.is_whole = rows > MOST_ROWS;
    }
    Ok(tables)
}

/// Of each table that differs, the rows that differ; those that the source has are asked for.
pub(super) async fn narrow(
    line: &mut Line<'_>,
    ours: &Readings,
    theirs: &[Sum],
    tables: &[Differing],
) -> Result<Vec<Part>, SyncError> {
    let rows = rows_of(line, ours, tables).await?;
    let mut parts = Vec::with_capacity(tables.len());
    let (mut wanted, mut names) = (Vec::new(), 0);
    for (table, found) in tables.iter().zip(rows) {
        let (lacking, outdated) = found.map(|found| (found.theirs, found.ours)).unzip();
        parts.push(Part {
            source: (theirs[table.at].rows, theirs[table.at].hash),
            outdated: outdated.map(|rows| Outdated { table: table.at, rows }),
        });
        // Long lists in several messages.
        let mut rest = lacking.as_deref().unwrap_or_default();
        while names + rest.len() > NAMES {
            let (now, later) = rest.split_at(NAMES - names);
            wanted.push((table.at, Some(now.to_vec())));
            want(line, std::mem::take(&mut wanted)).await?;
            (rest, names) = (later, 0);
        }
        names += rest.len();
        wanted.push((table.at, lacking.as_ref().map(|_| rest.to_vec())));
    }
    if !wanted.is_empty() {
        want(line, wanted).await?;
    }
    Ok(parts)
}

/// The rows of each table that only one side has; None where the table travels whole.
async fn rows_of(
    line: &mut Line<'_>,
    ours: &Readings,
    tables: &[Differing],
) -> Result<Vec<Option<Difference>>, SyncError> {
    let mut found: Vec<Option<Difference>> =
        tables.iter().map(|table| (!table.is_whole).then(Difference::default)).collect();
    let places = tables.iter().enumerate();
    let mut open: Vec<(usize, u32, SketchOf)> =
        places.flat_map(|(n, table)| table.sketches().map(move |of| (n, TRIES, of))).collect();
    while !open.is_empty() {
        // As many at a time as fit into a message.
        let mut cells = 0;
        let fitting = open.iter().take_while(|(_, _, of)| {
            cells += of.cells;
            cells <= MOST_CELLS
        });
        let batch: Vec<(usize, u32, SketchOf)> = open.drain(..fitting.count()).collect();
        let ask = Ask::Sketches(batch.iter().map(|(_, _, of)| of.clone()).collect());
        let own = batch.iter().map(|(_, _, of)| ours.sketch(of.table, of.slice, of.cells));
        let (offer, own) = tokio::try_join!(asked(line, &ask), try_join_all(own).map_err(not_kept))?;
        let Offer::Sketches(sketches) = offer else { return Err(out_of_order(line)) };
        if sketches.len() != batch.len() {
            return Err(line.nonsense(&"sketches of other tables"));
        }
        for (((n, tries, of), own), theirs) in batch.into_iter().zip(own).zip(sketches) {
            let theirs = Sketch::from_bytes(&theirs, &own);
            let theirs = theirs.ok_or_else(|| line.nonsense(&"a sketch of another length"))?;
            match (own.difference(&theirs), &mut found[n]) {
                (Some(rows), Some(found)) => {
                    found.ours.extend(rows.ours);
                    found.theirs.extend(rows.theirs);
                }
                // More rows differ than was estimated: once more, with twice as many cells.
                (None, Some(_)) if tries > 0 => {
                    open.push((n, tries - 1, SketchOf { cells: of.cells * 2, ..of }));
                }
                (_, found) => *found = None,
            }
        }
    }
    Ok(found)
}

async fn want(line: &mut Line<'_>, wanted: Vec<(usize, Option<Vec<RowId>>)>) -> Result<(), SyncError> {
    let Offer::Noted = asked(line, &Ask::Wanted(wanted)).await? else { return Err(out_of_order(line)) };
    Ok(())
}

async fn asked(line: &mut Line<'_>, ask: &Ask) -> Result<Offer, SyncError> {
    line.say(ask).await?;
    line.hear().await
}

/// The share of the source's rows that will travel.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn share(theirs: &[Sum], tables: &[Differing]) -> f64 {
    let all: u64 = theirs.iter().map(|sum| sum.rows).sum();
    let travelling = tables.iter().map(|table| {
        let rows = theirs[table.at].rows;
        if table.is_whole { rows } else { rows.min(table.rows / 2) }
    });
    travelling.sum::<u64>() as f64 / all.max(1) as f64
}

fn not_kept(cause: std::io::Error) -> SyncError {
    at_convert(ReadingError::from(cause))
}
