//! The one transaction that writes: only rows that differ, whole tables at a time, `on conflict` nowhere.
//!
//! `on conflict` cannot be used: it fails on deferrable keys, on two rows that swap a unique value, on tables with
//! rules and on exclusion constraints.

use async_trait::async_trait;
use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, Merge, Statement, Written};
use super::connect::Connector;
use super::error::doing;
use super::staging::Staged;
use super::statements::{self, Target};
use super::{catalog, foreign_keys, locks, state};
use crate::catalog::Table;
use crate::model::SessionId;
use crate::sql::Sql;

/// Whole tables meet whole tables here, often with statistics of a time when the target was empty. Then the planner
/// takes a nested loop whose inner scan also walks over the rows that the very statement is inserting: quadratic,
/// 9 minutes and more for a million rows that a hash join places in seconds.
const PLANNER: [&str; 3] =
    ["set local enable_nestloop = off", "set local work_mem = '64MB'", "set local jit = off"];

pub(super) struct PostgresMerge {
    connection: PgConnection,
    targets: Vec<Target>,
}

impl PostgresMerge {
    pub(super) async fn begin(
        connector: &Connector,
        session: &SessionId,
        staged: Vec<Staged>,
    ) -> Result<Self, DatabaseError> {
        let mut connection = connector.open(session).await?;
        let mut targets = Vec::with_capacity(staged.len());
        for staged in staged {
            targets.push(Target::new(&mut connection, staged).await?);
        }
        demand_replica_role(&mut connection, connector.server_version).await?;
        locks::begin_locked(&mut connection, &targets).await?;
        demand_same_tables(&mut connection, &targets).await?;
        // Triggers do not fire and foreign keys are not enforced row by row: they are checked whole in `orphans`.
        run(&mut connection, "switch triggers off", "set local session_replication_role = replica").await?;
        for text in PLANNER {
            run(&mut connection, "prepare the transaction", text).await?;
        }
        Ok(Self { connection, targets })
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
        "replica role: triggers are off, foreign keys are checked whole before the commit".to_owned()
    }

    async fn delete_surplus(&mut self, index: usize) -> Result<u64, DatabaseError> {
        let statement = statements::delete_surplus(&self.targets[index]);
        self.write(index, "delete", statement).await
    }

    async fn upsert(&mut self, index: usize) -> Result<Written, DatabaseError> {
        let target = &self.targets[index];
        let (is_empty, insert_all) = (statements::is_empty(target), statements::insert_all(target));
        let empty: Result<bool, _> =
            sqlx::query_scalar(is_empty.into_query()).fetch_one(&mut self.connection).await;
        if empty.map_err(doing(format!("look into {}", target.table.name)))? {
            return Ok(Written { inserted: self.write(index, "insert", insert_all).await?, updated: 0 });
        }
        let target = &self.targets[index];
        let (moved, update, insert) =
            (statements::delete_moved(target), statements::update(target), statements::insert(target));
        let mut written = Written::default();
        // Rows whose secondary unique values change leave first and come back with the new ones, so that swaps and
        // rotations meet no old value.
        let moved = match moved {
            Some(statement) => self.write(index, "move", statement).await?,
            None => 0,
        };
        if let Some(statement) = update {
            written.updated = self.write(index, "update", statement).await? + moved;
        }
        written.inserted = self.write(index, "insert", insert).await? - moved;
        Ok(written)
    }

    async fn orphans(&mut self, touched: &[usize]) -> Result<Vec<String>, DatabaseError> {
        let tables: Vec<_> = touched.iter().map(|&index| self.targets[index].table.name.clone()).collect();
        foreign_keys::orphans(&mut self.connection, &tables).await
    }

    async fn differences(&mut self, index: usize, whole: bool) -> Result<u64, DatabaseError> {
        let missing = statements::missing(&self.targets[index]);
        let missing = self.count(index, missing).await?;
        if !whole {
            return Ok(missing);
        }
        let surplus = statements::surplus(&self.targets[index]);
        Ok(missing + self.count(index, surplus).await?)
    }

    async fn row_count(&mut self, index: usize) -> Result<u64, DatabaseError> {
        let statement = statements::row_count(&self.targets[index]);
        self.count(index, statement).await
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, DatabaseError> {
        state::execute(&mut self.connection, statement).await
    }

    async fn commit(mut self: Box<Self>) -> Result<(), DatabaseError> {
        run(&mut self.connection, "commit", "commit").await
    }
}

async fn run(
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
