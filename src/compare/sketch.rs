//! Two sets of rows -> the rows that only one of them has, from a sketch that is as long as the difference, not the sets.
//!
//! An invertible Bloom lookup table: Eppstein, Goodrich, Uyeda, Varghese, "What's the Difference? Efficient Set
//! Reconciliation without Prior Context", SIGCOMM 2011. Each row is added to one cell in each of three parts of the
//! table. The difference of two tables holds only the rows that differ; a cell that holds one alone names it, and taking
//! it out of its other cells frees the next.

use super::RowId;

/// Cells a row is added to. With three, 1.23 cells a row are enough for many rows (the paper's table 1).
const PARTS: usize = 3;
/// Bytes of a cell on the wire: how many, their checks, their names.
const CELL: usize = 1 + 2 + 8;

/// The cells that are enough, all but surely, for so many rows that differ, if that is an estimate.
pub(crate) fn cells_for(differing: u64) -> u64 {
    differing + differing * 2 / 5 + 60
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sketch {
    /// As many in each part.
    cells: Vec<Cell>,
}

/// Sums without carry: what is added twice is gone, and so is what both sides have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    count: i8,
    check: u16,
    name: u64,
}

/// The rows that only one of two sets has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) ours: Vec<RowId>,
    pub(crate) theirs: Vec<RowId>,
}

impl Sketch {
    /// At least so many cells.
    pub(crate) fn new(cells: u64) -> Self {
        let part = usize::try_from(cells.div_ceil(PARTS as u64)).unwrap_or(usize::MAX / PARTS).max(1);
        Self { cells: vec![Cell::default(); part * PARTS] }
    }

    pub(crate) fn add(&mut self, row: RowId) {
        self.put(row, 1);
    }

    /// What the other side needs of it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let counts = self.cells.iter().map(|cell| cell.count.to_le_bytes()[0]);
        let checks = self.cells.iter().flat_map(|cell| cell.check.to_le_bytes());
        let names = self.cells.iter().flat_map(|cell| cell.name.to_le_bytes());
        counts.chain(checks).chain(names).collect()
    }

    /// None when these are not the bytes of a sketch of `like`'s length.
    pub(crate) fn from_bytes(bytes: &[u8], like: &Self) -> Option<Self> {
        let cells = like.cells.len();
        if bytes.len() != cells * CELL {
            return None;
        }
        let (counts, rest) = bytes.split_at(cells);
        let (checks, names) = rest.split_at(cells * 2);
        let (checks, _) = checks.as_chunks::<2>();
        let (names, _) = names.as_chunks::<8>();
        let cells = counts.iter().zip(checks).zip(names).map(|((count, check), name)| Cell {
            count: i8::from_le_bytes([*count]),
            check: u16::from_le_bytes(*check),
            name: u64::from_le_bytes(*name),
        });
        Some(Self { cells: cells.collect() })
    }

    /// The rows that only one side has. None when there are more of them than this sketch can tell apart, or when one
    /// side has a row two times more than the other.
    pub(crate) fn difference(mut self, theirs: &Self) -> Option<Difference> {
        for (cell, other) in self.cells.iter_mut().zip(&theirs.cells) {
            cell.put(other.name, other.check, other.count.wrapping_neg());
        }
        let mut found = Difference::default();
        let mut lonely: Vec<usize> = (0..self.cells.len()).collect();
        // Bytes that were made up could go in circles.
        let mut left = self.cells.len();
        while let Some(at) = lonely.pop() {
            let Some((row, count)) = self.alone(at) else { continue };
            left = left.checked_sub(1)?;
            match count {
                1 => found.ours.push(row),
                _ => found.theirs.push(row),
            }
            self.put(row, count.wrapping_neg());
            lonely.extend(self.places(row));
        }
        self.cells.iter().all(|cell| *cell == Cell::default()).then_some(found)
    }

    /// The row that a cell holds alone, and whether it is one more or one less.
    fn alone(&self, at: usize) -> Option<(RowId, i8)> {
        let Cell { count, check, name } = self.cells[at];
        let row = RowId(name);
        let is_alone = matches!(count, 1 | -1) && check == check_of(row) && self.places(row).contains(&at);
        is_alone.then_some((row, count))
    }

    fn put(&mut self, row: RowId, count: i8) {
        for at in self.places(row) {
            self.cells[at].put(row.0, check_of(row), count);
        }
    }

    fn places(&self, row: RowId) -> [usize; PARTS] {
        let part = self.cells.len() / PARTS;
        std::array::from_fn(|n| {
            let within = (u128::from(mixed(row, n as u64)) * part as u128) >> 64;
            n * part + usize::try_from(within).unwrap_or_default()
        })
    }
}

