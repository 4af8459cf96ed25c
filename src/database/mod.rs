//! The seam: what the engine asks of a database, whatever kind it is. Everything above is written once.

mod postgres;
mod state;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::archive::SequenceValue;
use crate::catalog::{Catalog, Finding, Table, TableName};
use crate::config::Config;
use crate::model::{Check, ConflictPolicy, SessionId, SetAside, Skipped, TablePreview};

pub(crate) use postgres::Postgres;
pub(crate) use state::{Row, Statement, Value};

/// COPY text of one table, in chunks of any size.
pub(crate) type RowStream = BoxStream<'static, Result<Bytes, DatabaseError>>;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the database does not answer: {reason}")]
    Unavailable { reason: String },
    #[error("cannot {what}: {reason}")]
    Statement {
        what: String,
        /// The database's own words, without values.
        reason: String,
        /// Five characters; empty when it was not the server that refused.
        sqlstate: String,
    },
    #[error("cannot {what}: it waits for {holder}")]
    Locked { what: String, holder: String },
    #[error("the definition of {table} was changed while the sync ran")]
    Changed { table: TableName },
    #[error("{what}")]
    Gone { what: String },
    #[error("more than {most} rows of {table} would be left out")]
    TooMany { table: TableName, most: u64 },
    #[error("a right is missing: {what}")]
    MissingRight { what: String, remedy: String },
    #[error("pg_dump failed: {reason}")]
    Dump { reason: String },
}

/// Connects to the database that the configuration names.
pub(crate) async fn connect(config: &Config) -> Result<Arc<dyn Database>, DatabaseError> {
    Ok(Arc::new(Postgres::connect(config).await?))
}

/// A node's own database. Connections of a sync carry its session's name, so that they can be ended by it.
#[async_trait]
pub(crate) trait Database: Send + Sync {
    async fn facts(&self) -> Result<Facts, DatabaseError>;

    async fn catalog(&self) -> Result<Catalog, DatabaseError>;

    /// One consistent view for any number of readers, held until the last handle is dropped.
    async fn snapshot(&self, session: &SessionId) -> Result<Arc<dyn Snapshot>, DatabaseError>;

    /// Refuses with every right that this node's role lacks for writing to `tables`.
    async fn demand_write(&self, session: &SessionId, tables: &[TableName]) -> Result<(), DatabaseError>;

    /// Private tables for the incoming rows of `tables`.
    async fn stage(
        &self,
        session: &SessionId,
        tables: &[Incoming],
        usage: Usage,
    ) -> Result<Box<dyn Staging>, DatabaseError>;

    /// Stages what takes the sync `undone` back. With `force`, rows that were changed since are overwritten too.
    async fn stage_undo(
        &self,
        session: &SessionId,
        undone: &SessionId,
        force: bool,
    ) -> Result<Undoing, DatabaseError>;

    /// Drops what was kept for an undo longer than was asked for.
    async fn expire(&self) -> Result<(), DatabaseError>;

    /// Raises the sequences that lag behind the source's or behind their own column; never lowers one.
    /// Returns how many it raised.
    async fn raise_sequences(
        &self,
        session: &SessionId,
        source: &[SequenceValue],
    ) -> Result<u64, DatabaseError>;

    async fn analyze(&self, session: &SessionId, tables: &[TableName]) -> Result<(), DatabaseError>;

    /// The right to sync this database: one holder, whatever process. None when somebody else has it.
    async fn claim(&self, session: &SessionId) -> Result<Option<Claim>, DatabaseError>;

    /// Whether a statement of the session is at work now and not waiting for a lock.
    async fn is_working(&self, session: &SessionId) -> Result<bool, DatabaseError>;

    /// Ends the session's connections, and with them its statements, and drops what it staged.
    async fn end(&self, session: &SessionId) -> Result<(), DatabaseError>;

    /// What `end` does, for every session whose process is gone. Does nothing while a sync of any process runs.
    async fn sweep(&self) -> Result<bool, DatabaseError>;

    /// Runs a statement on the node's own state. Returns the number of rows written.
    async fn execute(&self, statement: Statement) -> Result<u64, DatabaseError>;

    async fn query(&self, statement: Statement) -> Result<Vec<Row>, DatabaseError>;

    async fn checks(&self) -> Vec<Check>;

