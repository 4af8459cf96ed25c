//! The one transaction that writes: only rows that differ, whole tables at a time, `on conflict` nowhere.
//!
//! `on conflict` cannot be used: it fails on deferrable keys, on two rows that swap a unique value, on tables with
//! rules and on exclusion constraints.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, Kept, LeftOut, Merge, Statement, Written};
use super::conflicts::Resolver;
use super::connect::Connector;
use super::direct::{self, DirectLoader};
use super::error::{doing, failed};
use super::images::{Fate, Imaged, Images};
use super::rebuild::Rebuild;
use super::staging::Staged;
use super::statements::{self, Target};
use super::{catalog, conflicts, deferred, foreign_keys, images, locks, set_aside, state};
use crate::catalog::{Table, TableName};
use crate::model::{ConflictPolicy, SessionId};
use crate::sql::Sql;

/// Whole tables meet whole tables here, often with statistics of a time when the target was empty. Then the planner
/// takes a nested loop whose inner scan also walks over the rows that the very statement is inserting: quadratic,
/// 9 minutes and more for a million rows that a hash join places in seconds.
pub(super) const SETTINGS: [&str; 5] = [
    "set local enable_nestloop = off",
    "set local work_mem = '64MB'",
    "set local jit = off",
    // An index that is built again sorts in memory, by more than one process where the server has one to spare.
    "set local maintenance_work_mem = '256MB'",
    "set local default_tablespace = ''",
];

/// Staged rows from which on it pays to build the indexes of an empty table anew.
const MANY_ROWS: u64 = 10_000;

pub(super) struct PostgresMerge {
    pub(super) connection: PgConnection,
    pub(super) targets: Vec<Target>,
    names: Vec<TableName>,
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
}

impl PostgresMerge {
    /// Makes everything ready for the transaction and opens it already when the rows can go straight into the tables.
    pub(super) async fn prepare(
        connector: &Connector,
        session: &SessionId,
        staged: &[Staged],
        straight: bool,
        images: Option<Images>,
    ) -> Result<Self, DatabaseError> {
        let mut connection = connector.open(session).await?;
        demand_replica_role(&mut connection, connector.server_version).await?;
        let mut targets = Vec::with_capacity(staged.len());
        for staged in staged {
            targets.push(Target::new(&mut connection, staged).await?);
        }
        let names = targets.iter().map(|target| target.table.name.clone()).collect();
        let fit = direct::fit(&mut connection, &targets).await?;
        let mut merge = Self {
            connection,
            targets,
            names,
            rebuild: Rebuild::default(),
            direct: Vec::new(),
            stubborn: None,
            images,
            imaged: BTreeMap::new(),
            begun: false,
        };
        if merge.images.is_some() {
            merge.stubborn = images::stubborn(&mut merge.connection, &merge.names).await?;
            if merge.stubborn.is_some() {
                merge.images = None;
            }
        }
        if straight && direct::begin(&mut merge.connection, &merge.targets, &fit).await? {
            demand_same_tables(&mut merge.connection, &merge.targets).await?;
            merge.direct = fit.into_iter().map(|fits| fits.then_some(0)).collect();
            merge.set_up().await?;
        }
        Ok(merge)
    }

    /// Opens the transaction, unless rows have gone into it already.
    pub(super) async fn begin(&mut self) -> Result<(), DatabaseError> {
        if !self.begun {
            locks::begin_locked(&mut self.connection, &self.targets).await?;
            demand_same_tables(&mut self.connection, &self.targets).await?;
            self.set_up().await?;
        }
        Ok(())
    }

    async fn set_up(&mut self) -> Result<(), DatabaseError> {
        // Triggers do not fire and foreign keys are not enforced row by row: they are checked whole in `orphans`.
        run(&mut self.connection, "switch triggers off", "set local session_replication_role = replica")
            .await?;
        for text in SETTINGS {
            run(&mut self.connection, "prepare the transaction", text).await?;
        }
        self.begun = true;
        Ok(())
    }

    pub(super) fn is_direct(&self, index: usize) -> bool {
        self.direct.get(index).is_some_and(Option::is_some)
    }

