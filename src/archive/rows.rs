//! COPY text in pieces of any size -> single rows, and the hash of each: the one that a table's hash is the sum of.

use super::copy_text::Malformed;
use super::digest::{ColumnOrder, LONG_FIELD, PartialRow, check_width};
use super::row_hash::{BLOCK, first_half};

/// A row longer than this is not handed over whole.
pub(crate) const LONGEST_ROW: usize = 8 << 20;

/// A row is too long to be looked at by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// Cuts pieces into rows.
#[derive(Debug, Default)]
pub struct Rows {
    /// The row that began in an earlier piece.
    rest: Vec<u8>,
}

impl Rows {
    /// Calls `each` with every row that ends in `piece`, without its newline.
    pub fn split<E: From<TooLong>>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            if end - begin > LONGEST_ROW {
                return Err(TooLong.into());
            }
            if self.rest.is_empty() {
                each(&piece[begin..end])?;
            } else {
                self.rest.extend_from_slice(&piece[begin..end]);
                each(&self.rest)?;
                self.rest.clear();
            }
            begin = end + 1;
        }
        self.rest.extend_from_slice(&piece[begin..]);
        if self.rest.len() > LONGEST_ROW { Err(TooLong.into()) } else { Ok(()) }
    }
}

/// Hashes single rows of one table.
#[derive(Debug)]
pub struct RowHasher {
    order: ColumnOrder,
    text: Vec<u8>,
}

impl RowHasher {
    /// `columns` name the fields of each row, in their order.
    pub fn new<S: AsRef<str>>(columns: &[S]) -> Self {
        Self { order: ColumnOrder::new(columns), text: Vec::new() }
    }

    pub fn hash(&mut self, row: &[u8]) -> Result<u128, Malformed> {
        if row.len() > LONG_FIELD {
            let mut fields = PartialRow::default();
            fields.extend(row, self.order.positions.len())?;
            return Ok(first_half(fields.hash(&self.order)?.as_bytes()));
        }
        check_width(memchr::memchr_iter(b'\t', row).count() + 1, row.is_empty(), &self.order)?;
        self.text.clear();
        if self.order.is_natural {
            self.text.extend_from_slice(row);
        } else {
            let fields: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
            for (count, &at) in self.order.positions.iter().enumerate() {
                if count > 0 {
                    self.text.push(b'\t');
                }
                self.text.extend_from_slice(fields[at]);
            }
        }
        self.text.resize((row.len() / BLOCK + 1) * BLOCK, b'\n');
        Ok(first_half(blake3::hash(&self.text).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::TableHasher;
    use super::*;

    proptest! {
        #[test]
        fn the_hashes_of_the_rows_are_those_that_sum_up_to_the_tables(
            rows in prop::collection::vec(("[a-z]{0,90}", "[a-z]{0,20}", 0usize..40_000), 0..40),
            cuts in prop::collection::vec(1usize..5000, 0..20),
        ) {
            let columns = ["b", "a", "c"];
            let text: String = rows.iter().map(|(a, b, long)| format!("{a}\t{b}\t{}\n", "x".repeat(long / 2))).collect();
            let mut table = TableHasher::keeping_hashes(&columns);
            let mut kept = Vec::new();

            let (mut hasher, mut splitter, mut hashes) = (RowHasher::new(&columns), Rows::default(), Vec::new());
            let mut rest = text.as_bytes();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                splitter.split::<TooLong>(piece, |row| { hashes.push(hasher.hash(row).unwrap()); Ok(()) }).unwrap();
                table.update(piece).unwrap();
                kept.extend(table.take_hashes());
                rest = after;
            }
            prop_assert_eq!(table.finish(), (hashes.len() as u64, hashes.iter().fold(0u128, |sum, hash| sum.wrapping_add(*hash))));
            prop_assert_eq!(kept, hashes);
        }
    }
}
