//! The rows of a table as COPY text -> one number that says what they are, whatever their order.
//!
//! A row's hash is the first 16 bytes of BLAKE3 over its fields, **in the order of the columns' names**, joined by TAB
//! and filled up with newlines, at least one, to a multiple of 64 bytes; so it does not matter in which order a server
//! holds its columns. A field stands there as COPY writes it: NULL is `\N`, and TAB and newline are always escaped, so
//! the text is unambiguous. A field longer than 16 KiB stands there as a zero byte and its own BLAKE3, so that a row of
//! any size is hashed in little memory.
//!
//! A table's hash is the wrapping sum of its rows' hashes: equal rows do not cancel, and parts of a table can be hashed
//! apart and added.

use std::sync::Arc;

use super::copy_text::Malformed;
use super::row_hash::{BLOCK, RowSum, first_half};

pub(super) const LONG_FIELD: usize = 16 << 10;

/// How rows are brought into the order of their columns' names.
#[derive(Debug)]
pub struct ColumnOrder {
    /// The position in a row of the n-th column by name.
    pub(super) positions: Vec<usize>,
    pub(super) is_natural: bool,
}

impl ColumnOrder {
    pub fn new<S: AsRef<str>>(columns: &[S]) -> Self {
        let mut positions: Vec<usize> = (0..columns.len()).collect();
        positions.sort_by_key(|&at| columns[at].as_ref());
        let is_natural = positions.is_sorted();
        Self { positions, is_natural }
    }
}

/// Hashes the rows of one table, handed over in pieces of any size.
#[derive(Debug)]
pub struct TableHasher {
    order: Arc<ColumnOrder>,
    rows: u64,
    sum: RowSum,
    /// The last piece ended inside an escape.
    is_escape_open: bool,
    /// The row that began in an earlier piece.
    partial: Option<PartialRow>,
    /// Where the fields of the row at hand begin, and its end.
    bounds: Vec<usize>,
}

impl TableHasher {
    /// `columns` name the fields of each row, in their order.
    pub fn new<S: AsRef<str>>(columns: &[S]) -> Self {
        Self::with_order(Arc::new(ColumnOrder::new(columns)))
    }

    pub fn with_order(order: Arc<ColumnOrder>) -> Self {
        Self { order, rows: 0, sum: RowSum::new(), is_escape_open: false, partial: None, bounds: Vec::new() }
    }

    /// Also keeps the hash of each row, to be taken after each piece.
    pub fn keeping_hashes<S: AsRef<str>>(columns: &[S]) -> Self {
        Self { sum: RowSum::keeping_hashes(), ..Self::new(columns) }
    }

    /// Refuses bytes that COPY would not take as rows of these columns.
    pub fn update(&mut self, text: &[u8]) -> Result<(), Malformed> {
        if memchr::memchr2(0, b'\r', text).is_some() {
            return Err(Malformed("a control character stands unescaped"));
        }
        self.check_escapes(text)?;
        let mut rest = text;
        if self.partial.is_some() {
            let Some(end) = memchr::memchr(b'\n', rest) else { return self.run_on(rest) };
            self.run_on(&rest[..end])?;
            self.close_partial()?;
            rest = &rest[end + 1..];
        }
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.row(&rest[..end])?;
            rest = &rest[end + 1..];
        }
        if rest.is_empty() { Ok(()) } else { self.run_on(rest) }
    }

    /// False while the last piece ended inside a row.
    pub fn is_at_row_end(&self) -> bool {
        self.partial.is_none()
    }

    /// Adds whole rows that were hashed apart.
    pub fn add(&mut self, rows: u64, hash: u128) {
        self.rows += rows;
        self.sum.add_sum(hash);
    }

    /// The hashes of the rows that have ended since they were last taken, in the rows' order.
    pub fn take_hashes(&mut self) -> Vec<u128> {
        self.sum.take_hashes()
    }

    /// The number of rows and the hash. A row without its newline is not counted.
    pub fn finish(mut self) -> (u64, u128) {
        (self.rows, self.sum.total())
    }

    /// PostgreSQL ends the data silently at `\.`, wherever it stands, and takes an escaped newline or TAB for a part of
    /// the value. Rows would then be lost, or be other rows than those that were counted here.
    fn check_escapes(&mut self, text: &[u8]) -> Result<(), Malformed> {
        let mut at = 0;
        loop {
            if self.is_escape_open {
                match text.get(at) {
                    None => return Ok(()),
                    Some(b'.') => return Err(Malformed("an end mark stands among the rows")),
                    Some(b'\n' | b'\t') => return Err(Malformed("a separator is escaped")),
                    Some(_) => at += 1,
                }
            }
            let backslash = memchr::memchr(b'\\', &text[at..]);
            self.is_escape_open = backslash.is_some();
            match backslash {
                None => return Ok(()),
                Some(distance) => at += distance + 1,
            }
        }
    }

    fn row(&mut self, line: &[u8]) -> Result<(), Malformed> {
        if line.len() > LONG_FIELD {
            self.run_on(line)?;
            return self.close_partial();
        }
        if self.order.is_natural {
            let fields = memchr::memchr_iter(b'\t', line).count() + 1;
            check_width(fields, line.is_empty(), &self.order)?;
            self.sum.add_row(line.len(), |row| row.extend_from_slice(line));
        } else {
            self.bounds.clear();
            self.bounds.push(0);
            self.bounds.extend(memchr::memchr_iter(b'\t', line).map(|tab| tab + 1));
            check_width(self.bounds.len(), line.is_empty(), &self.order)?;
            self.bounds.push(line.len() + 1);
            let (positions, bounds) = (&self.order.positions, &self.bounds);
            self.sum.add_row(line.len(), |row| {
                for &at in positions {
                    row.extend_from_slice(&line[bounds[at]..bounds[at + 1] - 1]);
                    row.push(b'\t');
                }
                row.pop();
            });
        }
        self.rows += 1;
        Ok(())
    }

    fn run_on(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        self.partial.get_or_insert_default().extend(piece, self.order.positions.len())
    }

    fn close_partial(&mut self) -> Result<(), Malformed> {
        let row = self.partial.take().expect("only called on an open row");
        let hash = row.hash(&self.order)?;
        self.rows += 1;
        self.sum.add(first_half(hash.as_bytes()));
        Ok(())
    }
}

