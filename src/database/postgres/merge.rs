//! The one transaction that writes: only rows that differ, whole tables at a time, `on conflict` nowhere.
//!
//! `on conflict` cannot be used: it fails on deferrable keys, on two rows that swap a unique value, on tables with
//! rules and on exclusion constraints.

mod making;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, Kept, LeftOut, Merge, Resolved, Statement, Written};
use super::affected::Affected;
use super::bypass::Bypass;
use super::conflicts::Resolver;
use super::connect::Connector;
use super::deferred::{self, Deferrable};
use super::direct::{self, DirectLoader};
use super::error::{doing, failed};
use super::images::{Fate, Imaged, Images};
use super::rebuild::Rebuild;
use super::stages::Staged;
use super::statements::{self, Target};
use super::{counts, foreign_keys, images, locks, set_aside, state};
use crate::catalog::{Making, Table, TableName};
use crate::model::{ConflictPolicy, SessionId};

/// Whole tables meet whole tables here, often with statistics of a time when the target was empty. Then the planner
/// takes a nested loop whose inner scan also walks over the rows that the very statement is inserting: quadratic,
/// 9 minutes and more for a million rows that a hash join places in seconds. After many writes no page is known to be
/// visible to all: an index alone answers nothing any more. An index that is built again sorts in memory, by more than
/// one process where the server has one to spare.
pub(super) const SETTINGS: &str = "
    set local enable_nestloop = off;
    set local work_mem = '64MB';
    set local jit = off;
    set local enable_indexonlyscan = off;
    set local maintenance_work_mem = '256MB';
    set local default_tablespace = '';
";

pub(super) struct PostgresMerge {
    pub(super) connection: PgConnection,
    pub(super) targets: Vec<Target>,
    pub(super) names: Vec<TableName>,
    pub(super) bypass: Bypass,
    rebuild: Rebuild,
    /// The rows that went straight into each table; empty when they are all staged.
    direct: Vec<Option<u64>>,
    /// Where the rows go that are replaced, when they are kept.
    images: Option<Images>,
    /// Why they cannot be.
    stubborn: Option<TableName>,
    /// The tables that were written to, by their place.
    imaged: BTreeMap<usize, Imaged>,
    begun: bool,
    /// Those of which rows were deleted that do not come back.
    deleted: BTreeSet<usize>,
    /// Rows were written that are not staged.
    beyond: bool,
    deferrable: Deferrable,
    /// The plans are those for few rows.
    seeks: bool,
    /// Some of the tables were made in this transaction.
    makes_tables: bool,
}

impl PostgresMerge {
    /// Makes everything ready for the transaction and opens it already when the rows can go straight into the tables.
    pub(super) async fn prepare(
        connector: &Connector,
        session: &SessionId,
        staged: &[Staged],
        making: &Making,
        straight: bool,
        images: Option<Images>,
    ) -> Result<Self, DatabaseError> {
        let mut connection = connector.open(session).await?;
        if !making.is_empty() {
            return Self::prepare_making(connection, connector, staged, making, images).await;
        }
        let tables: Vec<Table> = staged.iter().map(|staged| staged.incoming.table.clone()).collect();
        let bypass = Bypass::prepare(&mut connection, connector, &tables).await?;
        let targets = Target::all(&mut connection, staged).await?;
        let fit = match bypass.may_load_unordered() {
            true => direct::fit(&mut connection, &targets).await?,
            false => vec![false; targets.len()],
        };
        // Of a part it is to be known what it is a part of.
        let fit: Vec<bool> =
            fit.into_iter().zip(staged).map(|(fits, staged)| fits && !staged.incoming.partial).collect();
        let mut merge = Self::new(connection, targets, bypass, images);
        if merge.images.is_some() {
            merge.stubborn =
                images::stubborn(&mut merge.connection, &merge.names, merge.bypass.fires()).await?;
            if merge.stubborn.is_some() {
                merge.images = None;
            }
        }
        if straight && direct::begin(&mut merge.connection, &merge.targets, &fit).await? {
            locks::demand_same_tables(&mut merge.connection, &merge.targets).await?;
            merge.direct = fit.into_iter().map(|fits| fits.then_some(0)).collect();
            merge.set_up().await?;
        }
        Ok(merge)
    }

    /// Before anything has been done.
    fn new(connection: PgConnection, targets: Vec<Target>, bypass: Bypass, images: Option<Images>) -> Self {
        let names = targets.iter().map(|target| target.table.name.clone()).collect();
        Self {
            connection,
            targets,
            names,
            bypass,
            rebuild: Rebuild::default(),
            direct: Vec::new(),
            stubborn: None,
            images,
            imaged: BTreeMap::new(),
            makes_tables: false,
            deleted: BTreeSet::new(),
            beyond: false,
            begun: false,
            deferrable: Deferrable::default(),
            seeks: false,
        }
    }

