//! Delta: the two nodes find out which rows differ, and only these travel.
//!
//! Each reads its own database once, in one snapshot, at the same time as the other, and adds up the hashes of its rows:
//! a table, and buckets of about eight rows in it. Then they narrow it down, the target asking, the source answering:
//! which tables differ, which buckets in them, which rows in those. What the target lacks comes as an archive with just
//! these rows and is staged and merged like any other. Before anything is written the target proves by the sums that
//! what it has, less what it will replace, plus what came, is exactly what the source has.

mod message;
mod source;
mod target;

pub(super) use source::{Answer, offer};
pub(super) use target::{Difference, Found, find};
