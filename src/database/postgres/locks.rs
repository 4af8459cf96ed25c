//! The locks of the writing transaction: writers wait for a moment, readers never.

use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::statements::Target;
use crate::sql::{join, sql};

const ATTEMPTS: u32 = 5;

/// Opens the transaction with every target locked against other writers. Waits `lock_timeout` for a lock, five times
/// with growing pauses, then names who holds it.
pub(super) async fn begin_locked(
    connection: &mut PgConnection,
    targets: &[Target],
) -> Result<(), DatabaseError> {
    for attempt in 1.. {
        sqlx::query("begin").execute(&mut *connection).await.map_err(doing("open the transaction"))?;
        match lock(connection, targets).await {
            Err(DatabaseError::Locked { .. }) if attempt < ATTEMPTS => {
                rollback(connection).await?;
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
            Err(DatabaseError::Locked { what, .. }) => {
                rollback(connection).await?;
                let holder = holder(connection, targets).await?;
                return Err(DatabaseError::Locked { what, holder });
            }
            other => return other,
        }
    }
    Ok(())
}

async fn lock(connection: &mut PgConnection, targets: &[Target]) -> Result<(), DatabaseError> {
    if targets.is_empty() {
        return Ok(());
    }
    let list = join(", ", targets.iter().map(Target::relation));
    sqlx::query(sql("lock table {} in share row exclusive mode", &[&list]).into_query())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(doing("lock the tables"))
}

async fn rollback(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("rollback").execute(connection).await.map(|_| ()).map_err(doing("roll back"))
}

async fn holder(connection: &mut PgConnection, targets: &[Target]) -> Result<String, DatabaseError> {
    let tables: Vec<String> =
        targets.iter().map(|target| sql("{}", &[&target.table.name]).as_str().to_owned()).collect();
    let found = sqlx::query(
        "select a.pid, coalesce(nullif(a.application_name, ''), 'a program without a name') as program,
                l.relation::regclass::text as name,
                coalesce(to_char(a.xact_start at time zone 'utc', 'HH24:MI:SS'), '?') as since
         from pg_locks l
         join pg_stat_activity a on a.pid = l.pid
         where l.granted and l.pid <> pg_backend_pid() and l.locktype = 'relation'
           and l.relation = any($1::text[]::regclass[]::oid[])
           and l.mode not in ('AccessShareLock', 'RowShareLock')
         order by a.xact_start
         limit 1",
    )
    .bind(&tables)
    .fetch_optional(connection)
    .await
    .map_err(doing("find out who holds the lock"))?;
    Ok(found.map_or_else(
        || "a session that has ended since".to_owned(),
        |row| {
            format!(
                "{} (pid {}), which has locked {} since {} UTC",
                row.get::<String, _>("program"),
                row.get::<i32, _>("pid"),
                row.get::<String, _>("name"),
                row.get::<String, _>("since")
            )
        },
    ))
}
