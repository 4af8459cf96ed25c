//! A table, read once -> its digest, and what it takes to find out which of its rows differ without reading it again.
//!
//! The name of each row is kept, and so is the text of a database that is not too large: the rows that differ are then
//! taken from there. Otherwise the table is read a second time, in the same snapshot.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};

use super::scratch::{Place, Reader, Scratch};
use super::{Estimate, RowId, RowIds, Selected, Sketch, Slice, each, size, unreadable};
use crate::archive::{LONGEST_ROW, RowHasher, Rows, TableHasher, TooLong, hex};
use crate::catalog::TableName;
use crate::database::{DatabaseError, Moment, RowStream, Snapshot};
use crate::model::TableDigest;

/// So much text is kept of all tables together: what it takes on disk for a moment, whatever the database's size.
const KEPT_TEXT: u64 = 128 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("what was read cannot be kept: {0}")]
    Io(#[from] io::Error),
    #[error("{missing} rows that were read before are not found again")]
    Missing { missing: usize },
    #[error("a row is too long to be looked at by itself")]
    TooLong,
}

impl From<TooLong> for ReadingError {
    fn from(_: TooLong) -> Self {
        ReadingError::TooLong
    }
}

/// Tables of one snapshot that were read.
pub(crate) struct Readings {
    snapshot: Arc<dyn Snapshot>,
    scratch: Scratch,
    pub(crate) tables: Vec<Reading>,
}

/// One table that was read.
pub(crate) struct Reading {
    selected: Selected,
    pub(crate) digest: TableDigest,
    pub(crate) hash: u128,
    /// A row is too long to be looked at by itself.
    pub(crate) is_long: bool,
    names: Vec<Place>,
    /// In the order of the names; None when it was too much.
    text: Option<Vec<Place>>,
}

impl Readings {
    /// Reads all of `tables`.
    pub(crate) async fn read(
        snapshot: Arc<dyn Snapshot>,
        tables: &[Selected],
        folder: &Path,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Self, ReadingError> {
        let (scratch, kept) = (Scratch::open(folder)?, AtomicU64::new(0));
        let read = |selected| Reading::read(&*snapshot, selected, &scratch, &kept, progress).boxed();
        let tables = each(&*snapshot, tables, size, read).await?;
        Ok(Self { snapshot, scratch, tables })
    }

    pub(crate) fn moment(&self) -> Moment {
        self.snapshot.moment()
    }

    /// What tells about how many rows differ, for a table that has up to `rows` rows on both sides together.
    pub(crate) async fn estimate(&self, table: usize, rows: u64) -> io::Result<Estimate> {
        self.names_into(table, Estimate::new(rows), Estimate::add).await
    }

    /// What tells which rows of a slice differ.
    pub(crate) async fn sketch(&self, table: usize, slice: Slice, cells: u64) -> io::Result<Sketch> {
        self.names_into(table, Sketch::new(cells), move |sketch, name| {
            if slice.holds(name) {
                sketch.add(name);
            }
        })
        .await
    }

    async fn names_into<T: Send + 'static>(
        &self,
        table: usize,
        mut into: T,
        add: impl Fn(&mut T, RowId) + Send + 'static,
    ) -> io::Result<T> {
        let places = self.tables[table].names.clone();
        self.scratch
            .read(move |scratch| {
                for place in places {
                    let names = scratch.get(place)?;
                    names.as_chunks().0.iter().for_each(|name| add(&mut into, RowId::from(*name)));
                }
                Ok(into)
            })
            .await
    }

    /// The rows with these names, each once.
    pub(crate) async fn rows(
        &self,
        table: usize,
        names: impl IntoIterator<Item = RowId>,
    ) -> Result<Picked, ReadingError> {
        let Reading { selected: (table, columns), names: places, text, .. } = &self.tables[table];
        let from = match text {
            Some(text) => {
                let pieces = text.iter().copied().zip(places.iter().copied());
                Origin::Kept { scratch: self.scratch.clone(), pieces: pieces.collect::<Vec<_>>().into_iter() }
            }
            None => Origin::Table(self.snapshot.rows(table, columns).await?),
        };
        Ok(Picked {
            table: table.name.clone(),
            from,
            wanted: names.into_iter().collect(),
            splitter: Rows::default(),
            hasher: RowHasher::new(columns),
            sum: (0, 0),
        })
    }
}

