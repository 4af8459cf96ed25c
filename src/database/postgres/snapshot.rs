//! One exported snapshot: every reader, pg_dump included, sees the same moment.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::super::{DatabaseError, Exporter, Moment, RowStream, Snapshot, View};
use super::connect::Connector;
use super::error::{doing, failed};
use super::scope::{self, Chosen, Rule};
use super::set_aside::of;
use super::statements::relation;
use super::{catalog, encoding, export, large_values, locks, preflight, sequences};
use crate::archive::SequenceValue;
use crate::catalog::{Catalog, Finding, LEFT_OUT, Table, TableName};
use crate::config::ScopeSettings;
use crate::model::SessionId;
use crate::sql::{Literal, Sql, names, sql};

/// The server sends one message a row; they are gathered into chunks of this size, in bytes.
const CHUNK: usize = 256 * 1024;

const BEGIN: &str = "begin isolation level repeatable read read only";

/// Each takes some megabytes.
const MOST_READERS: usize = 4;

type Idle = Arc<std::sync::Mutex<Vec<PgConnection>>>;
type Sender = mpsc::Sender<Result<Bytes, DatabaseError>>;

pub(super) struct PostgresSnapshot {
    connector: Connector,
    session: SessionId,
    /// As `pg_export_snapshot()` named it.
    id: String,
    /// The first transaction that is later than all it sees.
    moment: Moment,
    catalog: Catalog,
    pg_bin: Option<PathBuf>,
    /// Keeps the snapshot importable; its transaction ends with it.
    holder: Mutex<PgConnection>,
    /// Connections that have read a table and can read another one: to open one takes longer than to read a small table.
    idle: Idle,
    /// What was chosen of the tables that are not read whole.
    chosen: Chosen,
    /// The one connection that knows the chosen rows; none when a reader has left it in the middle.
    chooser: Arc<Mutex<Option<PgConnection>>>,
    /// How to choose them again; none when all rows are seen.
    rule: Option<Rule>,
    /// Some columns are left out.
    drops_columns: bool,
}

impl PostgresSnapshot {
    pub(super) async fn open(
        connector: &Connector,
        session: &SessionId,
        pg_bin: Option<PathBuf>,
        view: View<'_>,
        settings: &ScopeSettings,
    ) -> Result<Self, DatabaseError> {
        // The first reader will be wanted at once.
        let (mut holder, first) = tokio::try_join!(connector.open(session), connector.open(session))?;
        sqlx::raw_sql(BEGIN).execute(&mut holder).await.map_err(doing("open a snapshot"))?;
        let (id, next): (String, String) =
            sqlx::query_as("select pg_export_snapshot(), pg_snapshot_xmax(pg_current_snapshot())::text")
                .fetch_one(&mut holder)
                .await
                .map_err(doing("export a snapshot"))?;
        let catalog = match view {
            View::Tables(tables) => Catalog::of(tables.to_vec()),
            View::Everything | View::Of(_) | View::Like(_) => match catalog::read(&mut holder).await {
                Ok(catalog) => catalog,
                Err(error) => return Err(locks::named_after(error, &mut holder, &[]).await),
            },
        };
        let drops_columns = matches!(view, View::Of(scope) if !scope.without_columns.is_empty());
        let (catalog, rule) = scope::apply(catalog, view, settings)?;
        if !matches!(view, View::Tables(_)) {
            let names: Vec<TableName> = catalog.tables.iter().map(|table| table.name.clone()).collect();
            preflight::demand_read(&mut holder, &names).await?;
        }
        let mut snapshot = Self {
            connector: connector.clone(),
            session: session.clone(),
            id,
            moment: Moment(next),
            catalog,
            pg_bin,
            holder: Mutex::new(holder),
            idle: Arc::new(std::sync::Mutex::new(vec![first])),
            chosen: Chosen::default(),
            chooser: Arc::default(),
            rule,
            drops_columns,
        };
        if let Some(rule) = &snapshot.rule {
            let (connection, chosen) = snapshot.choose(rule).await?;
            for table in &mut snapshot.catalog.tables {
                if let Some(part) = chosen.parts.get(&table.name) {
                    table.estimated_rows = part.rows;
                }
            }
            snapshot.chooser = Arc::new(Mutex::new(Some(connection)));
            snapshot.chosen = chosen;
        }
        Ok(snapshot)
    }

    /// The sets of chosen rows live in temporary tables: a connection of their own, which may write.
    async fn choose(&self, rule: &Rule) -> Result<(PgConnection, Chosen), DatabaseError> {
        let mut connection = self.connector.open(&self.session).await?;
        self.join(&mut connection, "begin isolation level repeatable read read write").await?;
        match rule.choose(&mut connection).await {
            Ok(chosen) => Ok((connection, chosen)),
            Err(error) => Err(locks::named_after(error, &mut connection, &[]).await),
        }
    }

