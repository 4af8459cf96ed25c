//! The source's part of a delta: answers what the target asks, then writes the rows that it wants.

use std::sync::Arc;

use futures::TryStreamExt;
use serde_json::value::RawValue;

use super::super::line::Line;
use super::super::session::Session;
use super::MOST_CELLS;
use super::message::{Ask, Offer, SketchOf, Sum};
use crate::archive::{ArchiveTotals, ArchiveWriter, FORMAT, Manifest, Order, Section, SpoolWriter};
use crate::backup::BackupError;
use crate::catalog::Table;
use crate::compare::{ReadingError, Readings, RowId, Selected};
use crate::database::Snapshot;
use crate::model::{Method, Step, SyncError, text};
use crate::spool_dir;

/// What the target wants of a table; None: all of it.
type Wanted = (usize, Option<Vec<RowId>>);

/// How the target decided.
pub(in super::super) enum Answer {
    /// The archive with what it lacks is in the spool.
    Delta,
    /// It wants a whole backup.
    Everything(SpoolWriter),
}

/// Answers the target until it knows what it lacks, and writes that.
pub(in super::super) async fn offer(
    session: &Session,
    snapshot: &Arc<dyn Snapshot>,
    mut line: Line<'_>,
    spool: SpoolWriter,
) -> Result<Answer, SyncError> {
    let progress = &session.progress;
    if !line.calls() {
        let Ask::Begin = line.hear().await? else { return Err(line.nonsense(&"a message out of order")) };
    }
    let catalog = serde_json::to_string(snapshot.catalog()).expect("plain data has a JSON form");
    line.say(&Offer::Catalog(catalog)).await?;
    let tables = match line.hear::<Ask>().await? {
        Ask::Tables(tables) => tables,
        Ask::Everything(reason) => return everything(session, &mut line, spool, reason).await,
        _ => return Err(line.nonsense(&"a message out of order")),
    };
    let selected = select(session, snapshot, tables)?;

    progress.enter(Step::Backup, "Reads and hashes all tables in one snapshot");
    let folder = spool_dir::path(&session.node.config.data_dir);
    let touch = || progress.touch();
    let readings = Readings::read(snapshot.clone(), &selected, &folder, &touch).await.map_err(at_backup)?;
    let digests = readings.tables.iter().map(|reading| reading.digest.clone());
    session.digests.send_replace(Some(digests.collect()));
    let sums = readings.tables.iter();
    let sums = sums.map(|it| Sum { rows: it.digest.rows, hash: it.hash, is_long: it.is_long });
    line.say(&Offer::Sums(sums.collect())).await?;

    let wanted = match narrow(&mut line, &readings).await? {
        Narrowed::Wanted(wanted) => wanted,
        Narrowed::Everything(reason) => return everything(session, &mut line, spool, reason).await,
    };
    if !line.calls() {
        line.say(&Offer::Ready).await?;
    }
    progress.enter(Step::Backup, "Writes the rows that the target lacks");
    let differ = wanted.len();
    let totals = write(session, snapshot, &selected, &readings, wanted, spool).await.map_err(at_backup)?;
    progress.set(|status| status.method = Method::Delta);
    progress.bytes_total(totals.archive_bytes);
    progress.step(Step::Backup, totals.rows, Some(totals.rows));
    let rows = text::counted(totals.rows, "row", "rows");
    progress.done(Step::Backup, format!("{rows} to send"));
    progress.info(
        Step::Backup,
        format!(
            "{} read in one snapshot; {rows} of {differ} of them to send",
            text::counted(selected.len() as u64, "table", "tables")
        ),
    );
    Ok(Answer::Delta)
}

enum Narrowed {
    Wanted(Vec<Wanted>),
    Everything(String),
}

