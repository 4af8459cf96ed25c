//! PostgreSQL 13 and later behind the seam.

mod additive;
mod affected;
mod bad_keys;
mod bypass;
mod catalog;
mod checks;
mod choose;
mod conflicts;
mod connect;
mod counts;
mod deferred;
mod direct;
mod encoding;
mod error;
mod export;
mod fit;
mod foresee;
mod foreign_keys;
mod images;
mod initialise;
mod isolate;
mod large_values;
mod live_keys;
mod load;
mod locks;
mod merge;
mod moved;
#[cfg(target_os = "linux")]
mod nodelay;
mod preflight;
mod preview;
mod rebuild;
mod rights;
mod scope;
mod sequences;
mod set_aside;
mod snapshot;
mod stages;
mod staging;
mod state;
mod statements;
mod tools;
mod triggers;
mod undo;
mod uniques;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Row as _};

use super::{
    Apart, Claim, Database, DatabaseError, Facts, Held, Incoming, Row, Snapshot, Staging, Statement, Undoing,
    Usage, View,
};
use crate::archive::SequenceValue;
use crate::catalog::{Addition, Catalog, Making, Table, TableName};
use crate::config::{Config, ScopeSettings, Secret};
use crate::model::{Check, SessionId};
use crate::sql::sql;
use connect::{Connector, NAME_PREFIX, session_name};
use error::doing;

/// Our advisory lock: whoever holds it syncs this database. The number is arbitrary and must never change.
const LOCK: i64 = 0x7461_6e64_656d;

pub(crate) struct Postgres {
    connector: Connector,
    /// For the node's own state: short statements only.
    pool: PgPool,
    product: String,
    pg_bin: Option<PathBuf>,
    scope: ScopeSettings,
}

impl Postgres {
    /// Connects and brings the schema `tandem` up to date.
    pub(crate) async fn connect(config: &Config) -> Result<Self, DatabaseError> {
        let options = PgConnectOptions::from_str(config.database_url.expose())
            .map_err(|cause| error::connecting(&cause))?
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|cause| error::connecting(&cause))?;
        let (version, number): (String, String) =
            sqlx::query_as("select current_setting('server_version'), current_setting('server_version_num')")
                .fetch_one(&mut connection)
                .await
                .map_err(doing("read the server's version"))?;
        connection.close().await.map_err(doing("close a connection"))?;

        let server_version = number.parse().unwrap_or(0);
        if server_version < 130_000 {
            return Err(DatabaseError::Unavailable {
                reason: format!("PostgreSQL {version} is too old; Tandem needs 13 or later"),
            });
        }
        let password = password(config.database_url.expose());
        let connector = Connector { options, password, server_version };
        state::migrate(&connector).await?;
        let pool = PgPoolOptions::new()
            .max_connections(6)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(
                connector.options.clone().application_name("tandem").options([("search_path", "pg_catalog")]),
            )
            .await
            .map_err(|cause| error::connecting(&cause))?;
        // `15.18 (Debian 15.18-0+deb12u1)` -> `15.18`
        let product = format!("PostgreSQL {}", version.split_whitespace().next().unwrap_or_default());
        let (pg_bin, scope) = (config.pg_bin.clone(), config.scope.clone());
        Ok(Self { connector, pool, product, pg_bin, scope })
    }
}