    /// For a table whose rows go straight in.
    pub(super) fn loader(&mut self, index: usize) -> Option<DirectLoader<'_>> {
        let loaded = self.direct.get_mut(index)?.as_mut()?;
        Some(DirectLoader::new(
            &self.targets[index],
            &mut self.connection,
            &mut self.rebuild,
            &self.names,
            loaded,
        ))
    }

    /// Takes the indexes off an empty table into which `rows` will go, when nobody is in the way.
    async fn take_off_indexes(&mut self, index: usize, rows: u64) -> Result<(), DatabaseError> {
        if rows < MANY_ROWS || !direct::fit(&mut self.connection, &self.targets[index..=index]).await?[0] {
            return Ok(());
        }
        run(&mut self.connection, "prepare a rebuild", "savepoint take_off").await?;
        // It is not worth waiting for a reader.
        run(&mut self.connection, "prepare a rebuild", "set local lock_timeout = 100").await?;
        let taken =
            self.rebuild.take_off(&mut self.connection, &self.targets[index].table.name, &self.names).await;
        match taken {
            Ok(_) => {
                run(&mut self.connection, "prepare a rebuild", "set local lock_timeout = 5000").await?;
                run(&mut self.connection, "prepare a rebuild", "release take_off").await
            }
            // A reader has the table, and the rows go in beside the indexes.
            Err(DatabaseError::Locked { .. }) => {
                self.rebuild.forget(&self.targets[index].table.name);
                run(&mut self.connection, "leave the indexes", "rollback to take_off").await?;
                // Rows written under a savepoint would carry another number than the transaction's.
                run(&mut self.connection, "leave the indexes", "release take_off").await
            }
            Err(error) => Err(error),
        }
    }

    async fn write_rows(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError> {
        if let Some(&Some(inserted)) = self.direct.get(index) {
            self.remember(index, true, inserted);
            self.rebuild.put_back_indexes(&mut self.connection, &self.names[index]).await?;
            return Ok(Written { inserted, updated: 0 });
        }
        let target = &self.targets[index];
        let is_empty: Result<bool, _> = sqlx::query_scalar(statements::is_empty(target).into_query())
            .fetch_one(&mut self.connection)
            .await;
        if is_empty.map_err(doing(format!("look into {}", target.table.name)))? {
            let insert_all = statements::insert_all(target);
            self.take_off_indexes(index, rows).await?;
            let inserted = self.write(index, "insert", insert_all).await?;
            self.remember(index, true, inserted);
            self.rebuild.put_back_indexes(&mut self.connection, &self.names[index]).await?;
            return Ok(Written { inserted, updated: 0 });
        }
        let target = &self.targets[index];
        let (moved, mut update, mut insert) =
            (statements::delete_moved(target), statements::update(target), statements::insert(target));
        let updated = statements::updated(target);
        let images = self.images.clone();
        let mut written = Written::default();
        // Rows whose secondary unique values change leave first and come back with the new ones, so that swaps and
        // rotations meet no old value.
        let moved = match moved {
            Some(statement) => self.delete(index, "move", Fate::Replaced, statement).await?,
            None => 0,
        };
        if let (Some(images), Some(updated)) = (&images, updated) {
            let keep = images.keeping(index, &self.targets[index], &updated);
            if self.write(index, "keep", keep).await? == 0 {
                update = None;
            }
        }
        if let Some(statement) = update {
            written.updated = self.write(index, "update", statement).await?;
        }
        written.updated += moved;
        let target = &self.targets[index];
        if let (Some(images), false) = (&images, target.table.key().is_empty()) {
            insert = images.inserting(index, target, &insert);
        }
        written.inserted = self.write(index, "insert", insert).await? - moved;
        self.remember(index, false, written.updated + written.inserted);
        Ok(written)
    }

    /// Runs a statement that deletes rows, and keeps them when that is asked for.
    async fn delete(
        &mut self,
        index: usize,
        verb: &str,
        fate: Fate,
        mut statement: Sql,
    ) -> Result<u64, DatabaseError> {
        if let Some(images) = &self.images {
            statement = images.deleting(index, &self.targets[index], fate, &statement);
        }
        let rows = self.write(index, verb, statement).await?;
        self.remember(index, false, rows);
        Ok(rows)
    }

    /// Notes that any table may have been written to.
    fn remember_all(&mut self) {
        for index in 0..self.targets.len() {
            self.remember(index, false, 1);
        }
    }

    /// Notes that `rows` of a table were written.
    fn remember(&mut self, index: usize, all_new: bool, rows: u64) {
        if rows > 0 {
            let target = &self.targets[index];
            let (table, columns) = (target.table.name.clone(), target.stored.clone());
            let imaged = self.imaged.entry(index).or_insert(Imaged { table, columns, all_new });
            imaged.all_new |= all_new;
        }
    }

    async fn write(&mut self, index: usize, verb: &str, statement: Sql) -> Result<u64, DatabaseError> {
        let done = sqlx::query(statement.into_query()).execute(&mut self.connection).await;
        let table = &self.targets[index].table.name;
        done.map(|done| done.rows_affected()).map_err(doing(format!("{verb} rows of {table}")))
    }

    async fn count(&mut self, index: usize, statement: Sql) -> Result<u64, DatabaseError> {
        let count: Result<i64, _> =
            sqlx::query_scalar(statement.into_query()).fetch_one(&mut self.connection).await;
        let table = &self.targets[index].table.name;
        count.map(i64::unsigned_abs).map_err(doing(format!("compare the rows of {table}")))
    }
}

