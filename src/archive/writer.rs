//! Rows as COPY text -> an archive in a spool: the same rows in, the same bytes out.
//!
//! Frames are packed and hashed on several blocking threads at once and written in their order; about a dozen megabytes
//! are in work at most.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinHandle, spawn_blocking};

use super::codec::{Codec, Packed, lanes};
use super::digest::{ColumnOrder, TableHasher, hex};
use super::frame::{self, FRAME_RAW, HEADER_LEN, Hash, Header, Kind, MAX_RECORD};
use super::{
    ArchiveError, ArchiveTotals, FORMAT, Manifest, Section, SequenceValue, SpoolWriter, TableTotals,
};

/// How rows are packed. Part of what makes the bytes: another level gives other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Zstd(i32),
    Stored,
}

/// Writes one archive. Dropped before [`ArchiveWriter::finish`], it makes the spool fail.
pub struct ArchiveWriter {
    spool: SpoolWriter,
    compression: Compression,
    codec: Arc<Codec>,
    /// Hash of the last frame written.
    previous: Hash,
    content: Content,
    orders: Vec<Arc<ColumnOrder>>,
    open: Option<OpenTable>,
    packing: VecDeque<JoinHandle<io::Result<Packed>>>,
    lanes: usize,
}

struct OpenTable {
    index: usize,
    hasher: TableHasher,
    raw_bytes: u64,
    /// Not yet a frame.
    pending: BytesMut,
}

impl ArchiveWriter {
    pub async fn begin(
        spool: SpoolWriter,
        manifest: &Manifest,
        compression: Compression,
    ) -> Result<Self, ArchiveError> {
        let manifest_json = json(manifest)?;
        let content = Content::begin(manifest, &manifest_json)?;
        let preamble = frame::preamble();
        let mut writer = Self {
            spool,
            compression,
            codec: Arc::default(),
            previous: blake3::hash(&preamble).into(),
            orders: manifest
                .sections
                .iter()
                .map(|section| Arc::new(ColumnOrder::new(&section.columns)))
                .collect(),
            content,
            open: None,
            packing: VecDeque::new(),
            lanes: lanes(),
        };
        writer.spool.append(Bytes::copy_from_slice(&preamble)).await?;
        writer.record(Kind::Manifest, &manifest_json).await?;
        Ok(writer)
    }

    /// The rows that follow belong to the manifest's section `index`. Each section comes once, one of a partitioned
    /// table as often as needed.
    pub async fn begin_table(&mut self, index: usize) -> Result<(), ArchiveError> {
        if self.open.is_some() {
            return Err(unfit("a table begins inside another one"));
        }
        self.content.begin_table(index).map_err(unfit)?;
        let number = u32::try_from(index).map_err(|error| unfit(error.to_string()))?;
        self.record(Kind::Table, &number.to_le_bytes()).await?;
        self.open = Some(OpenTable {
            index,
            hasher: TableHasher::with_order(Arc::clone(&self.orders[index])),
            raw_bytes: 0,
            pending: BytesMut::with_capacity(FRAME_RAW),
        });
        Ok(())
    }

    /// COPY text of the open table, cut anywhere.
    pub async fn rows(&mut self, mut text: Bytes) -> Result<(), ArchiveError> {
        while !text.is_empty() {
            let table = self.open.as_mut().ok_or_else(|| unfit("rows stand outside a table"))?;
            let room = FRAME_RAW - table.pending.len();
            let piece = text.split_to(room.min(text.len()));
            table.pending.extend_from_slice(&piece);
            table.raw_bytes += piece.len() as u64;
            if table.pending.len() == FRAME_RAW {
                let (raw, order) = (table.cut(), Arc::clone(&self.orders[table.index]));
                self.pack(raw, order).await?;
            }
        }
        Ok(())
    }