#[async_trait]
impl Database for Postgres {
    async fn facts(&self) -> Result<Facts, DatabaseError> {
        // Of a table that was never analysed only the counters of the server know.
        let row = sqlx::query(
            "select pg_database_size(current_database()),
                    count(*) filter (where c.relkind in ('r', 'p') and not c.relispartition),
                    coalesce(sum(case when c.reltuples > 0 then c.reltuples else pg_stat_get_live_tuples(c.oid) end)
                             filter (where c.relkind = 'r'), 0)::bigint
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p')
               and c.relpersistence = 'p'
               and n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
               and n.nspname !~ '^pg_(toast|temp)'
               and not exists (
                   select from pg_depend d
                   where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
               )",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(doing("read the size of the database"))?;
        Ok(Facts {
            product: self.product.clone(),
            size_bytes: row.get::<i64, _>(0).unsigned_abs(),
            tables: row.get::<i64, _>(1).unsigned_abs(),
            estimated_rows: row.get::<i64, _>(2).unsigned_abs(),
        })
    }

    async fn catalog(&self) -> Result<Catalog, DatabaseError> {
        let mut connection = self.connector.open_named("tandem").await?;
        let catalog = match catalog::read(&mut connection).await {
            Ok(catalog) => catalog,
            Err(error) => return Err(locks::named(error, &mut connection, &[]).await),
        };
        connection.close().await.map_err(doing("close a connection"))?;
        Ok(catalog)
    }

    async fn snapshot(
        &self,
        session: &SessionId,
        view: View<'_>,
    ) -> Result<Arc<dyn Snapshot>, DatabaseError> {
        let (connector, pg_bin) = (&self.connector, self.pg_bin.clone());
        let opened = snapshot::PostgresSnapshot::open(connector, session, pg_bin, view, &self.scope);
        Ok(Arc::new(opened.await?))
    }

    async fn demand_write(&self, session: &SessionId, tables: &[TableName]) -> Result<(), DatabaseError> {
        let mut connection = self.connector.open(session).await?;
        preflight::demand_write(&mut connection, tables).await?;
        connection.close().await.map_err(doing("close a connection"))
    }

    async fn stage(
        &self,
        session: &SessionId,
        tables: &[Incoming],
        making: &Making,
        usage: Usage,
    ) -> Result<Box<dyn Staging>, DatabaseError> {
        let staging =
            staging::PostgresStaging::create(&self.connector, session, tables, making, usage).await?;
        Ok(Box::new(staging))
    }

    async fn stage_undo(
        &self,
        session: &SessionId,
        undone: &SessionId,
        force: bool,
    ) -> Result<Undoing, DatabaseError> {
        let kept = undo::kept(&self.pool, undone).await?;
        let incoming = undo::incoming(&self.catalog().await?, &kept)?;
        let usage = Usage { straight: false, undo: true, set_aside: false };
        let staging =
            staging::PostgresStaging::create(&self.connector, session, &incoming, &Making::default(), usage)
                .await?;
        undo::stage(staging, incoming, &kept, force).await
    }

    async fn expire(&self) -> Result<(), DatabaseError> {
        images::expire(&self.pool).await
    }

    async fn add(&self, session: &SessionId, additions: &[Addition]) -> Result<Vec<String>, DatabaseError> {
        let mut connection = self.connector.open(session).await?;
        let added = additive::add(&mut connection, additions).await?;
        connection.close().await.map_err(doing("close a connection"))?;
        Ok(added)
    }

    async fn to_add(
        &self,
        session: &SessionId,
        additions: &[Addition],
    ) -> Result<Vec<String>, DatabaseError> {
        let mut connection = self.connector.open(session).await?;
        let statements = additive::to_add(&mut connection, additions).await?;
        connection.close().await.map_err(doing("close a connection"))?;
        Ok(statements)
    }

    async fn rehearse(&self, session: &SessionId, making: &Making) -> Result<Vec<String>, DatabaseError> {
        if making.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connector.open(session).await?;
        let mut transaction = connection.begin().await.map_err(doing("open a transaction"))?;
        let made = initialise::rehearse(&mut transaction, making).await?;
        transaction.rollback().await.map_err(doing("roll back"))?;
        connection.close().await.map_err(doing("close a connection"))?;
        Ok(made)
    }

    async fn apart(&self, source: &[SequenceValue], tables: &[&Table]) -> Result<Vec<Apart>, DatabaseError> {
        let mut connection = self.pool.acquire().await.map_err(doing("read the sequences"))?;
        sequences::apart(&mut connection, source, tables).await
    }

    async fn raise_sequences(
        &self,
        session: &SessionId,
        source: &[SequenceValue],
    ) -> Result<u64, DatabaseError> {
        sequences::raise(&self.connector, session, source).await
    }

    async fn analyzable(
        &self,
        tables: &[TableName],
    ) -> Result<(Vec<TableName>, Vec<TableName>), DatabaseError> {
        let mut connection = self.pool.acquire().await.map_err(doing("read the owners of the tables"))?;
        rights::analyzable(&mut connection, tables).await
    }

    async fn analyze(&self, session: &SessionId, tables: &[TableName]) -> Result<(), DatabaseError> {
        let mut connection = self.connector.open(session).await?;
        for table in tables {
            sqlx::query(sql("analyze {}", &[table]).into_query())
                .execute(&mut connection)
                .await
                .map_err(doing(format!("analyze {table}")))?;
        }
        connection.close().await.map_err(doing("close a connection"))
    }

    async fn claim(&self, session: &SessionId) -> Result<Option<Claim>, DatabaseError> {
        let mut connection = self.connector.open_named(&format!("tandem-claim/{session}")).await?;
        let held: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await
            .map_err(doing("claim the database"))?;
        if !held {
            return Ok(None);
        }
        let fence = sqlx::query_scalar("update tandem.fence set number = number + 1 returning number")
            .fetch_one(&mut connection)
            .await
            .map_err(doing("raise the fence"))?;
        // The lock lives as long as this connection does, and no longer than this process.
        Ok(Some(Claim { fence, held: Box::new(Lock(Mutex::new(connection))) }))
    }

    async fn is_working(&self, session: &SessionId) -> Result<bool, DatabaseError> {
        sqlx::query_scalar(
            "select exists (
                 select from pg_stat_activity
                 where application_name = $1 and state = 'active' and wait_event_type is distinct from 'Lock'
             )",
        )
        .bind(session_name(session))
        .fetch_one(&self.pool)
        .await
        .map_err(doing("look at the running statements"))
    }

