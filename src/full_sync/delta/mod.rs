//! Delta: the two nodes find out which rows differ, and only these travel.
//!
//! Each reads its own database once, in one snapshot, at the same time as the other, and adds up the hashes of its rows.
//! Then they narrow it down, the target asking, the source answering: which tables differ, about how many of their rows,
//! and, by a sketch of that size, which. What the target lacks comes as an archive with just these rows and is staged
//! and merged like any other. Before anything is written the target proves by the sums that what it has, less what it
//! will replace, plus what came, is exactly what the source has.

mod message;
mod narrow;
mod source;
mod target;

/// In one message: 4.4 MB there, and some more in memory.
const MOST_CELLS: u64 = 400_000;

pub(super) use source::{Answer, offer};
pub(super) use target::{Difference, find};