    /// The transaction is open already, because tables were made in it.
    pub(super) fn makes_tables(&self) -> bool {
        self.makes_tables
    }

    /// Opens the transaction, unless rows have gone into it already.
    pub(super) async fn begin(&mut self) -> Result<(), DatabaseError> {
        if self.makes_tables {
            return self.lock_others().await;
        }
        if !self.begun {
            locks::begin_locked(&mut self.connection, &self.targets).await?;
            locks::demand_same_tables(&mut self.connection, &self.targets).await?;
            self.set_up().await?;
        }
        Ok(())
    }

    async fn set_up(&mut self) -> Result<(), DatabaseError> {
        self.bypass.begin(&mut self.connection, &self.names).await?;
        run(&mut self.connection, "prepare the transaction", SETTINGS).await?;
        self.begun = true;
        Ok(())
    }

    pub(super) async fn plan_for(&mut self, few: bool) -> Result<(), DatabaseError> {
        if few == self.seeks {
            return Ok(());
        }
        self.seeks = few;
        plan_for(&mut self.connection, few).await
    }

    pub(super) fn is_direct(&self, index: usize) -> bool {
        self.direct.get(index).is_some_and(Option::is_some)
    }

    /// For a table whose rows go straight in.
    pub(super) async fn loader(&mut self, index: usize) -> Result<Option<DirectLoader<'_>>, DatabaseError> {
        let has_rows = |(direct, _): &(&Option<u64>, _)| direct.is_some_and(|rows| rows > 0);
        let there: Vec<&TableName> =
            self.direct.iter().zip(&self.names).filter(has_rows).map(|(_, name)| name).collect();
        self.rebuild.put_back_others(&mut self.connection, &self.names[index], &there).await?;
        let Some(loaded) = self.direct.get_mut(index).and_then(Option::as_mut) else { return Ok(None) };
        Ok(Some(DirectLoader::new(
            &self.targets[index],
            &mut self.connection,
            (&mut self.bypass, &mut self.rebuild),
            &self.names,
            loaded,
        )))
    }
}

#[async_trait]
impl Merge for PostgresMerge {
    fn mode(&self) -> String {
        let triggers = self.bypass.way();
        match self.direct.iter().flatten().count() {
            0 => triggers.to_owned(),
            tables => format!("{triggers}; rows went straight into {tables} empty tables"),
        }
    }

    fn warnings(&self) -> Vec<String> {
        self.bypass.warnings()
    }

    async fn delete_surplus(&mut self, index: usize) -> Result<u64, DatabaseError> {
        self.plan_for(self.targets[index].comes_in_few).await?;
        if self.is_direct(index) || !self.open(index, counts::deletable_count).await? {
            return Ok(0);
        }
        let statement = statements::delete_surplus(&self.targets[index]);
        match self.bypass.live.unreferenced(&self.names[index], statement) {
            Some(statement) => self.delete(index, "delete", Fate::Deleted, statement).await,
            None => Ok(0),
        }
    }

    async fn delete_rest(&mut self, index: usize) -> Result<u64, DatabaseError> {
        self.plan_for(self.targets[index].comes_in_few).await?;
        let target = &self.targets[index];
        if !self.bypass.live.point_to(&target.table.name) {
            return Ok(0);
        }
        let (surplus, lock) = (counts::deletable_count(target), statements::lock_surplus(target));
        let statement = statements::delete_surplus(target);
        if self.count(index, surplus).await? == 0 {
            return Ok(0);
        }
        if let Some(lock) = lock {
            self.count(index, lock).await?;
        }
        let (live, target) = (&self.bypass.live, &self.targets[index]);
        live.demand_unreferenced(&mut self.connection, target, &self.targets).await?;
        self.delete(index, "delete", Fate::Deleted, statement).await
    }

