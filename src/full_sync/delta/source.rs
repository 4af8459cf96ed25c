//! The source's part of a delta: answers what the target asks, then writes the rows that it wants.

use std::sync::Arc;

use futures::TryStreamExt;

use super::super::line::Line;
use super::super::session::Session;
use super::message::{Ask, Offer, Sum};
use crate::archive::{ArchiveTotals, ArchiveWriter, FORMAT, Manifest, Order, Section, SpoolWriter};
use crate::backup::BackupError;
use crate::catalog::Table;
use crate::compare::{self, Bits, Marked, MarkedError, Selected};
use crate::database::{DatabaseError, Snapshot};
use crate::model::{Method, Step, SyncError};
use crate::spool_dir;

/// What the target wants of one table.
struct Wanted {
    table: usize,
    /// None: all of it.
    rows: Option<(Marked, Bits)>,
}

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
        expect(&mut line, |ask| matches!(ask, Ask::Begin).then_some(())).await?;
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
    let tallies = compare::tallies(&**snapshot, &selected, &|| progress.touch()).await.map_err(at_backup)?;
    session.digests.send_replace(Some(tallies.iter().map(|tally| tally.digest.clone()).collect()));
    let sums =
        tallies.iter().map(|tally| Sum { rows: tally.digest.rows, hash: tally.hash, level: tally.level() });
    line.say(&Offer::Sums(sums.collect())).await?;

    let differing = expect(&mut line, |ask| match ask {
        Ask::Buckets(tables) => Some(tables),
        _ => None,
    })
    .await?;
    let mut buckets = Vec::with_capacity(differing.len());
    for &(table, level) in &differing {
        let tally = tallies.get(table).filter(|tally| level <= tally.level());
        buckets.push(tally.ok_or_else(|| line.nonsense(&"a table that was not asked for"))?.buckets(level));
    }
    drop(tallies);
    line.say(&Offer::Buckets(buckets)).await?;

    let marked = match line.hear::<Ask>().await? {
        Ask::Marked(marked) if marked.len() == differing.len() => marked,
        Ask::Everything(reason) => return everything(session, &mut line, spool, reason).await,
        _ => return Err(line.nonsense(&"a message out of order")),
    };
    let mut wanted = Vec::with_capacity(differing.len());
    let folder = spool_dir::path(&session.node.config.data_dir);
    for ((table, level), marks) in differing.into_iter().zip(marked) {
        let rows = match marks {
            None => None,
            Some(marks) => {
                let touch = || progress.touch();
                let read = Marked::read(&**snapshot, &selected[table], level, &marks, &folder, &touch).await;
                rows_wanted(&mut line, read).await?
            }
        };
        wanted.push(Wanted { table, rows });
    }
    if !line.calls() {
        line.say(&Offer::Ready).await?;
    }
    progress.enter(Step::Backup, "Writes the rows that the target lacks");
    let differ = wanted.len();
    let totals = write(session, snapshot, &selected, wanted, spool).await.map_err(at_backup)?;
    progress.set(|status| status.method = Method::Delta);
    progress.bytes_total(totals.archive_bytes);
    progress.step(Step::Backup, totals.rows, Some(totals.rows));
    progress.done(Step::Backup, format!("{} rows differ", totals.rows));
    progress.info(
        Step::Backup,
        format!(
            "{} tables read in one snapshot; {} rows of {differ} of them travel",
            selected.len(),
            totals.rows
        ),
    );
    Ok(Answer::Delta)
}

/// Tells the target the rows, and hears which of them it wants. None when the table shall travel whole.
async fn rows_wanted(
    line: &mut Line<'_>,
    read: Result<Marked, MarkedError>,
) -> Result<Option<(Marked, Bits)>, SyncError> {
    let marked = match read {
        Ok(marked) => Some(marked),
        Err(MarkedError::TooMuch) => None,
        Err(error) => return Err(SyncError::from(error).at(Step::Backup)),
    };
    line.say(&Offer::Rows(marked.as_ref().map(Marked::ids))).await?;
    let wanted = expect(line, |ask| match ask {
        Ask::Wanted(wanted) => Some(wanted),
        _ => None,
    })
    .await?;
    Ok(marked.zip(wanted))
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

async fn expect<T>(line: &mut Line<'_>, wanted: impl FnOnce(Ask) -> Option<T>) -> Result<T, SyncError> {
    let ask = line.hear::<Ask>().await?;
    wanted(ask).ok_or_else(|| line.nonsense(&"a message out of order"))
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
    wanted: Vec<Wanted>,
    spool: SpoolWriter,
) -> Result<ArchiveTotals, BackupError> {
    let sections = wanted.iter().map(|wanted| {
        let (table, columns) = &selected[wanted.table];
        Section { table: table.name.clone(), columns: columns.clone(), partitioned: table.partitioned }
    });
    let manifest = Manifest {
        format: FORMAT,
        order: Order::Heap,
        catalog: serde_json::to_value(snapshot.catalog()).expect("plain data has a JSON form"),
        sections: sections.collect(),
    };
    let mut writer = ArchiveWriter::begin(spool, &manifest, session.compression()).await?;
    for (index, wanted) in wanted.into_iter().enumerate() {
        writer.begin_table(index).await?;
        match wanted.rows {
            Some((marked, chosen)) => {
                let mut rows = marked.chosen(chosen).await?;
                while let Some(rows) = rows.next().await? {
                    writer.rows(rows.into()).await?;
                    session.progress.touch();
                }
            }
            None => {
                let (table, columns) = &selected[wanted.table];
                let mut rows = snapshot.rows(table, columns).await?;
                while let Some(chunk) = rows.try_next().await? {
                    writer.rows(chunk).await?;
                    session.progress.touch();
                }
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

impl From<MarkedError> for SyncError {
    fn from(error: MarkedError) -> Self {
        match error {
            MarkedError::Database(error) => error.into(),
            other => DatabaseError::Unavailable { reason: other.to_string() }.into(),
        }
    }
}
