//! What an admin asks for.

use serde::{Deserialize, Serialize};

use super::Scope;

/// Which way the rows go, seen from this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The peer's rows come here: this node's database is changed.
    Pull,
    /// Our rows go to the peer: the peer's database is changed.
    Push,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Pull => "pull",
            Direction::Push => "push",
        }
    }

    /// The same transfer seen from the other node.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Direction::Pull => Direction::Push,
            Direction::Push => Direction::Pull,
        }
    }
}

/// How the rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The engine chooses and says why.
    #[default]
    Auto,
    /// Everything, by pg_dump or ordered COPY.
    Backup,
    /// Only the rows that differ.
    Delta,
    /// JSON batches over HTTP.
    Rows,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Auto => "auto",
            Method::Backup => "backup",
            Method::Delta => "delta",
            Method::Rows => "rows",
        }
    }
}

/// What happens to rows that only the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletePolicy {
    #[default]
    Keep,
    /// They are deleted: the target becomes identical.
    Mirror,
}

/// What happens when an incoming row meets another row in a secondary unique key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictPolicy {
    #[default]
    Abort,
    Skip,
    Source,
    Target,
}

/// What a row that the target refuses does to the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowErrors {
    /// One bad row rolls everything back.
    #[default]
    Strict,
    /// Bad rows are set aside and listed, the rest commits.
    Isolate,
}

/// A row named by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChosenRow {
    /// As a preview names it.
    pub table: String,
    /// The key's values as text, in the order in which the preview gives them.
    pub key: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncOptions {
    /// Compress with zstd on the way.
    pub compress: bool,
    /// Compare both databases once more after the commit.
    pub verify: bool,
    pub deletes: DeletePolicy,
    pub conflicts: ConflictPolicy,
    pub row_errors: RowErrors,
    pub scope: Scope,
    /// Keep what the sync replaces and deletes, so that it can be undone.
    pub undo: bool,
    /// Only these rows, as a preview has shown them; empty takes all.
    pub rows: Vec<ChosenRow>,
    /// Make the tables that the target lacks. Left out when it is off: an older peer does not know it.
    #[serde(skip_serializing_if = "is_off")]
    pub initialise: bool,
    /// Add columns and labels of enums that the target lacks, committed before the rows come.
    #[serde(skip_serializing_if = "is_off")]
    pub additive: bool,
    /// Each node sends at most so many kilobytes (1000 bytes) a second to the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth_kb: Option<u64>,
}

impl SyncOptions {
    /// With less, a single piece would look like a connection that has died.
    pub const LEAST_BANDWIDTH_KB: u64 = 64;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_off(value: &bool) -> bool {
    !*value
}

impl Default for SyncOptions {
    fn default() -> Self {
        Self {
            compress: true,
            verify: true,
            deletes: DeletePolicy::default(),
            conflicts: ConflictPolicy::default(),
            row_errors: RowErrors::default(),
            scope: Scope::default(),
            undo: true,
            rows: Vec::new(),
            initialise: false,
            additive: false,
            bandwidth_kb: None,
        }
    }
}

/// The body of `POST /api/admin/sync/full-sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    pub action: Direction,
    /// Name of the peer.
    pub peer: String,
    #[serde(default)]
    pub method: Method,
    #[serde(default)]
    pub options: SyncOptions,
}