impl Reading {
    async fn read(
        snapshot: &dyn Snapshot,
        selected: &Selected,
        scratch: &Scratch,
        kept: &AtomicU64,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Self, ReadingError> {
        let (table, columns) = selected;
        let mut hasher = TableHasher::keeping_hashes(columns);
        let (mut names, mut text, mut is_long) = (Vec::new(), Some(Vec::new()), false);
        let mut open_row = 0;
        let mut rows = snapshot.rows(table, columns).await?;
        while let Some(chunk) = rows.try_next().await? {
            hasher.update(&chunk).map_err(|cause| unreadable(&table.name, &cause))?;
            let hashes = hasher.take_hashes();
            let bytes = hashes.iter().flat_map(|hash| <[u8; 8]>::from(RowId::of(*hash))).collect();
            is_long |= open_row + chunk.len() > LONGEST_ROW;
            open_row = match memchr::memrchr(b'\n', &chunk) {
                Some(end) => chunk.len() - end - 1,
                None => open_row + chunk.len(),
            };
            let length = chunk.len() as u64;
            if kept.fetch_add(length, Ordering::Relaxed) + length > KEPT_TEXT {
                text = None;
            }
            if let Some(text) = &mut text {
                let [bytes, chunk] = scratch.put([bytes, chunk]).await?;
                names.push(bytes);
                text.push(chunk);
            } else {
                names.extend(scratch.put([bytes]).await?);
            }
            progress();
        }
        let (rows, hash) = hasher.finish();
        let digest = TableDigest { name: table.name.to_string(), rows, hash: hex(hash) };
        Ok(Self { selected: selected.clone(), digest, hash, is_long, names, text })
    }
}

/// Some rows of a table, to be taken piece by piece.
pub(crate) struct Picked {
    table: TableName,
    from: Origin,
    wanted: RowIds,
    splitter: Rows,
    hasher: RowHasher,
    sum: (u64, u128),
}

enum Origin {
    /// Pieces of text, each with the names of the rows that end in it.
    Kept {
        scratch: Scratch,
        pieces: std::vec::IntoIter<(Place, Place)>,
    },
    Table(RowStream),
}

impl Picked {
    /// The text of some more of them; none after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadingError> {
        while !self.wanted.is_empty() {
            let (piece, names) = match &mut self.from {
                Origin::Kept { scratch, pieces } => {
                    let Some((text, names)) = pieces.next() else { break };
                    let read =
                        move |scratch: &Reader| Ok::<_, io::Error>((scratch.get(text)?, scratch.get(names)?));
                    let (text, names) = scratch.read(read).await?;
                    (text.into(), Some(names))
                }
                Origin::Table(rows) => {
                    let Some(piece) = rows.try_next().await? else { break };
                    (piece, None)
                }
            };
            let picked = self.pick(&piece, names.as_deref())?;
            if !picked.is_empty() {
                return Ok(Some(picked.into()));
            }
        }
        match self.wanted.len() {
            0 => Ok(None),
            missing => Err(ReadingError::Missing { missing }),
        }
    }

    /// How many there were, and the sum of their hashes.
    pub(crate) fn sum(&self) -> (u64, u128) {
        self.sum
    }

    fn pick(&mut self, piece: &[u8], names: Option<&[u8]>) -> Result<Vec<u8>, ReadingError> {
        let mut picked = Vec::new();
        let mut names = names.map(|names| names.as_chunks().0.iter().copied().map(RowId::from));
        let Self { table, wanted, splitter, hasher, sum, .. } = self;
        splitter.split::<ReadingError>(piece, |row| {
            let mut hash = || hasher.hash(row).map_err(|cause| unreadable(table, &cause));
            let name = match &mut names {
                Some(names) => names.next(),
                None => Some(RowId::of(hash()?)),
            };
            // Of equal rows one is meant.
            if name.is_some_and(|name| wanted.remove(&name)) {
                *sum = (sum.0 + 1, sum.1.wrapping_add(hash()?));
                picked.extend_from_slice(row);
                picked.push(b'\n');
            }
            Ok(())
        })?;
        Ok(picked)
    }
}