    async fn upsert(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError> {
        self.plan_for(self.targets[index].comes_in_few).await?;
        if !self.open(index, counts::missing).await? {
            return Ok(Written::default());
        }
        let written = match self.bypass.live.is_empty() {
            true => self.write_rows(index, rows).await?,
            false => self.write_checked(index, rows).await?,
        };
        if written != Written::default()
            && self.deferrable.concern(&mut self.connection, &self.names, index).await?
        {
            self.plan_for(false).await?;
            deferred::check(&mut self.connection, &self.targets[index]).await?;
        }
        Ok(written)
    }

    async fn orphans(&mut self, touched: &[usize]) -> Result<Vec<String>, DatabaseError> {
        self.plan_for(false).await?;
        let affected =
            Affected { targets: &self.targets, touched, deleted: &self.deleted, beyond: self.beyond };
        let found = self.bypass.orphans(&mut self.connection, &mut self.rebuild, &affected).await?;
        plan_for(&mut self.connection, false).await?;
        Ok(found)
    }

    async fn differences(&mut self, index: usize, whole: bool) -> Result<u64, DatabaseError> {
        if self.is_direct(index) {
            return Ok(0);
        }
        self.plan_for(self.targets[index].comes_in_few).await?;
        let missing = counts::missing(&self.targets[index]);
        let missing = self.count(index, missing).await?;
        let by = self.bypass.suspects(&self.names[index]);
        if missing > 0 && !by.is_empty() {
            return Err(DatabaseError::Altered { table: self.names[index].clone(), rows: missing, by });
        }
        if !whole {
            return Ok(missing);
        }
        let surplus = counts::surplus(&self.targets[index]);
        Ok(missing + self.count(index, surplus).await?)
    }

    async fn row_count(&mut self, index: usize) -> Result<u64, DatabaseError> {
        if self.is_direct(index) {
            return Ok(0);
        }
        let statement = counts::row_count(&self.targets[index]);
        self.count(index, statement).await
    }

    async fn own_rows<'a>(
        &'a mut self,
        index: usize,
    ) -> Result<BoxStream<'a, Result<Bytes, DatabaseError>>, DatabaseError> {
        self.plan_for(self.targets[index].comes_in_few).await?;
        let what = format!("read the own rows of {}", self.names[index]);
        let statement = statements::own_rows(&self.targets[index]);
        match self.connection.copy_out_raw(statement.as_str()).await {
            Ok(rows) => Ok(rows.map_err(move |cause| failed(what.clone(), &cause)).boxed()),
            Err(cause) => Err(failed(what, &cause)),
        }
    }

    async fn keep(&mut self, until_us: i64, most_bytes: u64) -> Result<Kept, DatabaseError> {
        if let (Some(table), false) = (&self.stubborn, self.imaged.is_empty()) {
            return Ok(Kept::Impossible { table: table.clone() });
        }
        match &self.images {
            Some(images) if !self.imaged.is_empty() => {
                images
                    .keep(
                        &mut self.connection,
                        &self.imaged,
                        until_us,
                        most_bytes,
                        !self.bypass.live.is_empty(),
                    )
                    .await
            }
            _ => Ok(Kept::Nothing),
        }
    }

    async fn resolve(&mut self, order: &[usize], policy: ConflictPolicy) -> Result<Resolved, DatabaseError> {
        let keys = foreign_keys::holding(&mut self.connection, &self.names).await?;
        if policy == ConflictPolicy::Source {
            self.open_all().await?;
        }
        // Nothing is taken in a table that was empty.
        let staged = order.iter().copied().filter(|&index| !self.is_direct(index)).collect::<Vec<_>>();
        let mut resolver = Resolver {
            connection: &mut self.connection,
            targets: &self.targets,
            keys: &keys,
            live: &self.bypass.live,
            images: self.images.as_ref(),
        };
        let resolved = resolver.resolve(&staged, policy).await?;
        if !resolved.notes.is_empty() {
            self.remember_all();
            self.beyond = true;
        }
        Ok(resolved)
    }

    async fn left_out(&mut self, index: usize) -> Result<Vec<LeftOut>, DatabaseError> {
        set_aside::left_out(&mut self.connection, &self.targets[index]).await
    }

    async fn left_out_rows<'a>(
        &'a mut self,
        index: usize,
    ) -> Result<BoxStream<'a, Result<Bytes, DatabaseError>>, DatabaseError> {
        set_aside::text(&mut self.connection, &self.targets[index]).await
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, DatabaseError> {
        state::execute(&mut self.connection, statement).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), DatabaseError> {
        run(&mut self.connection, "commit", "commit").await
    }
}

/// Has few rows looked up one by one: then the only nested loop is one over what is staged, with the key's index in it.
/// Sequential scans are dear, so that a table of which nothing is known yet is not read again for each row.
pub(super) async fn plan_for(connection: &mut PgConnection, few: bool) -> Result<(), DatabaseError> {
    let on = |is_on| if is_on { "on" } else { "off" };
    sqlx::query("select set_config('enable_nestloop', $1, true), set_config('enable_seqscan', $2, true)")
        .bind(on(few))
        .bind(on(!few))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(doing("prepare the transaction"))
}

pub(super) async fn run(
    connection: &mut PgConnection,
    what: &'static str,
    text: &'static str,
) -> Result<(), DatabaseError> {
    // Statements without values need no preparing, which is a round trip.
    sqlx::raw_sql(text).execute(connection).await.map(|_| ()).map_err(doing(what))
}
