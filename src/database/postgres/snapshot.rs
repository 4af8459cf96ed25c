//! One exported snapshot: every reader, pg_dump included, sees the same moment.

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::super::{DatabaseError, Exporter, RowStream, Snapshot};
use super::connect::Connector;
use super::error::{doing, failed};
use super::{catalog, export, large_values, locks, preflight, sequences};
use crate::archive::SequenceValue;
use crate::catalog::{Catalog, Finding, Table, TableName};
use crate::model::SessionId;
use crate::sql::{Literal, names, sql};

/// The server sends one message a row; they are gathered into chunks of this size, in bytes.
const CHUNK: usize = 256 * 1024;

pub(super) struct PostgresSnapshot {
    connector: Connector,
    session: SessionId,
    /// As `pg_export_snapshot()` named it.
    id: String,
    catalog: Catalog,
    pg_bin: Option<PathBuf>,
    /// Keeps the snapshot importable; its transaction ends with it.
    holder: Mutex<PgConnection>,
}

impl PostgresSnapshot {
    pub(super) async fn open(
        connector: &Connector,
        session: &SessionId,
        pg_bin: Option<PathBuf>,
    ) -> Result<Self, DatabaseError> {
        let mut holder = connector.open(session).await?;
        begin(&mut holder).await?;
        let id: String = sqlx::query_scalar("select pg_export_snapshot()")
            .fetch_one(&mut holder)
            .await
            .map_err(doing("export a snapshot"))?;
        let catalog = match catalog::read(&mut holder).await {
            Ok(catalog) => catalog,
            Err(error) => return Err(locks::named_after(error, &mut holder, &[]).await),
        };
        let names: Vec<TableName> = catalog.tables.iter().map(|table| table.name.clone()).collect();
        preflight::demand_read(&mut holder, &names).await?;
        Ok(Self {
            connector: connector.clone(),
            session: session.clone(),
            id,
            catalog,
            pg_bin,
            holder: Mutex::new(holder),
        })
    }

    /// Another connection that sees this snapshot.
    async fn reader(&self) -> Result<PgConnection, DatabaseError> {
        let mut connection = self.connector.open(&self.session).await?;
        begin(&mut connection).await?;
        sqlx::query(sql("set transaction snapshot {}", &[&Literal(&self.id)]).into_query())
            .execute(&mut connection)
            .await
            .map_err(doing("join the snapshot"))?;
        Ok(connection)
    }
}

async fn begin(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::query("begin isolation level repeatable read read only")
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(doing("open a snapshot"))
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    async fn rows(&self, table: &Table, columns: &[String]) -> Result<RowStream, DatabaseError> {
        let mut connection = self.reader().await?;
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
        let what = format!("read {}", table.name);
        let (sender, receiver) = mpsc::channel(4);
        let name = table.name.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = copy_out(&mut connection, statement.as_str(), what, &sender).await {
                let error = locks::named_after(error, &mut connection, &[&name]).await;
                // A reader that is gone needs no error.
                sender.send(Err(error)).await.unwrap_or_default();
            }
        });
        // The reading task ends with the stream.
        let task = AbortOnDropHandle::new(task);
        Ok(futures::stream::unfold((receiver, task), |(mut receiver, task)| async move {
            receiver.recv().await.map(|item| (item, (receiver, task)))
        })
        .boxed())
    }

    async fn sequences(&self) -> Result<Vec<SequenceValue>, DatabaseError> {
        sequences::read(&mut *self.holder.lock().await).await
    }

    async fn obstacles(&self) -> Result<Vec<Finding>, DatabaseError> {
        let mut holder = self.holder.lock().await;
        let mut found = catalog::partitions_elsewhere(&mut holder).await?;
        found.extend(large_values::too_large(&mut holder, &self.catalog.tables).await?);
        Ok(found)
    }

    async fn exporter(&self) -> Result<Exporter, DatabaseError> {
        // pg_dump gives the rows of a partition in the partition's own order of columns.
        if let Some(name) = catalog::disordered_partition(&mut *self.holder.lock().await).await? {
            let reason = format!("partition {name} has its columns in another order than its table");
            return Ok(Exporter::Unusable { reason });
        }
        let tables = self.catalog.tables.iter().map(|table| table.name.clone()).collect();
        export::start(&self.connector, &self.session, &self.id, tables, self.pg_bin.as_deref()).await
    }
}

async fn copy_out(
    connection: &mut PgConnection,
    statement: &str,
    what: String,
    sender: &mpsc::Sender<Result<Bytes, DatabaseError>>,
) -> Result<(), DatabaseError> {
    let mut rows: BoxStream<'_, _> = match connection.copy_out_raw(statement).await {
        Ok(rows) => rows,
        Err(cause) => return Err(failed(what, &cause)),
    };
    let mut chunk = BytesMut::with_capacity(CHUNK + CHUNK / 4);
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => chunk.extend_from_slice(&row),
            Err(cause) => return Err(failed(what, &cause)),
        }
        if chunk.len() >= CHUNK {
            if sender.send(Ok(chunk.split().freeze())).await.is_err() {
                return Ok(());
            }
            chunk.reserve(CHUNK + CHUNK / 4);
        }
    }
    drop(rows);
    if !chunk.is_empty() && sender.send(Ok(chunk.freeze())).await.is_err() {
        return Ok(());
    }
    // Ends the reader's transaction; the snapshot's holder keeps the snapshot.
    sqlx::query("commit").execute(connection).await.map(|_| ()).map_err(doing("end a read"))
}