/// Answers until the target knows which rows it lacks.
async fn narrow(line: &mut Line<'_>, readings: &Readings) -> Result<Narrowed, SyncError> {
    let kept = |cause: std::io::Error| at_backup(ReadingError::from(cause));
    let tables = readings.tables.len();
    let mut wanted: Vec<Wanted> = Vec::new();
    loop {
        match line.hear::<Ask>().await? {
            Ask::Estimates(asked) if asked.iter().all(|(table, _)| *table < tables) => {
                let mut estimates = Vec::with_capacity(asked.len());
                for (table, rows) in asked {
                    estimates.push(readings.estimate(table, rows).await.map_err(kept)?.to_bytes());
                }
                line.say(&Offer::Estimates(estimates)).await?;
            }
            Ask::Sketches(asked)
                if asked.iter().all(|sketch| sketch.table < tables)
                    && asked.iter().map(|sketch| sketch.cells).fold(0, u64::saturating_add) <= MOST_CELLS =>
            {
                let mut sketches = Vec::with_capacity(asked.len());
                for SketchOf { table, slice, cells } in asked {
                    sketches.push(readings.sketch(table, slice, cells).await.map_err(kept)?.to_bytes());
                }
                line.say(&Offer::Sketches(sketches)).await?;
            }
            Ask::Wanted(more) if more.iter().all(|(table, _)| *table < tables) => {
                for (table, rows) in more {
                    match (wanted.last_mut(), rows) {
                        (Some((last, Some(all))), Some(rows)) if *last == table => all.extend(rows),
                        (_, rows) => wanted.push((table, rows)),
                    }
                }
                line.say(&Offer::Noted).await?;
            }
            Ask::Write => return Ok(Narrowed::Wanted(wanted)),
            Ask::Everything(reason) => return Ok(Narrowed::Everything(reason)),
            _ => return Err(line.nonsense(&"a message out of order")),
        }
    }
}

async fn everything(
    session: &Session,
    line: &mut Line<'_>,
    spool: SpoolWriter,
    reason: String,
) -> Result<Answer, SyncError> {
    if !line.calls() {
        line.say(&Offer::Ready).await?;
    }
    session.progress.info(Step::Backup, format!("By backup: {reason}"));
    session.progress.set(|status| {
        status.method = Method::Backup;
        status.reason = reason;
    });
    Ok(Answer::Everything(spool))
}

/// Only tables and columns of our own catalog are read.
fn select(
    session: &Session,
    snapshot: &Arc<dyn Snapshot>,
    tables: Vec<(crate::catalog::TableName, Vec<String>)>,
) -> Result<Vec<Selected>, SyncError> {
    tables
        .into_iter()
        .map(|(name, columns)| {
            let table: Option<&Table> = snapshot.catalog().table(&name);
            let known = table.filter(|table| {
                let stored = table.stored_columns();
                columns.iter().all(|column| stored.contains(column))
            });
            known.map(|table| (table.clone(), columns)).ok_or_else(|| {
                crate::peer::PeerError::Protocol {
                    peer: session.peer.clone(),
                    reason: format!("it asks for columns of {name} that are not there"),
                }
                .into()
            })
        })
        .collect()
}

/// An archive of the wanted rows only.
async fn write(
    session: &Session,
    snapshot: &Arc<dyn Snapshot>,
    selected: &[Selected],
    readings: &Readings,
    wanted: Vec<Wanted>,
    spool: SpoolWriter,
) -> Result<ArchiveTotals, BackupError> {
    let sections = wanted.iter().map(|(table, _)| {
        let (table, columns) = &selected[*table];
        Section { table: table.name.clone(), columns: columns.clone(), partitioned: table.partitioned }
    });
    let manifest = Manifest {
        format: FORMAT,
        order: Order::Heap,
        // The target has it since the first word.
        catalog: RawValue::NULL.to_owned(),
        sections: sections.collect(),
    };
    let mut writer = ArchiveWriter::begin(spool, &manifest, session.compression()).await?;
    for (index, (table, names)) in wanted.into_iter().enumerate() {
        writer.begin_table(index).await?;
        if let Some(names) = names {
            let mut rows = readings.rows(table, names).await?;
            while let Some(rows) = rows.next().await? {
                writer.rows(rows).await?;
                session.progress.touch();
            }
        } else {
            let (table, columns) = &selected[table];
            let mut rows = snapshot.rows(table, columns).await?;
            while let Some(chunk) = rows.try_next().await? {
                writer.rows(chunk).await?;
                session.progress.touch();
            }
        }
        writer.end_table().await?;
    }
    let sequences = snapshot.sequences().await?;
    Ok(writer.finish(&sequences).await?)
}

fn at_backup(error: impl Into<SyncError>) -> SyncError {
    error.into().at(Step::Backup)
}