#[async_trait]
impl Merge for PostgresMerge {
    fn mode(&self) -> String {
        let triggers = "replica role: triggers are off, foreign keys are checked whole before the commit";
        match self.direct.iter().flatten().count() {
            0 => triggers.to_owned(),
            tables => format!("{triggers}; rows went straight into {tables} empty tables"),
        }
    }

    async fn delete_surplus(&mut self, index: usize) -> Result<u64, DatabaseError> {
        let statement = statements::delete_surplus(&self.targets[index]);
        if self.is_direct(index) {
            return Ok(0);
        }
        self.delete(index, "delete", Fate::Deleted, statement).await
    }

    async fn upsert(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError> {
        let written = self.write_rows(index, rows).await?;
        if written != Written::default() {
            deferred::check(&mut self.connection, &self.targets[index]).await?;
        }
        Ok(written)
    }

    async fn orphans(&mut self, touched: &[usize]) -> Result<Vec<String>, DatabaseError> {
        let remade = self.rebuild.put_back_foreign_keys(&mut self.connection).await?;
        let tables: Vec<_> = touched.iter().map(|&index| self.names[index].clone()).collect();
        foreign_keys::orphans(&mut self.connection, &tables, &remade).await
    }

    async fn differences(&mut self, index: usize, whole: bool) -> Result<u64, DatabaseError> {
        if self.is_direct(index) {
            return Ok(0);
        }
        let missing = statements::missing(&self.targets[index]);
        let missing = self.count(index, missing).await?;
        if !whole {
            return Ok(missing);
        }
        let surplus = statements::surplus(&self.targets[index]);
        Ok(missing + self.count(index, surplus).await?)
    }

    async fn row_count(&mut self, index: usize) -> Result<u64, DatabaseError> {
        if let Some(&Some(rows)) = self.direct.get(index) {
            return Ok(rows);
        }
        let statement = statements::row_count(&self.targets[index]);
        self.count(index, statement).await
    }

    async fn own_rows<'a>(
        &'a mut self,
        index: usize,
    ) -> Result<BoxStream<'a, Result<Bytes, DatabaseError>>, DatabaseError> {
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
                images.keep(&mut self.connection, &self.imaged, until_us, most_bytes).await
            }
            _ => Ok(Kept::Nothing),
        }
    }

    async fn resolve(
        &mut self,
        order: &[usize],
        policy: ConflictPolicy,
    ) -> Result<Vec<String>, DatabaseError> {
        let mut notes = Vec::new();
        for &index in order {
            let mut resolver = Resolver {
                connection: &mut self.connection,
                targets: &self.targets,
                images: self.images.as_ref(),
            };
            let resolved = resolver.resolve(index, policy).await?;
            if !resolved.is_empty() {
                self.remember_all();
            }
            notes.extend(resolved);
        }
        let followed = conflicts::follow(&mut self.connection, &self.targets).await?;
        if followed > 0 {
            notes.push(format!("{followed} rows that reference rows which were left out were left out too"));
        }
        Ok(notes)
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

pub(super) async fn run(
    connection: &mut PgConnection,
    what: &'static str,
    text: &'static str,
) -> Result<(), DatabaseError> {
    sqlx::query(text).execute(connection).await.map(|_| ()).map_err(doing(what))
}

/// The plan was made without a lock: what it is about must still be what is locked now.
async fn demand_same_tables(connection: &mut PgConnection, targets: &[Target]) -> Result<(), DatabaseError> {
    let now = catalog::read(connection).await?;
    for target in targets {
        let same = now.table(&target.table.name).is_some_and(|table| {
            // An estimate may have changed.
            Table { estimated_rows: target.table.estimated_rows, ..table.clone() } == target.table
        });
        if !same {
            return Err(DatabaseError::Changed { table: target.table.name.clone() });
        }
    }
    Ok(())
}

async fn demand_replica_role(
    connection: &mut PgConnection,
    server_version: u32,
) -> Result<(), DatabaseError> {
    let text = if server_version >= 150_000 {
        "select has_parameter_privilege('session_replication_role', 'set')"
    } else {
        "select rolsuper from pg_roles where rolname = current_user"
    };
    let allowed: bool =
        sqlx::query_scalar(text).fetch_one(&mut *connection).await.map_err(doing("read the rights"))?;
    if allowed {
        return Ok(());
    }
    let role: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(connection)
        .await
        .map_err(doing("read the role"))?;
    Err(DatabaseError::MissingRight {
        what: format!(
            "the role {role} may not set session_replication_role, which keeps triggers and foreign keys out of the way while rows are written"
        ),
        remedy: if server_version >= 150_000 {
            format!("As a superuser run: GRANT SET ON PARAMETER session_replication_role TO \"{role}\"")
        } else {
            "Before PostgreSQL 15 only a superuser may: connect Tandem as one".to_owned()
        },
    })
}
