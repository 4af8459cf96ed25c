//! What the two nodes say to each other while they look for the rows that differ.

use serde::{Deserialize, Serialize};

use crate::catalog::TableName;
use crate::compare::{Bits, RowId};

/// From the source to the target, each after the target's message of the same place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Offer {
    /// The source's catalog as JSON.
    Catalog(String),
    /// One for each table of `Ask::Tables`, in their order.
    Sums(Vec<Sum>),
    /// The sums of the buckets of each table of `Ask::Buckets`.
    Buckets(Vec<Vec<u8>>),
    /// The rows of the marked buckets; None when they are too many, and the table travels whole.
    Rows(Option<Vec<RowId>>),
    /// The archive follows.
    Ready,
}

/// From the target to the source.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// The first word of a target that has started the sync.
    Begin,
    /// Read these columns of these tables.
    Tables(Vec<(TableName, Vec<String>)>),
    /// Send everything by backup, because …
    Everything(String),
    /// These tables differ; of each the sums of 2 to the power of this many buckets.
    Buckets(Vec<(usize, u32)>),
    /// The buckets that differ in each of them; None where the table shall travel whole.
    Marked(Vec<Option<Bits>>),
    /// Which of the rows of the table at hand shall travel; None for all of the table.
    Wanted(Option<Bits>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) hash: u128,
    pub(super) level: u32,
}