/// A hash as people and peers write it: 32 hexadecimal digits.
pub fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

/// A row that is long or comes in pieces, as its fields so far.
#[derive(Debug, Default)]
pub(super) struct PartialRow {
    fields: Vec<Field>,
    last: LastField,
}

#[derive(Debug, Default)]
struct LastField {
    /// Not longer than `LONG_FIELD`; empty once `long` has taken over.
    short: Vec<u8>,
    long: Option<Box<blake3::Hasher>>,
}

#[derive(Debug)]
enum Field {
    Short(Vec<u8>),
    Long(blake3::Hash),
}

impl PartialRow {
    pub(super) fn extend(&mut self, mut piece: &[u8], width: usize) -> Result<(), Malformed> {
        while let Some(tab) = memchr::memchr(b'\t', piece) {
            self.last.extend(&piece[..tab]);
            self.fields.push(std::mem::take(&mut self.last).close());
            // Checked here and not only at the end: a hostile row of nothing but TABs must not fill the memory.
            if self.fields.len() >= width.max(1) {
                return Err(WRONG_WIDTH);
            }
            piece = &piece[tab + 1..];
        }
        self.last.extend(piece);
        Ok(())
    }

    pub(super) fn hash(mut self, order: &ColumnOrder) -> Result<blake3::Hash, Malformed> {
        self.fields.push(self.last.close());
        let is_empty = matches!(&self.fields[..], [Field::Short(text)] if text.is_empty());
        check_width(self.fields.len(), is_empty, order)?;
        let mut hasher = blake3::Hasher::new();
        for (count, &at) in order.positions.iter().enumerate() {
            if count > 0 {
                hasher.update(b"\t");
            }
            match &self.fields[at] {
                Field::Short(text) => hasher.update(text),
                Field::Long(hash) => hasher.update(b"\0").update(hash.as_bytes()),
            };
        }
        let fill = BLOCK - hasher.count() as usize % BLOCK;
        hasher.update(&[b'\n'; BLOCK][..fill]);
        Ok(hasher.finalize())
    }
}

impl LastField {
    fn extend(&mut self, piece: &[u8]) {
        if let Some(hasher) = &mut self.long {
            hasher.update(piece);
        } else if self.short.len() + piece.len() > LONG_FIELD {
            let mut hasher = Box::new(blake3::Hasher::new());
            hasher.update(&self.short).update(piece);
            self.short = Vec::new();
            self.long = Some(hasher);
        } else {
            self.short.extend_from_slice(piece);
        }
    }

    fn close(self) -> Field {
        match self.long {
            Some(hasher) => Field::Long(hasher.finalize()),
            None => Field::Short(self.short),
        }
    }
}

const WRONG_WIDTH: Malformed = Malformed("a row has not as many fields as the table has columns");

/// A table without columns has rows all the same: COPY writes them as empty lines.
pub(super) fn check_width(fields: usize, is_empty: bool, order: &ColumnOrder) -> Result<(), Malformed> {
    match order.positions.len() {
        0 if is_empty => Ok(()),
        width if width == fields => Ok(()),
        _ => Err(WRONG_WIDTH),
    }
}