    async fn close(&self);
}

/// Held while a sync runs; dropped with the process, it lets the next one in.
pub(crate) struct Claim {
    /// Grows with every claim of this database; checked again inside the transaction that writes.
    pub fence: i64,
    pub(crate) held: Box<dyn Held>,
}

impl Claim {
    /// Lets the next one in before this returns.
    pub(crate) async fn release(self) {
        self.held.release().await;
    }
}

#[async_trait]
pub(crate) trait Held: Send + Sync {
    async fn release(self: Box<Self>);
}

#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub product: String,
    pub size_bytes: u64,
    pub tables: u64,
    pub estimated_rows: u64,
}

/// A consistent view of a database.
#[async_trait]
pub(crate) trait Snapshot: Send + Sync {
    fn catalog(&self) -> &Catalog;

    /// The named columns of a table in canonical COPY text, in no particular order.
    async fn rows(&self, table: &Table, columns: &[String]) -> Result<RowStream, DatabaseError>;

    async fn sequences(&self) -> Result<Vec<SequenceValue>, DatabaseError>;

    /// What this snapshot holds that no backup can carry.
    async fn obstacles(&self) -> Result<Vec<Finding>, DatabaseError>;

    /// The database's own fast exporter of everything in this snapshot, or why it cannot be used.
    async fn exporter(&self) -> Result<Exporter, DatabaseError>;
}

pub(crate) enum Exporter {
    Ready { name: String, dump: Box<dyn Dump> },
    Unusable { reason: String },
}

/// The output of an exporter, checked as it is read.
#[async_trait]
pub(crate) trait Dump: Send {
    /// The next piece; none after the exporter has ended without a fault.
    async fn next(&mut self) -> Result<Option<DumpPiece>, DatabaseError>;
}

pub(crate) enum DumpPiece {
    /// Rows of this table follow.
    Table {
        name: TableName,
        columns: Vec<String>,
    },
    Rows(Bytes),
    EndTable,
}

/// A table of the target and the columns that come in for it.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub table: Table,
    pub columns: Vec<String>,
    /// The source guarantees that no key comes twice.
    pub unique: bool,
    /// Not all of the source's rows come, only those that the target lacks.
    pub partial: bool,
}

/// What the staged rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// They are sure to be merged, so they may go straight into tables that are empty.
    pub straight: bool,
    /// What they replace is kept.
    pub undo: bool,
    /// Some may be left out.
    pub set_aside: bool,
}

/// An incoming row that was left out.
#[derive(Debug, Clone)]
pub(crate) struct LeftOut {
    /// Its key, for people.
    pub row: String,
    pub sqlstate: String,
    pub reason: String,
    /// The row as text.
    pub image: String,
}

/// An undo as it is staged.
pub(crate) struct Undoing {
    pub staging: Box<dyn Staging>,
    pub incoming: Vec<Incoming>,
    /// How many rows each table will have.
    pub rows: Vec<u64>,
    /// Rows that were changed since and are left alone, and the first of them.
    pub left_alone: u64,
    pub left_alone_rows: Vec<SetAside>,
}

/// What has become of the rows that a merge replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing was written, so there is nothing to take back.
    Nothing,
    Until(i64),
    TooLarge {
        bytes: u64,
    },
    /// A rule of the table that cannot be switched off rewrites what would keep its rows.
    Impossible {
        table: TableName,
    },
}

/// Incoming rows beside the target's tables: nothing that others see has changed.
#[async_trait]
pub(crate) trait Staging: Send {
    /// Where the rows go, for the log.
    fn way(&self) -> String;