    pub async fn end_table(&mut self) -> Result<TableTotals, ArchiveError> {
        let table = self.open.as_mut().ok_or_else(|| unfit("there is no table to end"))?;
        let rest = std::mem::take(&mut table.pending).freeze();
        if !rest.is_empty() {
            let order = Arc::clone(&self.orders[table.index]);
            self.pack(rest, order).await?;
        }
        while !self.packing.is_empty() {
            self.write_first().await?;
        }
        let table = self.open.take().expect("it was open above");
        if !table.hasher.is_at_row_end() {
            return Err(unfit("a table ends inside a row"));
        }
        let (rows, hash) = table.hasher.finish();
        let totals = TableTotals { rows, hash, raw_bytes: table.raw_bytes };
        self.content.end_table(table.index, totals);
        self.record(Kind::TableEnd, &totals.bytes()).await?;
        Ok(totals)
    }

    /// Every section must have come. The order of `sequences` does not matter.
    pub async fn finish(mut self, sequences: &[SequenceValue]) -> Result<ArchiveTotals, ArchiveError> {
        if self.open.is_some() {
            return Err(unfit("the archive ends inside a table"));
        }
        let mut sequences = sequences.to_vec();
        sequences.sort_by(|one, other| one.name.cmp(&other.name));
        let end = self.content.end(sequences).map_err(unfit)?;
        self.record(Kind::End, &json(&end)?).await?;
        let archive_bytes = self.spool.finish().await?;
        Ok(end.totals(archive_bytes))
    }

    async fn pack(&mut self, raw: Bytes, order: Arc<ColumnOrder>) -> Result<(), ArchiveError> {
        // Also what is ready early is written early: the peer is waiting for it.
        while self.packing.len() >= self.lanes || self.packing.front().is_some_and(JoinHandle::is_finished) {
            self.write_first().await?;
        }
        let (codec, compression) = (Arc::clone(&self.codec), self.compression);
        self.packing.push_back(spawn_blocking(move || codec.pack(raw, order, compression)));
        Ok(())
    }

    async fn write_first(&mut self) -> Result<(), ArchiveError> {
        let first = self.packing.pop_front().expect("the caller has looked");
        let mut packed = first.await.map_err(io::Error::other)??;
        let table = self.open.as_mut().expect("rows are packed only while their table is open");
        packed.rows.add_to(&mut table.hasher).map_err(|malformed| unfit(malformed.to_string()))?;
        let header = packed.header.chained(&self.previous, &packed.payload_hash);
        self.previous = header.hash;
        packed.frame[..HEADER_LEN].copy_from_slice(&header.bytes());
        self.spool.append(Bytes::from(packed.frame)).await?;
        Ok(())
    }

    async fn record(&mut self, kind: Kind, payload: &[u8]) -> Result<(), ArchiveError> {
        if payload.len() > MAX_RECORD {
            return Err(unfit(format!("a record of {} bytes is too long", payload.len())));
        }
        let header = Header { kind, payload_len: payload.len(), raw_len: payload.len(), hash: [0; 32] };
        let header = header.chained(&self.previous, blake3::hash(payload).as_bytes());
        self.previous = header.hash;
        self.spool.append(Bytes::from([&header.bytes(), payload].concat())).await?;
        Ok(())
    }
}

impl OpenTable {
    /// Takes a frame off, up to the end of its last whole row. Looks only at the rows, never at how they were cut when
    /// they came: that keeps the bytes deterministic.
    fn cut(&mut self) -> Bytes {
        let len = memchr::memrchr(b'\n', &self.pending).map_or(self.pending.len(), |newline| newline + 1);
        let mut rest = BytesMut::with_capacity(FRAME_RAW);
        rest.extend_from_slice(&self.pending[len..]);
        let mut raw = std::mem::replace(&mut self.pending, rest);
        raw.truncate(len);
        raw.freeze()
    }
}

/// The last frame's payload.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndRecord {
    pub(super) sequences: Vec<SequenceValue>,
    tables: usize,
    rows: u64,
    raw_bytes: u64,
    content_hash: String,
}

