//! The node's own state, in the same database as the data: what commits together stays true together.

pub(crate) mod accounts;
mod comparisons;
mod quarantine;
mod sessions;

use std::sync::Arc;

use crate::database::{Database, DatabaseError};
pub(crate) use sessions::Commit;

/// The queries on the node's own tables.
#[derive(Clone)]
pub(crate) struct Store {
    database: Arc<dyn Database>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("Tandem's own record of {what} cannot be read: {source}")]
    Unreadable { what: String, source: serde_json::Error },
    #[error("the password cannot be hashed: {reason}")]
    Password { reason: String },
}

impl Store {
    pub(crate) fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }
}

/// Plain data as text; only maps with keys that are no text could fail, and we have none.
fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data has a JSON form")
}