    /// Opens a place for the COPY text of table `index`.
    async fn load<'a>(&'a mut self, index: usize) -> Result<Box<dyn Loader + 'a>, DatabaseError>;

    /// Opens a place for the rows of a partial table that the target has and the source has not.
    async fn load_outdated(&mut self, index: usize) -> Result<Box<dyn Loader>, DatabaseError>;

    /// What makes the staged rows unfit for the target, as sentences that name table and key columns.
    async fn refusals(&mut self) -> Result<Vec<String>, DatabaseError>;

    /// Counts what a merge of table `index` would do to the `rows` of the source, and shows the first `most` rows of
    /// each kind. Nothing is written.
    async fn preview(&mut self, index: usize, rows: u64, most: u32) -> Result<TablePreview, DatabaseError>;

    /// How triggers and foreign keys will be kept out of the way, for people.
    fn mode(&self) -> String;

    /// Finds the staged rows that the target refuses, by trying, and leaves them out. `order` is parents first. Returns
    /// how many there are.
    async fn isolate(&mut self, order: &[usize], mirror: bool) -> Result<u64, DatabaseError>;

    /// Keeps only the rows with these keys, as a preview names them, and stages what the target has under them and the
    /// source has not. For partial tables.
    async fn choose(&mut self, index: usize, keys: &[Vec<String>]) -> Result<(), DatabaseError>;

    /// The first rows that meet a unique value of another row of the target, as sentences.
    async fn conflicts(&mut self, order: &[usize]) -> Result<Vec<String>, DatabaseError>;

    /// Opens the one transaction that writes, with the tables locked against other writers; after a failure once more.
    async fn begin(&mut self) -> Result<Box<dyn Merge>, DatabaseError>;
}

#[async_trait]
pub(crate) trait Loader: Send {
    async fn send(&mut self, rows: Bytes) -> Result<(), DatabaseError>;

    async fn finish(self: Box<Self>) -> Result<Loaded, DatabaseError>;
}

/// What a loader has taken.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// All rows, those that do not fit among them.
    pub rows: u64,
    pub unfit: Vec<LeftOut>,
}

/// The transaction that moves the difference. Dropped without a commit, nothing has happened.
#[async_trait]
pub(crate) trait Merge: Send {
    /// How triggers and foreign keys are kept out of the way, for the log.
    fn mode(&self) -> String;

    /// Deletes the rows of table `index` that the source does not have. Children first.
    async fn delete_surplus(&mut self, index: usize) -> Result<u64, DatabaseError>;

    /// Updates the rows that differ and inserts the new ones, of `rows` staged ones. Parents first.
    async fn upsert(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError>;

    /// Foreign keys of the `touched` tables, and of others towards them, that lead nowhere: as sentences.
    async fn orphans(&mut self, touched: &[usize]) -> Result<Vec<String>, DatabaseError>;

    /// Staged rows that the table does not hold exactly; and, with `whole`, rows of the table that the source does not
    /// have.
    async fn differences(&mut self, index: usize, whole: bool) -> Result<u64, DatabaseError>;

    async fn row_count(&mut self, index: usize) -> Result<u64, DatabaseError>;

    /// The table's rows that the source does not have, as `Snapshot::rows` gives them. Not for a table without a key.
    async fn own_rows<'a>(
        &'a mut self,
        index: usize,
    ) -> Result<BoxStream<'a, Result<Bytes, DatabaseError>>, DatabaseError>;

    /// Clears away what the incoming rows would meet in unique keys, as `policy` says; `order` is parents first. Before
    /// anything else is written. Returns sentences about what was done.
    async fn resolve(
        &mut self,
        order: &[usize],
        policy: ConflictPolicy,
    ) -> Result<Vec<String>, DatabaseError>;

    /// The staged rows of table `index` that were left out.
    async fn left_out(&mut self, index: usize) -> Result<Vec<LeftOut>, DatabaseError>;

    /// The same as `Snapshot::rows` gives them.
    async fn left_out_rows<'a>(
        &'a mut self,
        index: usize,
    ) -> Result<BoxStream<'a, Result<Bytes, DatabaseError>>, DatabaseError>;

    /// Keeps what was replaced, for an undo until then, unless it takes more than so many bytes.
    async fn keep(&mut self, until_us: i64, most_bytes: u64) -> Result<Kept, DatabaseError>;

    /// A statement on the node's own state that commits together with the rows.
    async fn execute(&mut self, statement: Statement) -> Result<u64, DatabaseError>;

    async fn commit(self: Box<Self>) -> Result<(), DatabaseError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    pub inserted: u64,
    pub updated: u64,
}

/// Why large objects are left out: data that no table shows, so that the result says it in its first sentence.
pub(crate) const LARGE_OBJECTS: &str = "large objects are not synced";

/// The tables that a catalog lists as left out, as sentences for people.
pub(crate) fn skipped(name: impl Into<String>, reason: &str) -> Skipped {
    Skipped { name: name.into(), reason: reason.to_owned() }
}
