//! The target's part of a delta: finds out what it lacks, and proves that what came makes it whole.

use futures::TryFutureExt;

use super::super::additive;
use super::super::line::Line;
use super::super::session::Session;
use super::message::{Ask, Offer, Sum};
use crate::backup;
use crate::catalog::{Catalog, TableName, takes};
use crate::compare::{self, Bits, Marked, MarkedError, Selected, Tally};
use crate::database::{Snapshot, View};
use crate::model::{Method, Step, SyncError, TableDigest};
use crate::restore::{self, Outdated, Part};
use crate::spool_dir;

/// All tables' buckets together, in one message: 12 MiB, which a peer still takes.
const MOST_BUCKETS: u64 = 3 << 20;
/// Rows that differ above this share of all rows are better sent by a whole backup.
const WORTH_IT: f64 = 0.4;

/// What the two nodes have found.
pub(in super::super) enum Found {
    /// A whole backup comes.
    Everything,
    Difference(Difference),
}

/// Which rows differ, as far as the target knows before they arrive.
pub(in super::super) struct Difference {
    /// The tables that differ, in the order of the archive's sections.
    pub(in super::super) parts: Vec<Part>,
    /// The tables that are equal.
    pub(in super::super) equal: Vec<(TableName, TableDigest)>,
    /// What was said to find it out, both ways.
    pub(in super::super) bytes: u64,
}

/// Asks the source until it is known what is lacking here.
pub(in super::super) async fn find(session: &Session, mut line: Line<'_>) -> Result<Found, SyncError> {
    let progress = &session.progress;
    let scope = &progress.status().options.scope;
    progress.enter(Step::Convert, "Compares both databases");
    if line.calls() {
        line.say(&Ask::Begin).await?;
    }
    let database = &session.node.database;
    let (offer, catalog) = tokio::try_join!(line.hear(), database.catalog().map_err(at_convert))?;
    let Offer::Catalog(source) = offer else { return Err(out_of_order(&line)) };
    let source: Catalog = serde_json::from_str(&source).map_err(|cause| line.nonsense(&cause))?;
    // Refuses what cannot be synced before anything is read.
    let manifest = backup::manifest(&source);
    let catalog = additive::catalog(session, &manifest, catalog).await.map_err(at_convert)?;
    let options = progress.status().options;
    let plan = restore::plan(&manifest, &catalog, &options).map_err(at_convert)?;
    let names: Vec<TableName> = plan.incoming.iter().map(|incoming| incoming.table.name.clone()).collect();
    database.demand_write(&session.id, &names).await.map_err(at_convert)?;

    if !plan.making.is_empty() {
        return everything(session, line, "Tables are made on the target, so everything was sent by backup")
            .await;
    }
    let auto = session.progress.status().method == Method::Auto;
    let mut chosen = catalog.tables.iter().filter(|table| takes(scope, &table.name));
    if auto && chosen.all(|table| table.estimated_rows == 0) {
        return everything(session, line, "The target is empty, so everything was sent by backup").await;
    }
    let selected: Vec<Selected> =
        plan.incoming.into_iter().map(|incoming| (incoming.table, incoming.columns)).collect();
    let columns = selected.iter().map(|(table, columns)| (table.name.clone(), columns.clone())).collect();
    let tables = Ask::Tables(columns);
    let touch = || progress.touch();
    let snapshot = database.snapshot(&session.id, View::Like(scope)).await.map_err(at_convert)?;
    let ours = compare::tallies(&*snapshot, &selected, &touch).map_err(at_convert);
    let ((), ours) = tokio::try_join!(line.say(&tables), ours)?;
    let Offer::Sums(theirs) = line.hear().await? else { return Err(out_of_order(&line)) };
    if theirs.len() != ours.len() {
        return Err(line.nonsense(&"sums of other tables"));
    }

    let differing = levels(&ours, &theirs);
    line.say(&Ask::Buckets(differing.clone())).await?;
    let Offer::Buckets(buckets) = line.hear().await? else { return Err(out_of_order(&line)) };
    let mut marks =
        marks(&ours, &differing, &buckets).ok_or_else(|| line.nonsense(&"buckets of other tables"))?;
    if scope.chooses_rows() {
        for ((index, _), marks) in differing.iter().zip(&mut marks) {
            // By count alone nobody could tell the target's own rows in the scope from those outside of it.
            let (table, _) = &selected[*index];
            *marks = marks.take().filter(|_| !table.key().is_empty() && !snapshot.is_cut(&table.name));
        }
    }
    let rows: u64 = theirs.iter().map(|sum| sum.rows).sum();
    let share = share(&theirs, &differing, &marks);
    if auto && share > WORTH_IT {
        let reason =
            format!("About {:.0} % of the rows differ, so everything was sent by backup", share * 100.0);
        return everything(session, line, &reason).await;
    }
    progress.info(
        Step::Convert,
        format!(
            "{} of {} tables differ; {rows} rows were compared on each side",
            differing.len(),
            ours.len()
        ),
    );

    let parts = narrow(session, &mut line, &*snapshot, &selected, &ours, &theirs, &differing, marks).await?;
    if line.calls() {
        let Offer::Ready = line.hear().await? else { return Err(out_of_order(&line)) };
    }
    let is_equal = |index: &usize| !differing.iter().any(|(other, _)| other == index);
    let equal = (0..ours.len()).filter(is_equal);
    let equal = equal.map(|index| (selected[index].0.name.clone(), ours[index].digest.clone())).collect();
    progress.set(|status| {
        status.method = Method::Delta;
        if auto {
            status.reason =
                "Auto took delta: both sides hold data, and only the rows that differ travel".to_owned();
        }
    });
    Ok(Found::Difference(Difference { parts, equal, bytes: line.bytes() }))
}

