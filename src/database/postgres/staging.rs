//! Staging: unlogged tables with the target's column types, filled by COPY, invisible to everybody else.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::Postgres as Driver;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgCopyIn, PgPool, PgPoolCopyExt, PgPoolOptions};

use super::super::{DatabaseError, Incoming, Loader, Merge, Staging};
use super::connect::{Connector, SETTINGS, session_name};
use super::error::{doing, failed};
use super::locks;
use super::merge::PostgresMerge;
use crate::catalog::{Making, TableName};
use crate::model::SessionId;
use crate::sql::{Ident, join, names, sql};

/// Names of staging tables of any session begin so.
pub(super) const PREFIX: &str = "stage_";

pub(super) fn prefix(session: &SessionId) -> String {
    format!("{PREFIX}{}_", session.short())
}

pub(super) struct PostgresStaging {
    pool: PgPool,
    tables: Vec<Staged>,
    /// None once it has begun.
    merge: Option<PostgresMerge>,
}

/// A table of the target beside the staging table of its incoming rows.
#[derive(Clone)]
pub(super) struct Staged {
    pub(super) incoming: Incoming,
    pub(super) stage: TableName,
    /// For the rows that the target has and the source has not, when only a part comes.
    pub(super) outdated: Option<TableName>,
}

impl PostgresStaging {
    pub(super) async fn create(
        connector: &Connector,
        session: &SessionId,
        tables: &[Incoming],
        making: &Making,
    ) -> Result<Self, DatabaseError> {
        // Its own pool: the connections must carry the session's name to be ended by it.
        let options = connector.options.clone().application_name(&session_name(session)).options(SETTINGS);
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .map_err(|cause| super::error::connecting(&cause))?;
        let name = |index, end| TableName::new("tandem", format!("{}{index}{end}", prefix(session)));
        let staged = |(index, incoming): (usize, &Incoming)| Staged {
            incoming: incoming.clone(),
            stage: name(index, ""),
            outdated: incoming.partial.then(|| name(index, "_old")),
        };
        let tables: Vec<Staged> = tables.iter().enumerate().map(staged).collect();
        let merge = match PostgresMerge::prepare(connector, session, &tables, making).await {
            Ok(merge) => merge,
            Err(error) => return Err(named(error, &pool).await),
        };
        for (index, Staged { incoming, stage, outdated }) in tables.iter().enumerate() {
            if merge.is_direct(index) {
                continue;
            }
            for table in [stage].into_iter().chain(outdated) {
                // Column types, lengths and collations of the target, none of its constraints.
                let made = sqlx::query(
                    sql(
                        "create unlogged table {} with (autovacuum_enabled = false) as select {} from {} with no data",
                        &[table, &names(&incoming.columns), &incoming.table.name],
                    )
                    .into_query(),
                )
                .execute(&pool)
                .await
                .map_err(doing(format!("make a staging table for {}", incoming.table.name)));
                if let Err(error) = made {
                    return Err(named(error, &pool).await);
                }
            }
        }
        Ok(Self { pool, tables, merge: Some(merge) })
    }

    async fn loader(&self, incoming: &Incoming, into: &TableName) -> Result<PostgresLoader, DatabaseError> {
        let what = format!("load rows for {}", incoming.table.name);
        let statement = sql("copy {} ({}) from stdin", &[into, &names(&incoming.columns)]);
        match self.pool.copy_in_raw(statement.as_str()).await {
            Ok(copy) => Ok(PostgresLoader { copy, what }),
            Err(cause) => Err(failed(what, &cause)),
        }
    }

    fn is_direct(&self, index: usize) -> bool {
        self.merge.as_ref().is_some_and(|merge| merge.is_direct(index))
    }
}

#[async_trait]
impl Staging for PostgresStaging {
    fn way(&self) -> String {
        let direct = (0..self.tables.len()).filter(|&index| self.is_direct(index)).count();
        match (direct, self.tables.len() - direct) {
            (0, staged) => format!("{staged} staging tables made from the target's definitions"),
            (direct, staged) if self.merge.as_ref().is_some_and(PostgresMerge::makes_tables) => format!(
                "{direct} tables are made in the transaction that fills them; {staged} staging tables for the others"
            ),
            (direct, staged) => format!(
                "The target is empty: rows go straight into {direct} tables, whose readers wait for the commit, and into {staged} staging tables"
            ),
        }
    }

