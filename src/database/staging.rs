//! The part of the seam that writes: incoming rows beside the target's tables, and the one transaction that moves them.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::{DatabaseError, Statement};
use crate::catalog::{Table, TableName};
use crate::model::{ConflictPolicy, SetAside, TablePreview};

/// A table of the target and the columns that come in for it.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub table: Table,
    pub columns: Vec<String>,
    /// The source guarantees that no key comes twice.
    pub unique: bool,
    /// Not all of the source's rows come, only those that the target lacks.
    pub partial: bool,
    pub stricter: Stricter,
}

/// What the target demands of a table's rows, and the source does not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stricter {
    /// Columns that hold a value.
    pub values: Vec<String>,
    /// Checks, as the database prints them.
    pub checks: Vec<String>,
    /// Names of foreign keys.
    pub references: Vec<String>,
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

/// The rows of the target that the source does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surplus {
    /// They are staged. What came is not all that the source has.
    Known,
    /// They are those whose keys have not come.
    Sought,
}

/// What becomes of an incoming row that meets a unique value of the target's own rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    Refused,
    LeftOut,
    Replaces,
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

/// Incoming rows of one table that the target would refuse.
#[derive(Debug, Clone)]
pub(crate) struct Foreseen {
    /// As a preview names it.
    pub table: String,
    pub rows: u64,
    /// `it contradicts the constraint place_size`
    pub why: String,
    /// The first of them, for people.
    pub first: Vec<String>,
    /// The rest comes in without them.
    pub is_left_out: bool,
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

/// What was done about conflicts.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Sentences about it.
    pub notes: Vec<String>,
    pub repointed: Vec<Repointed>,
    pub own: Vec<OwnRows>,
}

/// Rows of table `index` that only the target had.
#[derive(Debug)]
pub(crate) struct OwnRows {
    pub index: usize,
    /// They made room.
    pub deleted: u64,
    /// They reference a row that came instead of one that made room.
    pub updated: u64,
}

/// References of staged rows of table `index` that lead to rows of the target's own since; and the sums of the hashes
/// of these rows, as they came and as they are now.
#[derive(Debug)]
pub(crate) struct Repointed {
    pub index: usize,
    pub references: u64,
    pub before: u128,
    pub after: u128,
}

impl Resolved {
    pub(crate) fn extend(&mut self, more: Self) {
        self.notes.extend(more.notes);
        self.repointed.extend(more.repointed);
        self.own.extend(more.own);
    }
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

    /// Finds the staged rows that the target would refuse, without a lock on its tables, as far as its definitions tell.
    /// `order` is parents first; with `mirror`, rows that only the target has go first. When a sync `leaves_out` such
    /// rows, they are set aside already, so that a preview counts them as nothing else.
    async fn foresee(
        &mut self,
        order: &[usize],
        mirror: bool,
        leaves_out: bool,
    ) -> Result<Vec<Foreseen>, DatabaseError>;

    /// Counts what a merge of table `index` would do to the `rows` of the source that fit in, those that were set aside
    /// among them, and shows the first `most` rows of each kind. With `mirror`, rows that only the target has go first, so
    /// that nothing can meet them; rows that are left out because of a conflict have been resolved before. Nothing is
    /// written.
    async fn preview(
        &mut self,
        index: usize,
        rows: u64,
        most: u32,
        mirror: bool,
        met: Met,
    ) -> Result<TablePreview, DatabaseError>;

    /// What would become of the target's own rows that reference rows of `tables` which incoming ones replace.
    async fn repointed(&mut self, tables: &[usize]) -> Result<Vec<OwnRows>, DatabaseError>;

    /// How triggers and foreign keys will be kept out of the way, for people.
    fn mode(&self) -> String;

    /// See `Merge::warnings`.
    fn warnings(&self) -> Vec<String>;

    /// The same as `Merge::resolve`, for good, without a lock on the target's tables: with a policy that changes only
    /// what is staged, `skip` or `target`.
    async fn resolve(&mut self, order: &[usize], policy: ConflictPolicy) -> Result<Resolved, DatabaseError>;

    /// Finds the staged rows that the target refuses, by trying, and leaves them out. `order` is parents first; with
    /// `mirror`, rows that only the target has go first, and with `replace`, those that are in conflict. Returns how many
    /// there are.
    async fn isolate(&mut self, order: &[usize], mirror: bool, replace: bool) -> Result<u64, DatabaseError>;

    /// Those of the keys, as a preview names them, that no row of the table has, neither in the target nor staged.
    async fn unknown(
        &mut self,
        table: &Table,
        keys: &[Vec<String>],
    ) -> Result<Vec<Vec<String>>, DatabaseError>;

    /// Keeps only the rows with these keys, as a preview names them, and of the outdated ones too. For partial tables.
    async fn choose(
        &mut self,
        index: usize,
        keys: &[Vec<String>],
        surplus: Surplus,
    ) -> Result<(), DatabaseError>;

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

    /// What happens because a right is missing, and the statement that would grant it.
    fn warnings(&self) -> Vec<String>;

    /// Deletes the rows of table `index` that the source does not have. Children first. Rows to which others still
    /// point are left to `delete_rest` where the server would change those others.
    async fn delete_surplus(&mut self, index: usize) -> Result<u64, DatabaseError>;

    /// Deletes what `delete_surplus` has left, after all tables are written. Children first.
    async fn delete_rest(&mut self, index: usize) -> Result<u64, DatabaseError>;

    /// Updates the rows that differ and inserts the new ones, of `rows` staged ones. Parents first.
    async fn upsert(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError>;

    /// Foreign keys of the `touched` tables, and of others towards them, that lead nowhere: as sentences.
    async fn orphans(&mut self, touched: &[usize]) -> Result<Vec<String>, DatabaseError>;

    /// Staged rows that the table does not hold exactly; and, with `whole`, rows of the table that the source does not
    /// have.
    async fn differences(&mut self, index: usize, whole: bool) -> Result<u64, DatabaseError>;

    /// The rows of the table before any came in.
    async fn row_count(&mut self, index: usize) -> Result<u64, DatabaseError>;

    /// The table's rows that the source does not have, as `Snapshot::rows` gives them. Not for a table without a key.
    async fn own_rows<'a>(
        &'a mut self,
        index: usize,
    ) -> Result<BoxStream<'a, Result<Bytes, DatabaseError>>, DatabaseError>;

    /// Clears away what the incoming rows would meet in unique keys, as `policy` says; `order` is parents first. Before
    /// anything else is written.
    async fn resolve(&mut self, order: &[usize], policy: ConflictPolicy) -> Result<Resolved, DatabaseError>;

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
