//! The target's part of a delta: finds out what it lacks, and proves that what came makes it whole.

use std::ops::ControlFlow;

use futures::TryFutureExt;

use super::super::additive;
use super::super::line::Line;
use super::super::session::{Outcome, Session};
use super::message::{Ask, Offer};
use super::narrow::{differing, narrow, share};
use crate::archive::hex;
use crate::backup;
use crate::catalog::{Catalog, TableName, takes};
use crate::compare::{self, Readings, Selected, Stayed};
use crate::database::View;
use crate::model::{Method, Step, SyncError, TableDigest, text};
use crate::restore::{self, Part};
use crate::spool_dir;

/// Rows that differ above this share of all rows are better sent by a whole backup.
const WORTH_IT: f64 = 0.4;

/// Which rows differ, as far as the target knows before they arrive.
pub(in super::super) struct Difference {
    /// The tables that differ, in the order of the archive's sections.
    pub(in super::super) parts: Vec<Part>,
    /// The source's description of itself, which the archive of a delta does not repeat.
    pub(in super::super) source: Catalog,
    /// This database as it was read.
    pub(in super::super) catalog: Catalog,
    /// What was read of it, to take the outdated rows from.
    pub(in super::super) readings: Readings,
    /// The tables that are equal, as they were read.
    pub(in super::super) equal: Vec<Stayed>,
    /// What was said to find it out, both ways.
    pub(in super::super) bytes: u64,
}

/// Asks the source until it is known what is lacking here. None when a whole backup comes; a preview can end with that.
pub(in super::super) async fn find(
    session: &Session,
    mut line: Line<'_>,
) -> Result<ControlFlow<Outcome, Option<Difference>>, SyncError> {
    let progress = &session.progress;
    let scope = &progress.status().options.scope;
    progress.enter(Step::Convert, "Compares both databases");
    let database = &session.node.database;
    let offer = async {
        if line.calls() {
            line.say(&Ask::Begin).await?;
        }
        line.hear().await
    };
    let (offer, catalog) = tokio::try_join!(offer, database.catalog().map_err(at_convert))?;
    let Offer::Catalog(source) = offer else { return Err(out_of_order(&line)) };
    let source = Catalog::read(&source).map_err(|cause| line.nonsense(&cause))?;
    // Refuses what cannot be synced before anything is read.
    let sections = backup::sections(&source);
    let catalog = match additive::catalog(session, &source, &sections, catalog).await.map_err(at_convert)? {
        ControlFlow::Continue(catalog) => catalog,
        ControlFlow::Break(outcome) => return Ok(ControlFlow::Break(outcome)),
    };
    let options = progress.status().options;
    let plan = restore::plan(&source, &sections, &catalog, &options).map_err(at_convert)?;
    let names: Vec<TableName> = plan.incoming.iter().map(|incoming| incoming.table.name.clone()).collect();
    if !plan.making.is_empty() {
        return everything(session, line, "Tables are made on the target, so everything was sent by backup")
            .await;
    }
    let auto = session.progress.status().method == Method::Auto;
    let mut chosen = catalog.tables.iter().filter(|table| takes(scope, &table.name));
    if auto && chosen.all(|table| table.estimated_rows == 0) {
        return everything(session, line, "The target is empty, so everything was sent by backup").await;
    }
    let incoming = plan.incoming.into_iter();
    let selected: Vec<Selected> =
        incoming.map(|incoming| compare::selected(&incoming.table, incoming.columns)).collect();
    let columns = selected.iter().map(|(table, columns)| (table.name.clone(), columns.clone())).collect();
    let tables = Ask::Tables(columns);
    let touch = || progress.touch();
    let folder = spool_dir::path(&session.node.config.data_dir);
    let read = async {
        let view = if scope.is_everything() { View::Tables(&catalog.tables) } else { View::Like(scope) };
        let snapshot = database.snapshot(&session.id, view).await.map_err(at_convert)?;
        let readings = Readings::read(snapshot.clone(), &selected, &folder, &touch);
        Ok((readings.await.map_err(at_convert)?, snapshot))
    };
    let may_write = database.demand_write(&session.id, &names).map_err(at_convert);
    let ((), (ours, snapshot), ()) = tokio::try_join!(line.say(&tables), read, may_write)?;
    let Offer::Sums(theirs) = line.hear().await? else { return Err(out_of_order(&line)) };
    if theirs.len() != selected.len() {
        return Err(line.nonsense(&"sums of other tables"));
    }
    // What the target will be compared with after the commit.
    let digests = selected.iter().zip(&theirs).map(|((table, _), sum)| TableDigest {
        name: table.name.to_string(),
        rows: sum.rows,
        hash: hex(sum.hash),
    });
    session.remote_digests.send_replace(Some(digests.collect()));

    let mut tables = differing(&mut line, &ours, &theirs).await?;
    for table in &mut tables {
        let (selected, _) = &selected[table.at];
        let is_long = ours.tables[table.at].is_long || theirs[table.at].is_long;
        // By count alone nobody could tell the target's own rows in the scope from those outside of it.
        let is_vague = scope.chooses_rows() && (selected.key().is_empty() || snapshot.is_cut(&selected.name));
        table.is_whole |= is_long || is_vague;
    }
    let rows: u64 = theirs.iter().map(|sum| sum.rows).sum();
    let share = share(&theirs, &tables);
    if auto && share > WORTH_IT {
        let reason =
            format!("About {:.0} % of the rows differ, so everything was sent by backup", share * 100.0);
        return everything(session, line, &reason).await;
    }
    progress.info(
        Step::Convert,
        format!(
            "{} of {} not equal; compared {} on each side",
            tables.len(),
            text::counted(selected.len() as u64, "table", "tables"),
            text::counted(rows, "row", "rows")
        ),
    );

    let is_equal = |index: &usize| !tables.iter().any(|table| table.at == *index);
    let equal = (0..selected.len()).filter(is_equal);
    let equal = equal.map(|index| (selected[index].clone(), ours.tables[index].digest.clone())).collect();
    let parts = narrow(&mut line, &ours, &theirs, &tables).await?;
    line.say(&Ask::Write).await?;
    if line.calls() {
        let Offer::Ready = line.hear().await? else { return Err(out_of_order(&line)) };
    }
    progress.set(|status| {
        status.method = Method::Delta;
        if auto {
            status.reason =
                "Auto took delta: both sides hold data, and only the rows that differ travel".to_owned();
        }
    });
    let bytes = line.bytes();
    Ok(ControlFlow::Continue(Some(Difference { parts, source, catalog, readings: ours, equal, bytes })))
}

async fn everything(
    session: &Session,
    mut line: Line<'_>,
    reason: &str,
) -> Result<ControlFlow<Outcome, Option<Difference>>, SyncError> {
    line.say(&Ask::Everything(reason.to_owned())).await?;
    if line.calls() {
        let Offer::Ready = line.hear().await? else { return Err(out_of_order(&line)) };
    }
    session.progress.set(|status| {
        status.method = Method::Backup;
        status.reason = reason.to_owned();
    });
    Ok(ControlFlow::Continue(None))
}

pub(super) fn out_of_order(line: &Line<'_>) -> SyncError {
    line.nonsense(&"a message out of order")
}

pub(super) fn at_convert(error: impl Into<SyncError>) -> SyncError {
    error.into().at(Step::Convert)
}
