//! Two sets of rows -> about how many of them only one set has, from a kilobyte for each power of four of rows.
//!
//! On each level a fourth of the rows of the level below is taken and added up in buckets. Of a difference of any size
//! there is a level on which some buckets differ and others do not, and their share tells how many rows do: linear
//! counting (Whang, Vander-Zanden, Taylor 1990).

use super::RowId;

const BUCKETS: usize = 1024;
/// Above this share of differing buckets the next level tells more.
const FULL: f64 = 0.8;
/// The highest takes one row of 4 to the power of 19: enough for any table.
const LEVELS: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// The lowest byte of the sum of each bucket, level after level.
    buckets: Vec<u8>,
}

impl Estimate {
    /// Able to tell up to `rows` rows.
    pub(crate) fn new(rows: u64) -> Self {
        let levels = (0..LEVELS - 1).take_while(|level| (BUCKETS as u64) << (2 * level) < rows).count() + 1;
        Self { buckets: vec![0; levels * BUCKETS] }
    }

    pub(crate) fn add(&mut self, row: RowId) {
        let [value, low, high, ..] = row.0.to_le_bytes();
        let bucket = usize::from(u16::from_le_bytes([low, high])) % BUCKETS;
        let highest = row.0.leading_zeros() as usize / 2;
        for level in self.buckets.chunks_mut(BUCKETS).take(highest + 1) {
            // Odd, so that one row alone is never nothing.
            level[bucket] = level[bucket].wrapping_add(value | 1);
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.buckets.clone()
    }

    /// About how many rows only one side has; None when `theirs` are not the bytes of an estimate as long as this one.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of what is not negative"
    )]
    pub(crate) fn differing(&self, theirs: &[u8]) -> Option<u64> {
        if theirs.len() != self.buckets.len() {
            return None;
        }
        let levels = self.buckets.chunks(BUCKETS).zip(theirs.chunks(BUCKETS));
        let mut shares = levels.map(|(ours, theirs)| {
            ours.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).count() as f64 / BUCKETS as f64
        });
        let mut rows_of_one = 1.0;
        loop {
            let share = shares.next()?;
            let is_last = shares.len() == 0;
            if share < FULL || is_last {
                let rows = -(BUCKETS as f64) * (1.0 - share.min(1.0 - 1.0 / BUCKETS as f64)).ln();
                return Some((rows * rows_of_one).ceil() as u64);
            }
            rows_of_one *= 4.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(rows: impl Iterator<Item = u64>) -> Estimate {
        let mut estimate = Estimate::new(4_000_000);
        for n in rows {
            let hash = blake3::hash(&n.to_le_bytes());
            estimate.add(RowId::of(u128::from_le_bytes(hash.as_bytes()[..16].try_into().unwrap())));
        }
        estimate
    }

    #[test]
    fn a_difference_of_any_size_is_told_to_an_eighth() {
        for (rows, differing) in
            [(5_000, 0), (5_000, 400), (50_000, 5_000), (300_000, 24_000), (200_000, 400_000)]
        {
            let ours = estimate(0..rows);
            let theirs = estimate(differing / 2..rows + differing / 2);
            let told = ours.differing(&theirs.to_bytes()).unwrap();
            assert!(told.abs_diff(differing) * 8 <= differing, "{told} instead of {differing}");
        }
    }

    #[test]
    fn an_estimate_of_another_length_is_none() {
        let ours = Estimate::new(100);
        assert_eq!(ours.differing(&ours.to_bytes()), Some(0));
        assert_eq!(ours.differing(&ours.to_bytes()[1..]), None);
        assert_eq!(ours.differing(&Estimate::new(100_000).to_bytes()), None);
    }
}
