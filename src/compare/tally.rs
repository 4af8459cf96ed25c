//! The rows of a table -> its digest and the sums of its buckets: which parts of two tables differ, without their rows.
//!
//! A row belongs to the bucket that the highest bits of its hash name, so a row that differs makes the bucket of its old
//! and that of its new values differ, and no key, order or collation has a part in it.

use futures::TryStreamExt;

use super::{Selected, unreadable};
use crate::archive::{TableHasher, hex};
use crate::database::{DatabaseError, Snapshot};
use crate::model::TableDigest;

/// So many rows to a bucket on average: fewer make the sums long, more make the lists of rows long.
const ROWS_A_BUCKET: u64 = 8;
/// 2 to the power of 20 buckets are 4 MiB.
const HIGHEST_LEVEL: u32 = 20;
const LOWEST_LEVEL: u32 = 10;

/// What a table's rows come to.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) digest: TableDigest,
    pub(crate) hash: u128,
    /// The lowest 32 bits of the sum of each bucket, 2 to the power of the level of them.
    buckets: Vec<u32>,
}

impl Tally {
    pub(crate) fn level(&self) -> u32 {
        self.buckets.len().ilog2()
    }

    /// The sums of 2 to the power of `level` buckets, which is not more than there are; four bytes each.
    pub(crate) fn buckets(&self, level: u32) -> Vec<u8> {
        fold(&self.buckets, level).into_iter().flat_map(u32::to_le_bytes).collect()
    }
}

/// Reads a table whole.
pub(crate) async fn tally(
    snapshot: &dyn Snapshot,
    (table, columns): &Selected,
    progress: &(dyn Fn() + Sync),
) -> Result<Tally, DatabaseError> {
    let mut rows = snapshot.rows(table, columns).await?;
    let mut hasher = TableHasher::with_buckets(columns, level(table.estimated_rows).max(LOWEST_LEVEL));
    while let Some(chunk) = rows.try_next().await? {
        hasher.update(&chunk).map_err(|cause| unreadable(&table.name, &cause))?;
        progress();
    }
    let (rows, hash, buckets) = hasher.finish_buckets();
    let buckets = fold(&buckets, level(rows).min(buckets.len().ilog2()));
    Ok(Tally { digest: TableDigest { name: table.name.to_string(), rows, hash: hex(hash) }, hash, buckets })
}

fn level(rows: u64) -> u32 {
    (rows / ROWS_A_BUCKET).next_power_of_two().ilog2().min(HIGHEST_LEVEL)
}

/// Neighbours share their highest bits, so they add up to the bucket above them.
fn fold(buckets: &[u32], level: u32) -> Vec<u32> {
    let width = buckets.len() >> level;
    buckets
        .chunks(width.max(1))
        .map(|parts| parts.iter().fold(0u32, |sum, part| sum.wrapping_add(*part)))
        .collect()
}

/// Bit `n` is set where the n-th of two lists differ.
pub(crate) fn differing_buckets(ours: &[u8], theirs: &[u8]) -> Bits {
    ours.chunks(4).zip(theirs.chunks(4)).map(|(ours, theirs)| ours != theirs).collect()
}

/// A row of yes and no, eight to the byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bits(Vec<u8>);

impl Bits {
    /// False beyond the end.
    pub(crate) fn get(&self, at: usize) -> bool {
        self.0.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }
}

impl FromIterator<bool> for Bits {
    fn from_iter<T: IntoIterator<Item = bool>>(bits: T) -> Self {
        let mut bytes = Vec::new();
        for (at, bit) in bits.into_iter().enumerate() {
            if at % 8 == 0 {
                bytes.push(0);
            }
            if let Some(last) = bytes.last_mut() {
                *last |= u8::from(bit) << (at % 8);
            }
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_fold_to_any_lower_level() {
        let buckets = [1, 2, 3, 4, u32::MAX, 6, 7, 8];
        assert_eq!(fold(&buckets, 3), buckets);
        assert_eq!(fold(&buckets, 2), [3, 7, 5, 15]);
        assert_eq!(fold(&buckets, 0), [30]);
    }

    #[test]
    fn bits_are_what_was_put_in() {
        let bits: Bits = (0..21).map(|n| n % 3 == 0).collect();
        assert_eq!((bits.count(), bits.get(18), bits.get(19), bits.get(500)), (7, true, false, false));
    }
}