    async fn end(&self, session: &SessionId) -> Result<(), DatabaseError> {
        end_connections(&self.pool, &session_name(session)).await?;
        stages::drop_leftovers(&self.pool, &stages::prefix(session)).await
    }

    async fn sweep(&self) -> Result<bool, DatabaseError> {
        let mut connection = self.connector.open_named("tandem").await?;
        // Waits as long as for any lock: the server may notice a moment later than we that the holder is dead.
        let claimed = sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await;
        let alone = match claimed.map_err(doing("claim the database")) {
            Ok(_) => true,
            Err(DatabaseError::Locked { .. }) => false,
            Err(error) => return Err(error),
        };
        if alone {
            end_connections(&self.pool, &format!("{NAME_PREFIX}%")).await?;
            stages::drop_leftovers(&self.pool, stages::PREFIX).await?;
        }
        unlock(connection).await.map_err(doing("close a connection"))?;
        Ok(alone)
    }

    async fn execute(&self, statement: Statement) -> Result<u64, DatabaseError> {
        state::execute(&self.pool, statement).await
    }

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError> {
        state::query(&self.pool, statement).await
    }

    async fn checks(&self) -> Vec<Check> {
        checks::run(&self.pool, &self.connector, &self.product, self.pg_bin.as_deref()).await
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// The password in an address, decoded as sqlx decodes it.
fn password(address: &str) -> Option<Secret> {
    let url = url::Url::parse(address).ok()?;
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(url.password()?).collect();
    String::from_utf8(bytes).ok().map(Secret::new)
}

/// The connection that holds the advisory lock; a mutex only because nobody ever needs it through a shared reference.
struct Lock(Mutex<PgConnection>);

#[async_trait]
impl Held for Lock {
    async fn release(self: Box<Self>) {
        let connection = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = unlock(connection).await {
            // The server drops the lock with the connection, whichever way it goes.
            tracing::warn!(%error, "the connection that held the claim was gone already");
        }
    }
}

/// The next claim can be made as soon as this returns. A server gives the locks of a closed connection back too, but when
/// it has the time.
async fn unlock(mut connection: PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_unlock_all()").execute(&mut connection).await?;
    connection.close().await
}

/// Ends the connections whose name is like `pattern` and waits until they are gone: until then they hold their locks.
async fn end_connections(pool: &PgPool, pattern: &str) -> Result<(), DatabaseError> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(4);
    let mut pause = Duration::from_millis(1);
    loop {
        let left: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid))
             from pg_stat_activity
             where application_name like $1 and datname = current_database() and pid <> pg_backend_pid()",
        )
        .bind(pattern)
        .fetch_one(pool)
        .await
        .map_err(doing("end the connections of a sync"))?;
        if left == 0 || tokio::time::Instant::now() > deadline {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