impl Cell {
    fn put(&mut self, name: u64, check: u16, count: i8) {
        self.count = self.count.wrapping_add(count);
        self.check ^= check;
        self.name ^= name;
    }
}

fn check_of(row: RowId) -> u16 {
    let [.., low, high] = mixed(row, PARTS as u64).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014), another one for each `n`.
fn mixed(row: RowId, n: u64) -> u64 {
    let mut bits = row.0.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sketch(cells: u64, rows: impl IntoIterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::new(cells);
        rows.into_iter().for_each(|row| sketch.add(RowId(row)));
        sketch
    }

    fn sent(sketch: &Sketch) -> Sketch {
        Sketch::from_bytes(&sketch.to_bytes(), sketch).unwrap()
    }

    fn names(rows: &[RowId]) -> BTreeSet<u64> {
        rows.iter().map(|row| row.0).collect()
    }

    /// As good as random, and the same in every run.
    fn row(n: u64) -> u64 {
        mixed(RowId(n), 99)
    }

    #[test]
    fn the_cells_that_are_said_to_be_enough_are_enough() {
        let mut failures = 0;
        for differing in [0, 1, 2, 3, 5, 10, 30, 100, 300, 1000, 10_000] {
            for round in 0..40 {
                let first = round * 1_000_000;
                let both = || (first + 500_000..first + 502_000).map(row);
                let (ours, theirs) = (first..first + differing / 2, first + differing / 2..first + differing);
                let cells = cells_for(differing);
                let other = sketch(cells, both().chain(theirs.clone().map(row)));
                match sketch(cells, both().chain(ours.clone().map(row))).difference(&sent(&other)) {
                    Some(found) => {
                        assert_eq!(names(&found.ours), ours.map(row).collect());
                        assert_eq!(names(&found.theirs), theirs.map(row).collect());
                    }
                    None => failures += 1,
                }
            }
        }
        assert_eq!(failures, 0);
    }

    #[test]
    fn more_than_it_can_tell_apart_is_none_and_never_wrong() {
        let ours = sketch(cells_for(10), (0..500).map(row));
        let theirs = sketch(cells_for(10), (250..750).map(row));
        assert_eq!(ours.difference(&theirs), None);
    }

    #[test]
    fn one_copy_more_is_told_and_two_are_not() {
        let with_copies = |copies: usize| sketch(90, std::iter::repeat_n(row(1), copies).chain([row(2)]));
        let found = with_copies(2).difference(&with_copies(3)).unwrap();
        assert_eq!((found.ours, names(&found.theirs)), (vec![], BTreeSet::from([row(1)])));
        assert_eq!(with_copies(1).difference(&with_copies(3)), None);
    }

    proptest! {
        #[test]
        fn what_is_found_is_the_difference(
            both in prop::collection::btree_set(any::<u64>(), 0..50),
            ours in prop::collection::btree_set(any::<u64>(), 0..50),
            theirs in prop::collection::btree_set(any::<u64>(), 0..50),
            cells in 0u64..200,
        ) {
            let all = |more: &BTreeSet<u64>| both.union(more).copied().collect::<BTreeSet<u64>>();
            let (ours, theirs) = (all(&ours), all(&theirs));
            let other = sketch(cells, theirs.iter().copied());
            if let Some(found) = sketch(cells, ours.iter().copied()).difference(&sent(&other)) {
                prop_assert_eq!(names(&found.ours), ours.difference(&theirs).copied().collect());
                prop_assert_eq!(names(&found.theirs), theirs.difference(&ours).copied().collect());
            }
        }

        #[test]
        fn bytes_of_any_kind_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), rows in 0u64..40) {
            for cells in [0, 3, 30] {
                let ours = sketch(cells, (0..rows).map(row));
                let length = ours.to_bytes().len();
                prop_assert_eq!(Sketch::from_bytes(&bytes, &ours).is_some(), bytes.len() == length);
                let fitting: Vec<u8> = bytes.iter().copied().cycle().take(length).collect();
                if let Some(theirs) = Sketch::from_bytes(&fitting, &ours) {
                    ours.difference(&theirs);
                }
            }
        }
    }
}