    /// Rows of a table that is read in part, after all earlier ones: there is one connection for them.
    async fn chosen_rows(
        &self,
        rule: &Rule,
        table: &Table,
        columns: &[String],
    ) -> Result<RowStream, DatabaseError> {
        let mut chooser = Arc::clone(&self.chooser).lock_owned().await;
        let mut connection = match chooser.take() {
            Some(connection) => connection,
            // The same snapshot and the same rule give the same rows in the same sets.
            None => self.choose(rule).await?.0,
        };
        let Some(statement) = self.chosen.parts.get(&table.name).map(|part| part.copy(table, columns)) else {
            return Err(DatabaseError::Changed { table: table.name.clone() });
        };
        let name = table.name.clone();
        Ok(in_background(|sender| async move {
            let what = format!("read {name}");
            match copy_out(&mut connection, statement.as_str(), what, &sender).await {
                // Only after a whole read it can be asked something else.
                Ok(Reached::End) => *chooser = Some(connection),
                Ok(Reached::Middle) => {}
                Err(error) => sender.send(Err(error)).await.unwrap_or_default(),
            }
        }))
    }

    /// Another connection that sees this snapshot.
    async fn reader(&self) -> Result<PgConnection, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connector.open(&self.session).await?,
        };
        self.join(&mut connection, BEGIN).await?;
        Ok(connection)
    }

    /// Begins a transaction that sees this snapshot.
    async fn join(&self, connection: &mut PgConnection, begin: &'static str) -> Result<(), DatabaseError> {
        let join = sql("{}; set transaction snapshot {}", &[&sql(begin, &[]), &Literal(&self.id)]);
        sqlx::raw_sql(join.into_query())
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(doing("join the snapshot"))
    }

    /// What `statement` gives, read on a connection of this snapshot that can read another table afterwards.
    fn stream(&self, mut connection: PgConnection, statement: Sql, table: &TableName) -> RowStream {
        let (name, idle) = (table.clone(), self.idle.clone());
        in_background(|sender| async move {
            let what = format!("read {name}");
            let ended = match copy_out(&mut connection, statement.as_str(), what, &sender).await {
                Ok(Reached::End) => end_read(connection, &idle).await,
                Ok(Reached::Middle) => Ok(()),
                Err(error) => Err(locks::named_after(error, &mut connection, &[&name]).await),
            };
            if let Err(error) = ended {
                // A reader that is gone needs no error.
                sender.send(Err(error)).await.unwrap_or_default();
            }
        })
    }

    /// The tables that the scope leaves out.
    fn left_out(&self) -> Vec<String> {
        let skipped = self.catalog.skipped.iter().filter(|skipped| skipped.reason == LEFT_OUT);
        skipped.map(|skipped| skipped.name.clone()).collect()
    }
}

