//! The locks of the writing transaction: writers wait for a moment, readers never.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::catalog;
use super::error::doing;
use super::foreign_keys::Key;
use super::statements::Target;
use crate::catalog::{Table, TableName};
use crate::sql::{join, quoted, sql};

/// How long one attempt to lock all tables may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// Less than the server waits before it looks for a deadlock. Whoever waits for a table that we have locked already
    /// while we wait for one of theirs gets it before anybody is told to give up.
    Short,
    /// `lock_timeout` for each table, queued before later writers: for tables that somebody always writes to.
    Long,
}

const ATTEMPTS: [Patience; 23] = {
    let mut attempts = [Patience::Short; 23];
    attempts[20] = Patience::Long;
    attempts[21] = Patience::Long;
    attempts[22] = Patience::Long;
    attempts
};
const PAUSE: Duration = Duration::from_millis(200);

/// Refuses what the server has no room for: one transaction locks each table, with all partitions and indexes.
///
/// The room is `max_locks_per_transaction` for each of the processes that there may be, and shared by all of them
/// (PostgreSQL's documentation, "Lock Management").
pub(super) async fn demand_room(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<(), DatabaseError> {
    let row = sqlx::query(
        "with named as (
             select to_regclass(u.name)::oid as relation from unnest($1::text[]) u(name)
         ), locked as (
             select relation from named
             union all
             select p.relid from named cross join lateral pg_partition_tree(relation) p where p.relid <> relation
         )
         select (select count(*) from locked)
                    + (select count(*) from pg_index where indrelid in (select relation from locked)) as needed,
                current_setting('max_locks_per_transaction')::bigint as each,
                (select sum(setting::bigint)::bigint + 1 from pg_settings
                 where name in ('max_connections', 'autovacuum_worker_slots', 'max_worker_processes', 'max_wal_senders',
                                'max_prepared_transactions')
                    or name = 'autovacuum_max_workers'
                       and current_setting('autovacuum_worker_slots', true) is null) as processes",
    )
    .bind(tables.iter().map(quoted).collect::<Vec<_>>())
    .fetch_one(connection)
    .await
    .map_err(doing("count the locks"))?;
    let (needed, each, processes): (i64, i64, i64) =
        (row.get("needed"), row.get("each"), row.get("processes"));
    if needed <= each * processes {
        return Ok(());
    }
    // The staging tables are locked too, and others want to work meanwhile.
    let wanted = (needed + tables.len() as i64) * 5 / 4 / processes + 1;
    Err(DatabaseError::Refused {
        reason: format!(
            "One transaction over {} tables needs {needed} locks, more than the {} for which the target's server has room",
            tables.len(),
            each * processes
        ),
        remedy: format!(
            "Set max_locks_per_transaction to {wanted} or more there and restart it; it is {each} now. Or sync fewer tables at a time (scope)."
        ),
    })
}

