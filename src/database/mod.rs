//! The seam: what the engine asks of a database, whatever kind it is. Everything above is written once.

mod postgres;
mod staging;
mod state;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::archive::SequenceValue;
use crate::catalog::{Addition, Catalog, Finding, Making, Table, TableName};
use crate::config::Config;
use crate::model::{Check, Scope, SessionId, Skipped, text};

pub(crate) use postgres::Postgres;
pub(crate) use staging::{
    Foreseen, Incoming, Kept, LeftOut, Loaded, Loader, Merge, Met, OwnRows, Repointed, Resolved, Staging,
    Stricter, Surplus, Undoing, Usage, Written,
};
pub(crate) use state::{Row, Statement, Value};

/// COPY text of one table, in chunks of any size.
pub(crate) type RowStream = BoxStream<'static, Result<Bytes, DatabaseError>>;

/// Statements by which the two sides number the rows of a table so that they never meet.
#[derive(Debug)]
pub(crate) struct Apart {
    pub table: TableName,
    pub source: String,
    pub target: String,
}

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
    #[error("foreign keys would lead nowhere: {}", text::few(reasons, "; "))]
    Orphans { reasons: Vec<String> },
    #[error("{reason}")]
    Refused { reason: String, remedy: String },
    #[error("{} of {table} changed on the way in", text::counted(*rows, "row", "rows"))]
    Altered {
        table: TableName,
        rows: u64,
        /// The triggers and rules that saw them on their way.
        by: Vec<String>,
    },
    #[error("pg_dump failed: {reason}")]
    Dump { reason: String },
    #[error("{reason}")]
    Scope { reason: String, remedy: String },
}

impl DatabaseError {
    /// The server's five characters; empty when it was not the server that refused.
    pub(crate) fn sqlstate(&self) -> &str {
        match self {
            Self::Statement { sqlstate, .. } => sqlstate,
            _ => "",
        }
    }

    /// A row was refused; without it the rest may come in.
    pub(crate) fn is_about_a_row(&self) -> bool {
        refuses_a_row(self.sqlstate())
    }

    /// The SQLSTATE and the reason of a row's refusal; any other error is nobody's row's fault.
    pub(crate) fn refusal(self) -> Result<(String, String), Self> {
        match self {
            Self::Statement { sqlstate, reason, .. } if refuses_a_row(&sqlstate) => Ok((sqlstate, reason)),
            other => Err(other),
        }
    }
}

/// 22: a value that its type cannot hold; 23: a constraint; P0001: a trigger's own refusal.
fn refuses_a_row(sqlstate: &str) -> bool {
    sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate == "P0001"
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
    async fn snapshot(&self, session: &SessionId, view: View<'_>)
    -> Result<Arc<dyn Snapshot>, DatabaseError>;

    /// Refuses with every right that this node's role lacks for writing to `tables`.
    async fn demand_write(&self, session: &SessionId, tables: &[TableName]) -> Result<(), DatabaseError>;

    /// Private tables for the incoming rows of `tables`. What is in `making` is made in the transaction that writes.
    async fn stage(
        &self,
        session: &SessionId,
        tables: &[Incoming],
        making: &Making,
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

    /// Adds what the target lacks, and commits that. Returns the statements.
    async fn add(&self, session: &SessionId, additions: &[Addition]) -> Result<Vec<String>, DatabaseError>;

    /// The statements that `add` would run.
    async fn to_add(&self, session: &SessionId, additions: &[Addition])
    -> Result<Vec<String>, DatabaseError>;

    /// The statements that would make the tables of `making`, tried and taken back.
    async fn rehearse(&self, session: &SessionId, making: &Making) -> Result<Vec<String>, DatabaseError>;

    /// How the sequences behind the keys of `tables` would stay out of the way of the source's.
    async fn apart(&self, source: &[SequenceValue], tables: &[&Table]) -> Result<Vec<Apart>, DatabaseError>;

    /// Raises the sequences that lag behind the source's or behind their own column; never lowers one.
    /// Returns how many it raised.
    async fn raise_sequences(
        &self,
        session: &SessionId,
        source: &[SequenceValue],
    ) -> Result<u64, DatabaseError>;

    /// Those of `tables` whose statistics this node's role may bring up to date, and the others.
    async fn analyzable(
        &self,
        tables: &[TableName],
    ) -> Result<(Vec<TableName>, Vec<TableName>), DatabaseError>;

    /// Brings the planner's statistics up to date.
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

/// What a snapshot shows of its database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    Everything,
    /// A source's part. Refused when something that the scope asks for is not there.
    Of(&'a Scope),
    /// The same part of a target, as far as it is there already.
    Like(&'a Scope),
    /// These tables, whole. The database is not asked again what they look like, nor whether they may be read.
    Tables(&'a [Table]),
}

/// When a snapshot was taken, as its database counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment(String);

/// A consistent view of a database, or of a part of it.
#[async_trait]
pub(crate) trait Snapshot: Send + Sync {
    fn moment(&self) -> Moment;

    /// The tables that are seen; the others are among the skipped ones.
    fn catalog(&self) -> &Catalog;

    /// By what the rows were chosen, as sentences; empty when all are seen.
    fn notes(&self) -> &[String];

    /// Only the newest rows are seen: one more row in the table can push another one out of sight.
    fn is_cut(&self, table: &TableName) -> bool;

    /// So many tables are best read at the same time.
    fn readers(&self) -> usize;

    /// The named columns of a table in canonical COPY text, in no particular order.
    async fn rows(&self, table: &Table, columns: &[String]) -> Result<RowStream, DatabaseError>;

    /// The rows of a table that this snapshot sees whole.
    async fn count(&self, table: &Table) -> Result<u64, DatabaseError>;

    /// Those of them that were written since a moment, as `rows` gives them. Rows of transactions that were under way at
    /// the moment may be missing.
    async fn written_since(
        &self,
        moment: &Moment,
        table: &Table,
        columns: &[String],
    ) -> Result<RowStream, DatabaseError>;

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

/// Why large objects are left out: data that no table shows, so that the result says it in its first sentence.
pub(crate) const LARGE_OBJECTS: &str = "large objects are not synced";

/// The tables that a catalog lists as left out, as sentences for people.
pub(crate) fn skipped(name: impl Into<String>, reason: &str) -> Skipped {
    Skipped { name: name.into(), reason: reason.to_owned() }
}