/// Of each table that differs, the rows that differ.
#[expect(clippy::too_many_arguments, reason = "each is one thing that was found out before")]
async fn narrow(
    session: &Session,
    line: &mut Line<'_>,
    snapshot: &dyn Snapshot,
    selected: &[Selected],
    ours: &[Tally],
    theirs: &[Sum],
    differing: &[(usize, u32)],
    marks: Vec<Option<Bits>>,
) -> Result<Vec<Part>, SyncError> {
    let folder = spool_dir::path(&session.node.config.data_dir);
    let touch = || session.progress.touch();
    // What is said next; while the source works on it, our own rows of the next table are read.
    let mut next = Ask::Marked(marks.clone());
    let mut parts = Vec::with_capacity(differing.len());
    for (&(index, level), marks) in differing.iter().zip(&marks) {
        let mut part = Part { source: (theirs[index].rows, theirs[index].hash), outdated: None };
        if let Some(marks) = marks {
            let read = async {
                Ok::<_, SyncError>(
                    Marked::read(snapshot, &selected[index], level, marks, &folder, &touch).await,
                )
            };
            let ((), read) = tokio::try_join!(line.say(&next), read)?;
            let Offer::Rows(rows) = line.hear().await? else { return Err(out_of_order(line)) };
            let read = match read {
                Ok(marked) => Some(marked),
                Err(MarkedError::TooMuch) => None,
                Err(error) => return Err(at_convert(error)),
            };
            next = Ask::Wanted(None);
            if let (Some(mine), Some(rows)) = (read, rows) {
                let (lacking, outdated) = compare::match_rows(&mine.ids(), &rows);
                let (count, sum) = mine.sum(&outdated);
                let tally = &ours[index];
                part.outdated = Some(Outdated {
                    kept: (tally.digest.rows - count, tally.hash.wrapping_sub(sum)),
                    marked: mine,
                    chosen: outdated,
                });
                next = Ask::Wanted(Some(lacking));
            }
        }
        parts.push(part);
    }
    line.say(&next).await?;
    Ok(parts)
}

async fn everything(session: &Session, mut line: Line<'_>, reason: &str) -> Result<Found, SyncError> {
    line.say(&Ask::Everything(reason.to_owned())).await?;
    if line.calls() {
        let Offer::Ready = line.hear().await? else { return Err(out_of_order(&line)) };
    }
    session.progress.set(|status| {
        status.method = Method::Backup;
        status.reason = reason.to_owned();
    });
    Ok(Found::Everything)
}

/// The tables that differ, each with the number of buckets by which both can tell where.
fn levels(ours: &[Tally], theirs: &[Sum]) -> Vec<(usize, u32)> {
    let pairs = ours.iter().zip(theirs).enumerate();
    let mut differing: Vec<(usize, u32)> = pairs
        .filter(|(_, (ours, theirs))| (ours.digest.rows, ours.hash) != (theirs.rows, theirs.hash))
        .map(|(index, (ours, theirs))| (index, ours.level().min(theirs.level)))
        .collect();
    while differing.iter().map(|(_, level)| 1u64 << level).sum::<u64>() > MOST_BUCKETS {
        let highest = differing.iter().map(|(_, level)| *level).max().unwrap_or_default();
        for (_, level) in differing.iter_mut().filter(|(_, level)| *level == highest) {
            *level -= 1;
        }
    }
    differing
}

/// Where each table differs; None where more than half of it does. None at all when the answer does not fit.
fn marks(ours: &[Tally], differing: &[(usize, u32)], theirs: &[Vec<u8>]) -> Option<Vec<Option<Bits>>> {
    if differing.len() != theirs.len() {
        return None;
    }
    differing
        .iter()
        .zip(theirs)
        .map(|(&(index, level), theirs)| {
            let ours = ours[index].buckets(level);
            if ours.len() != theirs.len() {
                return None;
            }
            let marks = compare::differing_buckets(&ours, theirs);
            Some((marks.count() * 2 <= 1 << level).then_some(marks))
        })
        .collect()
}

/// The share of the source's rows that has to be looked at.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(theirs: &[Sum], differing: &[(usize, u32)], marks: &[Option<Bits>]) -> f64 {
    let all: u64 = theirs.iter().map(|sum| sum.rows).sum();
    let part = differing.iter().zip(marks).map(|(&(index, level), marks)| {
        let rows = theirs[index].rows as f64;
        marks.as_ref().map_or(rows, |marks| rows * marks.count() as f64 / (1u64 << level) as f64)
    });
    part.sum::<f64>() / (all.max(1) as f64)
}

fn out_of_order(line: &Line<'_>) -> SyncError {
    line.nonsense(&"a message out of order")
}

fn at_convert(error: impl Into<SyncError>) -> SyncError {
    error.into().at(Step::Convert)
}