/// Ends the reader's transaction, and with it the lock; the snapshot's holder keeps the snapshot.
async fn end_read(mut connection: PgConnection, idle: &Idle) -> Result<(), DatabaseError> {
    sqlx::raw_sql("commit").execute(&mut connection).await.map_err(doing("end a read"))?;
    idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    Ok(())
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn moment(&self) -> Moment {
        self.moment.clone()
    }

    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn notes(&self) -> &[String] {
        &self.chosen.notes
    }

    fn is_cut(&self, table: &TableName) -> bool {
        self.chosen.parts.get(table).is_some_and(|part| part.is_cut)
    }

    /// One keeps a core busy here and one at the server, which may be on the same machine.
    fn readers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let ours = if self.connector.is_local() { cores / 2 } else { cores };
        ours.clamp(1, MOST_READERS)
    }

    async fn rows(&self, table: &Table, columns: &[String]) -> Result<RowStream, DatabaseError> {
        if let Some(rule) = &self.rule
            && self.chosen.parts.contains_key(&table.name)
        {
            return self.chosen_rows(rule, table, columns).await;
        }
        let connection = self.reader().await?;
        // A partitioned root is read whole; of a table with children only its own rows, the children are tables too.
        // The plain form is the fastest, but knows neither partitions nor generated columns.
        let generated = |name: &String| table.column(name).is_some_and(|column| column.generated);
        let statement = if table.partitioned {
            sql("copy (select {} from {}) to stdout", &[&names(columns), &table.name])
        } else if columns.iter().any(generated) {
            sql("copy (select {} from only {}) to stdout", &[&names(columns), &table.name])
        } else {
            sql("copy {} ({}) to stdout", &[&table.name, &names(columns)])
        };
        Ok(self.stream(connection, statement, &table.name))
    }

    async fn count(&self, table: &Table) -> Result<u64, DatabaseError> {
        let mut connection = self.reader().await?;
        let what = || format!("count the rows of {}", table.name);
        // The map of pages that are visible to all is out of date where rows were written: an index alone is slow there.
        let prepare = sqlx::query("set local enable_indexonlyscan = off");
        prepare.execute(&mut connection).await.map_err(doing(what()))?;
        let count = sql("select count(*) from {}", &[&relation(&table.name, table.partitioned)]);
        let rows: Result<i64, _> = sqlx::query_scalar(count.into_query()).fetch_one(&mut connection).await;
        let rows = rows.map_err(doing(what()))?.unsigned_abs();
        end_read(connection, &self.idle).await?;
        Ok(rows)
    }

    async fn written_since(
        &self,
        moment: &Moment,
        table: &Table,
        columns: &[String],
    ) -> Result<RowStream, DatabaseError> {
        let connection = self.reader().await?;
        // A row carries the lower half of its transaction's number, which compares by its age.
        let statement = sql(
            "copy (select {} from {} t where age(t.xmin) between 0 and (select age({}::xid8::xid))) to stdout",
            &[&of("t", columns), &relation(&table.name, table.partitioned), &Literal(&moment.0)],
        );
        Ok(self.stream(connection, statement, &table.name))
    }

    async fn sequences(&self) -> Result<Vec<SequenceValue>, DatabaseError> {
        sequences::read(&mut *self.holder.lock().await, &self.left_out()).await
    }

    async fn obstacles(&self) -> Result<Vec<Finding>, DatabaseError> {
        let mut holder = self.holder.lock().await;
        let mut found = catalog::partitions_elsewhere(&mut holder, &self.left_out()).await?;
        let too_large = large_values::too_large(&mut holder, &self.catalog.tables).await?;
        // What is too large cannot be written as text, either.
        if too_large.is_empty() {
            found.extend(encoding::not_utf8(&mut holder, &self.catalog.tables).await?);
        }
        found.extend(too_large);
        Ok(found)
    }

    async fn exporter(&self) -> Result<Exporter, DatabaseError> {
        if self.rule.is_some() {
            return Ok(Exporter::Unusable { reason: "pg_dump cannot choose rows".to_owned() });
        }
        if self.drops_columns {
            return Ok(Exporter::Unusable { reason: "pg_dump cannot leave out columns".to_owned() });
        }
        // pg_dump gives the rows of a partition in the partition's own order of columns.
        if let Some(name) = catalog::disordered_partition(&mut *self.holder.lock().await).await? {
            let reason = format!("partition {name} has its columns in another order than its table");
            return Ok(Exporter::Unusable { reason });
        }
        let tables = self.catalog.tables.iter().map(|table| table.name.clone()).collect();
        let left_out = catalog::with_partitions(&mut *self.holder.lock().await, &self.left_out()).await?;
        let dumped = export::Tables { dumped: tables, left_out };
        export::start(&self.connector, &self.session, &self.id, dumped, self.pg_bin.as_deref()).await
    }
}

/// What `read` sends, as a stream that ends the reading when it is dropped.
fn in_background<F>(read: impl FnOnce(Sender) -> F) -> RowStream
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(4);
    let task = AbortOnDropHandle::new(tokio::spawn(read(sender)));
    futures::stream::unfold((receiver, task), |(mut receiver, task)| async move {
        receiver.recv().await.map(|item| (item, (receiver, task)))
    })
    .boxed()
}

/// How far a read came.
enum Reached {
    End,
    /// Nobody reads on.
    Middle,
}

async fn copy_out(
    connection: &mut PgConnection,
    statement: &str,
    what: String,
    sender: &Sender,
) -> Result<Reached, DatabaseError> {
    let mut rows: BoxStream<'_, _> = match connection.copy_out_raw(statement).await {
        Ok(rows) => rows,
        Err(cause) => return Err(failed(what, &cause)),
    };
    let mut chunk = BytesMut::with_capacity(CHUNK + CHUNK / 4);
    while let Some(row) = rows.next().await {
        let mut row = row.map_err(|cause| failed(what.clone(), &cause))?;
        // A long row is handed over in pieces of itself: a copy would take as much memory again.
        while row.len() > CHUNK {
            if !(hand_over(sender, chunk.split()).await && hand_over(sender, row.split_to(CHUNK)).await) {
                return Ok(Reached::Middle);
            }
        }
        chunk.extend_from_slice(&row);
        if chunk.len() >= CHUNK {
            if !hand_over(sender, chunk.split()).await {
                return Ok(Reached::Middle);
            }
            chunk.reserve(CHUNK + CHUNK / 4);
        }
    }
    drop(rows);
    Ok(if hand_over(sender, chunk).await { Reached::End } else { Reached::Middle })
}

/// False when nobody reads on.
async fn hand_over(sender: &Sender, rows: impl Into<Bytes>) -> bool {
    let rows = rows.into();
    rows.is_empty() || sender.send(Ok(rows)).await.is_ok()
}