/// Opens the transaction with every target locked against other writers. Gives up after about half a minute and names
/// who holds a lock.
pub(super) async fn begin_locked(
    connection: &mut PgConnection,
    targets: &[Target],
) -> Result<(), DatabaseError> {
    let all: Vec<&Target> = targets.iter().collect();
    for (attempt, patience) in ATTEMPTS.into_iter().enumerate() {
        sqlx::query("begin").execute(&mut *connection).await.map_err(doing("open the transaction"))?;
        let what = match lock(connection, &all, patience).await {
            Err(DatabaseError::Locked { what, .. }) => what,
            other => return other,
        };
        rollback(connection).await?;
        if attempt + 1 == ATTEMPTS.len() {
            let names: Vec<&TableName> = targets.iter().map(|target| &target.table.name).collect();
            let holder = holder(connection, &names, Against::Writing).await?;
            return Err(DatabaseError::Locked { what, holder });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The same inside a transaction that is open already.
pub(super) async fn lock_more(
    connection: &mut PgConnection,
    targets: &[&Target],
) -> Result<(), DatabaseError> {
    let run = async |connection: &mut PgConnection, text: &'static str| {
        sqlx::query(text).execute(connection).await.map(|_| ()).map_err(doing("lock the tables"))
    };
    for (attempt, patience) in ATTEMPTS.into_iter().enumerate() {
        run(connection, "savepoint lock_more").await?;
        let what = match lock(connection, targets, patience).await {
            Err(DatabaseError::Locked { what, .. }) => what,
            other => return other,
        };
        run(connection, "rollback to lock_more").await?;
        if attempt + 1 == ATTEMPTS.len() {
            let names: Vec<&TableName> = targets.iter().map(|target| &target.table.name).collect();
            let holder = holder(connection, &names, Against::Writing).await?;
            return Err(DatabaseError::Locked { what, holder });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn lock(
    connection: &mut PgConnection,
    targets: &[&Target],
    patience: Patience,
) -> Result<(), DatabaseError> {
    if targets.is_empty() {
        return Ok(());
    }
    if patience == Patience::Short {
        // The limit is for all tables together: each could be waited for just long enough.
        sqlx::query(
            "select set_config('statement_timeout', (extract(epoch from current_setting('deadlock_timeout')::interval)
                                                     * 500)::int::text, true)",
        )
        .execute(&mut *connection)
        .await
        .map_err(doing("limit the wait for locks"))?;
    }
    let list = join(", ", targets.iter().map(|target| target.relation()));
    let locked = sqlx::query(sql("lock table {} in share row exclusive mode", &[&list]).into_query())
        .execute(&mut *connection)
        .await
        .map_err(doing("lock the tables"));
    match locked {
        Ok(_) => {}
        // statement_timeout
        Err(DatabaseError::Statement { what, sqlstate, .. }) if sqlstate == "57014" => {
            return Err(DatabaseError::Locked { what, holder: "another session".to_owned() });
        }
        Err(error) => return Err(error),
    }
    sqlx::query("set local statement_timeout = 0")
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(doing("lift the limit of the wait for locks"))
}

async fn rollback(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("rollback").execute(connection).await.map(|_| ()).map_err(doing("roll back"))
}

/// What the lock that could not be had is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    Reading,
    Writing,
    /// Against anybody who has only read.
    Both,
}

/// Who uses `table`, or a table that one of `keys` ties to it, while it is to be had alone.
pub(super) async fn holder_of(
    connection: &mut PgConnection,
    table: &TableName,
    keys: &[Key],
) -> Result<String, DatabaseError> {
    let mut tables = vec![table];
    tables.extend(keys.iter().flat_map(|key| [&key.child_root, &key.parent_root]));
    holder(connection, &tables, Against::Both).await
}

/// An error of a reader of `tables`, or of any when none is named, that waited too long says who made it wait.
pub(super) async fn named(
    error: DatabaseError,
    connection: &mut PgConnection,
    tables: &[&TableName],
) -> DatabaseError {
    let DatabaseError::Locked { what, .. } = error else { return error };
    match holder(connection, tables, Against::Reading).await {
        Ok(holder) => DatabaseError::Locked { what, holder },
        Err(error) => error,
    }
}

/// The same for a reader whose transaction has failed with it, and ends.
pub(super) async fn named_after(
    error: DatabaseError,
    connection: &mut PgConnection,
    tables: &[&TableName],
) -> DatabaseError {
    let DatabaseError::Locked { .. } = error else { return error };
    match rollback(connection).await {
        Ok(()) => named(error, connection, tables).await,
        Err(error) => error,
    }
}

async fn holder(
    connection: &mut PgConnection,
    tables: &[&TableName],
    against: Against,
) -> Result<String, DatabaseError> {
    let tables: Vec<String> = tables.iter().copied().map(quoted).collect();
    let found = sqlx::query(
        "select a.pid, coalesce(nullif(a.application_name, ''), 'a program without a name') as program,
                l.relation::regclass::text as name,
                coalesce(to_char(a.xact_start at time zone 'utc', 'HH24:MI:SS'), '?') as since
         from pg_locks l
         join pg_stat_activity a on a.pid = l.pid
         where l.granted and l.pid <> pg_backend_pid() and l.locktype = 'relation'
           and l.database = (select d.oid from pg_database d where d.datname = current_database())
           and l.relation >= 16384
           and (cardinality($1) = 0
                or coalesce(pg_partition_root(l.relation), l.relation) = any($1::text[]::regclass[]::oid[]))
           and (l.mode not in ('AccessShareLock', 'RowShareLock') or $3)
           and (l.mode = 'AccessExclusiveLock' or not $2)
         order by a.xact_start
         limit 1",
    )
    .bind(&tables)
    .bind(against == Against::Reading)
    .bind(against == Against::Both)
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

/// The plan was made without a lock: what it is about must still be what is locked now.
pub(super) async fn demand_same_tables<'a>(
    connection: &mut PgConnection,
    targets: impl IntoIterator<Item = &'a Target>,
) -> Result<(), DatabaseError> {
    let now = catalog::tables(connection).await?;
    let now: HashMap<&TableName, &Table> = now.iter().map(|table| (&table.name, table)).collect();
    for target in targets {
        let same = now.get(&target.table.name).is_some_and(|&table| {
            // An estimate may have changed.
            Table { estimated_rows: target.table.estimated_rows, ..table.clone() } == target.table
        });
        if !same {
            return Err(DatabaseError::Changed { table: target.table.name.clone() });
        }
    }
    Ok(())
}
