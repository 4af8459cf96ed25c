//! An archive -> a database: planned, staged beside the target's tables, merged in one transaction.

mod choose;
mod left_out;
mod merge;
mod part;
mod plan;
mod preview;
mod stage;

use crate::archive::ArchiveError;
use crate::catalog::TableName;
use crate::compare::ReadingError;
use crate::database::DatabaseError;
use crate::model::text;

pub(crate) use choose::choose;
pub(crate) use left_out::{LeftOuts, shown};
pub(crate) use merge::{Counts, Merged, Options, merge};
pub(crate) use part::{Outdated, Part, Stays, complete, shape, stage_outdated};
pub(crate) use plan::{Plan, described, lacking, plan};
pub(crate) use preview::preview;
pub(crate) use stage::{Staged, stage};

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the backup is damaged: {0}")]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error("the backup ended before its end record")]
    Ended,
    #[error("the schemas do not fit together: {}", text::few(reasons, " "))]
    Schema { reasons: Vec<String>, remedies: Vec<String> },
    #[error("rows were refused before anything was written: {}", text::few(reasons, "; "))]
    Rows { reasons: Vec<String> },
    #[error("what was chosen is not there: {}", text::few(reasons, "; "))]
    Chosen { reasons: Vec<String> },
    #[error("unique values are taken on the target: {}", text::few(reasons, "; "))]
    Conflicts { reasons: Vec<String> },
    #[error("foreign keys would lead nowhere: {}", text::few(reasons, "; "))]
    Orphans { reasons: Vec<String> },
    #[error("{} of {table} changed on the way in", text::counted(*differences, "row", "rows"))]
    Unequal { table: TableName, differences: u64 },
    #[error("the rows of {table} cannot be read: {reason}")]
    Unreadable { table: TableName, reason: String },
    #[error("another process has taken over this database")]
    Superseded,
}

impl RestoreError {
    /// The target refused rows; without them it might be content.
    fn is_about_rows(&self) -> bool {
        match self {
            RestoreError::Rows { .. }
            | RestoreError::Orphans { .. }
            | RestoreError::Database(DatabaseError::Orphans { .. }) => true,
            RestoreError::Database(error) => error.is_about_a_row(),
            _ => false,
        }
    }
}
