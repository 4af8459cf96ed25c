//! The staging tables themselves: how they are named, made, and dropped.

use sqlx::postgres::PgPool;

use super::super::{DatabaseError, Incoming};
use super::error::doing;
use super::set_aside;
use crate::catalog::TableName;
use crate::model::SessionId;
use crate::sql::{Ident, join, names, sql};

/// Tables that are made or dropped in one transaction, which holds a lock for each.
const TOGETHER: usize = 100;

/// Names of staging tables of any session begin so.
pub(super) const PREFIX: &str = "stage_";

pub(super) fn prefix(session: &SessionId) -> String {
    format!("{PREFIX}{}_", session.short())
}

/// A table of the target beside the staging table of its incoming rows.
#[derive(Clone)]
pub(super) struct Staged {
    pub(super) incoming: Incoming,
    pub(super) stage: TableName,
    /// For the rows that the target has and the source has not, when only a part comes.
    pub(super) outdated: Option<TableName>,
    /// For the rows that are left out, when some may be.
    pub(super) refused: Option<TableName>,
}

/// Makes the staging tables of `tables`, some at a time: a commit for each would take longer than to make it.
pub(super) async fn make(pool: &PgPool, tables: &[&Staged]) -> Result<(), DatabaseError> {
    for some in tables.chunks(TOGETHER) {
        make_some(pool, some).await?;
    }
    Ok(())
}

async fn make_some(pool: &PgPool, tables: &[&Staged]) -> Result<(), DatabaseError> {
    let failed = || doing("make staging tables");
    let mut transaction = pool.begin().await.map_err(failed())?;
    for Staged { incoming, stage, outdated, refused } in tables {
        for table in [stage].into_iter().chain(outdated) {
            // Column types, lengths and collations of the target, none of its constraints.
            sqlx::query(
                sql(
                    "create unlogged table {} with (autovacuum_enabled = false) as select {} from {} with no data",
                    &[table, &names(&incoming.columns), &incoming.table.name],
                )
                .into_query(),
            )
            .execute(&mut *transaction)
            .await
            .map_err(doing(format!("make a staging table for {}", incoming.table.name)))?;
        }
        if let Some(refused) = refused {
            set_aside::create(&mut transaction, incoming, refused).await?;
        }
    }
    transaction.commit().await.map_err(failed())
}

/// Drops the staging tables whose name begins with `prefix`, some at a time.
pub(super) async fn drop_leftovers(pool: &PgPool, prefix: &str) -> Result<(), DatabaseError> {
    loop {
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.relname::text
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'tandem' and c.relkind = 'r' and starts_with(c.relname::text, $1)
             order by c.oid
             limit $2",
        )
        .bind(prefix)
        .bind(TOGETHER as i64)
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