impl EndRecord {
    pub(super) fn totals(&self, archive_bytes: u64) -> ArchiveTotals {
        ArchiveTotals {
            tables: self.tables,
            rows: self.rows,
            raw_bytes: self.raw_bytes,
            archive_bytes,
            content_hash: self.content_hash.clone(),
        }
    }
}

/// What has gone through so far: the same rules for the writer and for the reader.
pub(super) struct Content {
    manifest: Hash,
    sections: Vec<SectionState>,
}

struct SectionState {
    may_repeat: bool,
    has_begun: bool,
    totals: TableTotals,
}

impl Content {
    pub(super) fn begin(manifest: &Manifest, json: &[u8]) -> Result<Self, ArchiveError> {
        if manifest.format != FORMAT {
            return Err(ArchiveError::Format { found: manifest.format });
        }
        let mut tables = BTreeSet::new();
        for section in &manifest.sections {
            if !tables.insert(&section.table) {
                return Err(unfit(format!("{} stands twice in the manifest", section.table)));
            }
            let columns: BTreeSet<_> = section.columns.iter().collect();
            if columns.len() != section.columns.len() {
                return Err(unfit(format!("a column of {} stands twice in the manifest", section.table)));
            }
        }
        let section = |section: &Section| SectionState {
            may_repeat: section.partitioned,
            has_begun: false,
            totals: TableTotals::default(),
        };
        let sections = manifest.sections.iter().map(section).collect();
        Ok(Self { manifest: blake3::hash(json).into(), sections })
    }

    pub(super) fn begin_table(&mut self, index: usize) -> Result<(), String> {
        let section = self.sections.get_mut(index).ok_or_else(|| format!("there is no section {index}"))?;
        if section.has_begun && !section.may_repeat {
            return Err(format!("section {index} comes twice"));
        }
        section.has_begun = true;
        Ok(())
    }

    pub(super) fn end_table(&mut self, index: usize, totals: TableTotals) {
        let sum = &mut self.sections[index].totals;
        sum.rows += totals.rows;
        sum.hash = sum.hash.wrapping_add(totals.hash);
        sum.raw_bytes += totals.raw_bytes;
    }

    /// The record that belongs to what went through, if everything did.
    pub(super) fn end(&self, sequences: Vec<SequenceValue>) -> Result<EndRecord, String> {
        if let Some(pair) = sequences.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            return Err(format!("sequence {} comes twice or out of order", pair[1].name));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.manifest);
        let (mut rows, mut raw_bytes) = (0, 0);
        for (index, section) in self.sections.iter().enumerate() {
            if !section.has_begun {
                return Err(format!("the rows of section {index} are missing"));
            }
            hasher.update(&section.totals.bytes());
            rows += section.totals.rows;
            raw_bytes += section.totals.raw_bytes;
        }
        hasher.update(&serde_json::to_vec(&sequences).map_err(|error| error.to_string())?);
        let content_hash = hasher.finalize().to_hex().to_string();
        Ok(EndRecord { sequences, tables: self.sections.len(), rows, raw_bytes, content_hash })
    }
}

impl TableTotals {
    /// The content hash as people and peers write it: 32 hexadecimal digits.
    pub fn hash_hex(&self) -> String {
        hex(self.hash)
    }

    pub(super) fn bytes(&self) -> [u8; frame::TABLE_END_LEN] {
        let mut bytes = [0; frame::TABLE_END_LEN];
        bytes[..8].copy_from_slice(&self.rows.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.raw_bytes.to_le_bytes());
        bytes[16..].copy_from_slice(&self.hash.to_le_bytes());
        bytes
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ArchiveError> {
    serde_json::to_vec(value).map_err(|error| unfit(error.to_string()))
}

fn unfit(what: impl Into<String>) -> ArchiveError {
    ArchiveError::Unfit { what: what.into() }
}
