//! The rows of some buckets, kept in a file beside their hashes until the other side has said which it lacks.

use std::path::Path;

use futures::TryStreamExt;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};

use super::{Bits, Selected, unreadable};
use crate::archive::{RowHasher, Rows, TooLong, bucket_of};
use crate::database::{DatabaseError, Snapshot};

/// More rows than this are not looked at one by one.
const MOST_ROWS: usize = 2_000_000;
const CHUNK: usize = 256 * 1024;

/// The part of a hash by which the two sides name a row to each other. Two rows that share it are found by the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct RowId([u8; 6]);

impl RowId {
    fn new(hash: u128) -> Self {
        let bytes = hash.to_le_bytes();
        Self([bytes[4], bytes[5], bytes[6], bytes[7], bytes[8], bytes[9]])
    }
}

/// The rows of the marked buckets of one table, in the order in which they were read.
pub(crate) struct Marked {
    file: File,
    hashes: Vec<u128>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum MarkedError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the rows cannot be kept: {0}")]
    Io(#[from] std::io::Error),
    /// The table is better sent whole.
    #[error("too much of the table differs")]
    TooMuch,
}

impl From<TooLong> for MarkedError {
    fn from(_: TooLong) -> Self {
        MarkedError::TooMuch
    }
}

impl Marked {
    /// Reads the table and keeps the rows of the buckets that `marks` names among 2 to the power of `level`.
    pub(crate) async fn read(
        snapshot: &dyn Snapshot,
        (table, columns): &Selected,
        level: u32,
        marks: &Bits,
        folder: &Path,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Self, MarkedError> {
        // Without a name: it is gone with the process, however that ends.
        let file = tempfile::tempfile_in(folder)?;
        let mut file = BufWriter::with_capacity(CHUNK, File::from_std(file));
        let (mut splitter, mut hasher, mut hashes) = (Rows::default(), RowHasher::new(columns), Vec::new());
        let mut rows = snapshot.rows(table, columns).await?;
        let mut kept = Vec::new();
        while let Some(chunk) = rows.try_next().await? {
            splitter.split::<MarkedError>(&chunk, |row| {
                let hash = hasher.hash(row).map_err(|cause| unreadable(&table.name, &cause))?;
                if marks.get(bucket_of(hash, level)) {
                    if hashes.len() == MOST_ROWS {
                        return Err(MarkedError::TooMuch);
                    }
                    hashes.push(hash);
                    kept.extend_from_slice(row);
                    kept.push(b'\n');
                }
                Ok(())
            })?;
            file.write_all(&kept).await?;
            kept.clear();
            progress();
        }
        file.flush().await?;
        Ok(Self { file: file.into_inner(), hashes })
    }

    pub(crate) fn ids(&self) -> Vec<RowId> {
        self.hashes.iter().map(|hash| RowId::new(*hash)).collect()
    }

    /// How many of the rows are `chosen`, and the sum of their hashes.
    pub(crate) fn sum(&self, chosen: &Bits) -> (u64, u128) {
        let hashes = self.hashes.iter().enumerate().filter(|(at, _)| chosen.get(*at));
        hashes.fold((0, 0), |(rows, sum), (_, hash)| (rows + 1, sum.wrapping_add(*hash)))
    }

    /// The text of the `chosen` rows, to be read piece by piece.
    pub(crate) async fn chosen(mut self, chosen: Bits) -> std::io::Result<Chosen> {
        self.file.rewind().await?;
        Ok(Chosen { file: self.file, chosen, splitter: Rows::default(), at: 0, piece: vec![0; CHUNK] })
    }
}

/// Some of the rows that were kept.
pub(crate) struct Chosen {
    file: File,
    chosen: Bits,
    splitter: Rows,
    /// The number of the next row.
    at: usize,
    piece: Vec<u8>,
}

impl Chosen {
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        loop {
            let read = self.file.read(&mut self.piece).await?;
            if read == 0 {
                return Ok(None);
            }
            let (mut text, at, chosen) = (Vec::new(), &mut self.at, &self.chosen);
            let split = self.splitter.split::<TooLong>(&self.piece[..read], |row| {
                if chosen.get(*at) {
                    text.extend_from_slice(row);
                    text.push(b'\n');
                }
                *at += 1;
                Ok(())
            });
            // No longer row has come in.
            split.map_err(|TooLong| std::io::Error::other("a row that is kept is too long"))?;
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
    }
}

/// Which of `theirs` have no partner in `ours`, and which of `ours` none in `theirs`; equal rows count one by one.
pub(crate) fn match_rows(ours: &[RowId], theirs: &[RowId]) -> (Bits, Bits) {
    (without_partner(ours, theirs), without_partner(theirs, ours))
}

/// Which of `rows` are left over when each is paired with one of `others`.
fn without_partner(others: &[RowId], rows: &[RowId]) -> Bits {
    let mut sorted = others.to_vec();
    sorted.sort_unstable();
    let mut used = vec![0u32; sorted.len()];
    rows.iter()
        .map(|row| {
            let first = sorted.partition_point(|other| other < row);
            let held = sorted[first..].partition_point(|other| other == row);
            let Some(used) = used.get_mut(first).filter(|used| (**used as usize) < held) else { return true };
            *used += 1;
            false
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_paired_one_by_one() {
        let id = |n: u8| RowId([n, 0, 0, 0, 0, 0]);
        let ours = [id(1), id(2), id(2), id(4), id(4), id(4)];
        let theirs = [id(2), id(3), id(4), id(2), id(2)];
        let (lacking, surplus) = match_rows(&ours, &theirs);
        assert_eq!((0..5).map(|at| lacking.get(at)).collect::<Vec<_>>(), [false, true, false, false, true]);
        assert_eq!(
            (0..6).map(|at| surplus.get(at)).collect::<Vec<_>>(),
            [true, false, false, false, true, true]
        );
    }
}
