//! Rows of a database -> one stream of checked frames, and back.
//!
//! # The format on one page
//!
//! ```text
//! archive = magic (8 bytes) version (u32)            numbers are little-endian
//!           frame(manifest)
//!           { frame(table) { frame(rows) } frame(table end) }      each section once, in any order;
//!                                                                  a partitioned one in one piece or more
//!           frame(end)                                             and nothing after it
//!
//! frame   = kind (u8) payload length (u32) raw length (u32) hash (32 bytes) payload
//! hash    = BLAKE3(hash of the frame before, kind, both lengths, BLAKE3(payload))
//! ```
//!
//! The first frame's "hash before" is BLAKE3 of magic and version. Because each hash covers the one before it, a
//! flipped bit, a lost, repeated or exchanged frame and a cut are all noticed at the frame where they are; the error
//! names its byte. The payload enters the chain by its own hash, so that frames are hashed on many cores at once.
//!
//! | kind | payload |
//! |---|---|
//! | 1 manifest | [`Manifest`] as JSON |
//! | 2 table | number of the section (u32) whose rows follow |
//! | 3 rows | COPY text of the open table, at most 4 MiB |
//! | 4 packed rows | the same in one zstd frame; at least 1/200 of the raw length, which makes bombs useless |
//! | 5 table end | rows (u64), raw bytes (u64), content hash (16 bytes, see [`digest`]) |
//! | 6 end | sequences, totals and the hash of the whole content as JSON |
//!
//! Frames end where rows end; only a row that is longer than a frame runs on into the next. No clock, host, oid or
//! random value is in it: the same manifest, rows, sequences and compression give the same bytes, however they were cut
//! when they came in.
//!
//! A [`spool`] is the file in which an archive lies while it is made, sent and read at the same time; [`dump`] turns
//! the output of pg_dump into what [`writer`] takes.

pub mod copy_text;
pub mod digest;
pub mod dump;
pub mod reader;
pub mod rows;
pub mod spool;
pub mod writer;

mod codec;
mod frame;
mod identifier;
mod row_hash;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::catalog::TableName;

pub use digest::{TableHasher, hex};
pub use dump::{DumpEvent, DumpReader};
pub use reader::{ArchiveReader, Event};
pub(crate) use rows::LONGEST_ROW;
pub use rows::{RowHasher, Rows, TooLong};
pub use spool::{Spool, SpoolWriter};
pub use writer::{ArchiveWriter, Compression};

/// The version of the format that this build writes and reads.
pub const FORMAT: u32 = 1;

/// What an archive holds, said before its first row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    pub order: Order,
    /// The source's catalog, or null where the target has it already. This room does not look into it, so it stays
    /// text: with thousands of tables anything else takes several times as much.
    pub catalog: Box<RawValue>,
    pub sections: Vec<Section>,
}

/// In which order the rows of a table come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As the source stores them.
    Heap,
    /// By key: portable, the same data gives the same bytes.
    Key,
}

/// One table and the columns whose values its rows hold, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub table: TableName,
    pub columns: Vec<String>,
    /// The root of a partitioned table: exporters may give its rows partition by partition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partitioned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceValue {
    pub name: TableName,
    pub last_value: i64,
    pub is_called: bool,
}

/// What went through one table, or one piece of a partitioned one: the trailer of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableTotals {
    pub rows: u64,
    /// The content hash, see [`digest`].
    pub hash: u128,
    /// Bytes of COPY text.
    pub raw_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArchiveTotals {
    pub tables: usize,
    pub rows: u64,
    /// Bytes of COPY text of all tables.
    pub raw_bytes: u64,
    /// Bytes of the archive itself.
    pub archive_bytes: u64,
    /// Of manifest, rows and sequences, 64 hexadecimal digits. The same for the same content, whatever its compression
    /// and the order of its rows and tables.
    pub content_hash: String,
}

/// Why an archive, or a dump on its way into one, was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive is damaged at byte {offset}: {what}")]
    Damaged { offset: u64, what: String },
    #[error("the archive has format {found}; this version of Tandem reads format {FORMAT}")]
    Format { found: u32 },
    #[error("the dump is refused at line {line}: {what}")]
    Dump { line: u64, what: String },
    /// The caller's fault: rows, tables or sequences that do not belong into an archive.
    #[error("the archive cannot be made: {what}")]
    Unfit { what: String },
    #[error("the bytes of the archive cannot be read or written")]
    Io {
        #[from]
        source: std::io::Error,
    },
}
