//! What a sync would do, found out without doing it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Check;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Sync,
    /// Everything but the writing.
    Preview,
    /// Takes a sync back.
    Undo,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Sync, Kind::Preview, Kind::Undo];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Sync => "sync",
            Kind::Preview => "preview",
            Kind::Undo => "undo",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a sync would write, and what stands in its way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preview {
    /// In the order in which they would be written; the equal ones among them.
    pub tables: Vec<TablePreview>,
    pub findings: Vec<PreviewFinding>,
    /// Checks of the server that would be changed: versions, rights, disk.
    pub checks: Vec<Check>,
    /// What the source has and no sync brings, or this one leaves out.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// How triggers and foreign keys would be kept out of the way.
    pub rights: String,
    /// What would travel, and lie in the data directories of both nodes while the sync runs.
    pub bytes: u64,
    /// About how much larger the target's database would get: staged rows, the rows with their indexes, and what is kept
    /// to take the sync back.
    #[serde(default)]
    pub space_bytes: u64,
    /// How long the sync would take, from how long the preview took.
    pub about_ms: u64,
}

impl Preview {
    /// A sync would be refused as things stand.
    pub fn is_blocked(&self) -> bool {
        self.findings.iter().any(|finding| finding.blocks)
    }

    /// False when it has ended before anything was counted.
    pub fn is_counted(&self) -> bool {
        !self.tables.is_empty()
    }

    pub fn sum(&self, of: impl Fn(&TablePreview) -> u64) -> u64 {
        self.tables.iter().map(of).sum()
    }
}

/// Something that an admin should know before starting.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PreviewFinding {
    /// The sync would be refused.
    pub blocks: bool,
    pub text: String,
    /// What to do about it; empty when there is nothing to do.
    pub remedy: String,
    /// What the sync would run on the target for it: the first of many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

/// Rows of one table, counted on the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TablePreview {
    /// `schema.table`; the schema is left out when it is `public`.
    pub name: String,
    /// The columns that identify a row; empty for a table without a key.
    pub key: Vec<String>,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    /// Rows that only the target has and that would be kept.
    pub target_only: u64,
    /// Incoming rows whose unique value another row of the target holds.
    pub conflicts: u64,
    /// Rows of the target that were changed later than what would replace them, by `newer_by`.
    pub newer: u64,
    /// The column that tells when a row was changed last; none when the table has no such column.
    pub newer_by: Option<String>,
    /// The first rows of each kind.
    pub rows: Vec<RowPreview>,
}

impl TablePreview {
    pub fn written(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Insert,
    Update,
    Delete,
    /// Only the target has it, and it would stay.
    Keep,
    /// It cannot come in: another row of the target holds its unique value.
    Conflict,
}

/// One row that would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPreview {
    pub change: Change,
    /// The key's values as text, in the order of the table's `key`.
    pub key: Vec<String>,
    /// The columns that change; of an insert and a delete all of them.
    pub values: Vec<ValuePreview>,
    /// The target's row was changed later than what would replace it.
    pub newer: bool,
}

/// A column's value as text, cut after 200 characters; none is null, or that there is no such row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValuePreview {
    pub column: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A row that a sync left out or an undo left alone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    pub table: String,
    /// `id 7`, or the row itself where the table has no key.
    pub row: String,
    /// As the database says it; empty when it was not the database that refused the row.
    pub sqlstate: String,
    pub reason: String,
}

/// Something in the source that is never synced, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    pub name: String,
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.reason)
    }
}
