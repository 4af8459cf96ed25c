//! What the two nodes say to each other while they look for the rows that differ.

use serde::{Deserialize, Serialize};

use crate::catalog::TableName;
use crate::compare::{RowId, Slice};

/// From the source to the target, each after the target's message of the same place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Offer {
    /// The source's catalog as JSON.
    Catalog(String),
    /// One for each table of `Ask::Tables`, in their order.
    Sums(Vec<Sum>),
    /// The bytes of an estimate for each of `Ask::Estimates`.
    Estimates(Vec<Vec<u8>>),
    /// The bytes of a sketch for each of `Ask::Sketches`.
    Sketches(Vec<Vec<u8>>),
    /// Go on.
    Noted,
    /// The archive follows.
    Ready,
}

/// From the target to the source. Tables are named by their place in `Tables`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// The first word of a target that has started the sync.
    Begin,
    /// Read these columns of these tables.
    Tables(Vec<(TableName, Vec<String>)>),
    /// Send everything by backup, because …
    Everything(String),
    /// About how many rows of these tables differ, able to tell up to so many?
    Estimates(Vec<(usize, u64)>),
    /// Which rows of these tables differ?
    Sketches(Vec<SketchOf>),
    /// These rows shall travel, tables in the order in which they are named; None for all of a table. A long list goes on
    /// in the next message.
    Wanted(Vec<(usize, Option<Vec<RowId>>)>),
    /// That is all: write the archive.
    Write,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SketchOf {
    pub(super) table: usize,
    /// Of the table's rows, by their names.
    pub(super) slice: Slice,
    pub(super) cells: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) hash: u128,
    /// A row is so long that the table can only travel whole.
    pub(super) is_long: bool,
}