    async fn load<'a>(&'a mut self, index: usize) -> Result<Box<dyn Loader + 'a>, DatabaseError> {
        if self.is_direct(index) {
            let loader = self.merge.as_mut().and_then(|merge| merge.loader(index));
            return match loader {
                Some(loader) => Ok(Box::new(loader)),
                None => Err(begun()),
            };
        }
        let Staged { incoming, stage, .. } = &self.tables[index];
        Ok(Box::new(self.loader(incoming, stage).await?))
    }

    async fn load_outdated(&mut self, index: usize) -> Result<Box<dyn Loader>, DatabaseError> {
        let Staged { incoming, outdated, .. } = &self.tables[index];
        match outdated {
            Some(table) => Ok(Box::new(self.loader(incoming, table).await?)),
            None => Err(DatabaseError::Statement {
                what: format!("stage outdated rows of {}", incoming.table.name),
                reason: "the table is not partial".to_owned(),
                sqlstate: String::new(),
            }),
        }
    }

    async fn refusals(&mut self) -> Result<Vec<String>, DatabaseError> {
        let mut found = Vec::new();
        for (index, staged) in self.tables.iter().enumerate() {
            let key = staged.incoming.table.key();
            if staged.incoming.unique || key.is_empty() || self.is_direct(index) {
                continue;
            }
            let twice: i64 = sqlx::query_scalar(
                sql(
                    "select count(*) from (select from {} group by {} having count(*) > 1) twice",
                    &[&staged.stage, &names(key)],
                )
                .into_query(),
            )
            .fetch_one(&self.pool)
            .await
            .map_err(doing(format!("check the keys for {}", staged.incoming.table.name)))?;
            if twice > 0 {
                found.push(format!(
                    "{twice} keys of {} ({}) come more than once from the source",
                    staged.incoming.table.name,
                    key.join(", ")
                ));
            }
            let unset =
                join(" or ", key.iter().map(|column| sql("{} is not distinct from null", &[&Ident(column)])));
            let without: i64 = sqlx::query_scalar(
                sql("select count(*) from {} where {}", &[&staged.stage, &unset]).into_query(),
            )
            .fetch_one(&self.pool)
            .await
            .map_err(doing(format!("check the keys for {}", staged.incoming.table.name)))?;
            if without > 0 {
                found.push(format!(
                    "{without} rows of {} come without a key ({})",
                    staged.incoming.table.name,
                    key.join(", ")
                ));
            }
        }
        Ok(found)
    }

    async fn begin(&mut self) -> Result<Box<dyn Merge>, DatabaseError> {
        for (index, staged) in self.tables.iter().enumerate() {
            if self.is_direct(index) {
                continue;
            }
            for table in [&staged.stage].into_iter().chain(&staged.outdated) {
                sqlx::query(sql("analyze {}", &[table]).into_query())
                    .execute(&self.pool)
                    .await
                    .map_err(doing(format!("analyze the staged rows of {}", staged.incoming.table.name)))?;
            }
        }
        let Some(mut merge) = self.merge.take() else {
            return Err(begun());
        };
        merge.begin().await?;
        Ok(Box::new(merge))
    }
}

/// A defect: nothing is loaded once the merge has begun, and it begins once.
fn begun() -> DatabaseError {
    DatabaseError::Unavailable { reason: "the transaction has begun before".to_owned() }
}

/// Says who holds a lock that was waited for too long.
async fn named(error: DatabaseError, pool: &PgPool) -> DatabaseError {
    match pool.acquire().await {
        Ok(mut connection) => locks::named(error, &mut connection, &[]).await,
        Err(cause) => super::error::connecting(&cause),
    }
}

struct PostgresLoader {
    copy: PgCopyIn<PoolConnection<Driver>>,
    what: String,
}

#[async_trait]
impl Loader for PostgresLoader {
    async fn send(&mut self, rows: Bytes) -> Result<(), DatabaseError> {
        match self.copy.send(rows).await {
            Ok(_) => Ok(()),
            Err(cause) => Err(failed(self.what.clone(), &cause)),
        }
    }

    async fn finish(self: Box<Self>) -> Result<u64, DatabaseError> {
        let Self { copy, what } = *self;
        copy.finish().await.map_err(|cause| failed(what, &cause))
    }
}

/// Drops the staging tables whose name begins with `prefix`, some at a time: each holds a lock until the commit.
pub(super) async fn drop_leftovers(pool: &PgPool, prefix: &str) -> Result<(), DatabaseError> {
    loop {
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.relname::text
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'tandem' and c.relkind = 'r' and starts_with(c.relname::text, $1)
             order by c.oid
             limit 100",
        )
        .bind(prefix)
        .fetch_all(pool)
        .await
        .map_err(doing("look for staging tables"))?;
        if tables.is_empty() {
            return Ok(());
        }
        let list = join(", ", tables.iter().map(|name| sql("tandem.{}", &[&Ident(name)])));
        sqlx::query(sql("drop table if exists {}", &[&list]).into_query())
            .execute(pool)
            .await
            .map_err(doing("drop staging tables"))?;
    }
}
