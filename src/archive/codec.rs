//! The heavy work on one frame of rows, done on blocking threads: pack or unpack it, hash it, count its rows.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use super::copy_text::Malformed;
use super::digest::{ColumnOrder, TableHasher};
use super::frame::{HEADER_LEN, Hash, Header, Kind, MAX_RATIO};
use super::writer::Compression;

/// How many frames are worked on at once. More than the cores can do only costs memory.
pub(super) fn lanes() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().min(6) + 1)
}

/// Contexts of zstd, kept because making one costs more than packing a small frame.
#[derive(Default)]
pub(super) struct Codec {
    packers: Mutex<Vec<Compressor<'static>>>,
    unpackers: Mutex<Vec<Decompressor<'static>>>,
}

/// Rows and what is known of them once they have been looked at apart from their neighbours.
pub(super) struct Looked {
    pub(super) raw: Bytes,
    /// Rows and hash, if the frame begins and ends where rows do; the beginning only its neighbour knows.
    alone: Option<Result<(u64, u128), Malformed>>,
}

/// A frame but for its place in the chain.
pub(super) struct Packed {
    pub(super) header: Header,
    pub(super) payload_hash: Hash,
    /// Room for the header, then the payload.
    pub(super) frame: Vec<u8>,
    pub(super) rows: Looked,
}

impl Codec {
    pub(super) fn pack(
        &self,
        raw: Bytes,
        order: Arc<ColumnOrder>,
        compression: Compression,
    ) -> io::Result<Packed> {
        let packed = match compression {
            Compression::Zstd(level) => self.compress(&raw, level)?,
            Compression::Stored => None,
        };
        let kind = if packed.is_some() { Kind::Packed } else { Kind::Rows };
        let frame = packed.unwrap_or_else(|| {
            let mut frame = Vec::with_capacity(HEADER_LEN + raw.len());
            frame.resize(HEADER_LEN, 0);
            frame.extend_from_slice(&raw);
            frame
        });
        let payload = &frame[HEADER_LEN..];
        let header = Header { kind, payload_len: payload.len(), raw_len: raw.len(), hash: [0; 32] };
        let payload_hash = blake3::hash(payload).into();
        Ok(Packed { header, payload_hash, rows: Looked::at(raw, order), frame })
    }

    /// Checks the frame against the hash of the one before it, and only then unpacks it.
    pub(super) fn unpack(
        &self,
        header: &Header,
        payload: Bytes,
        previous: &Hash,
        order: Arc<ColumnOrder>,
    ) -> Result<Looked, String> {
        header.check(previous, &payload)?;
        let raw =
            if header.kind == Kind::Packed { self.decompress(&payload, header.raw_len)? } else { payload };
        Ok(Looked::at(raw, order))
    }

    /// None when it does not get smaller.
    fn compress(&self, raw: &[u8], level: i32) -> io::Result<Option<Vec<u8>>> {
        let mut packer = match take(&self.packers) {
            Some(packer) => packer,
            None => Compressor::new(level)?,
        };
        let mut frame = vec![0; HEADER_LEN + zstd::zstd_safe::compress_bound(raw.len())];
        let len = packer.compress_to_buffer(raw, &mut frame[HEADER_LEN..])?;
        put(&self.packers, packer);
        frame.truncate(HEADER_LEN + len);
        fill_up(&mut frame, raw.len());
        Ok((frame.len() - HEADER_LEN < raw.len()).then_some(frame))
    }

    fn decompress(&self, payload: &[u8], raw_len: usize) -> Result<Bytes, String> {
        let mut unpacker = match take(&self.unpackers) {
            Some(unpacker) => unpacker,
            None => Decompressor::new().map_err(|error| error.to_string())?,
        };
        // zstd never writes beyond the capacity, whatever the payload says of itself.
        let mut raw = Vec::with_capacity(raw_len);
        let unpacked = unpacker.decompress_to_buffer(payload, &mut raw);
        put(&self.unpackers, unpacker);
        match unpacked {
            Ok(len) if len == raw_len => Ok(Bytes::from(raw)),
            Ok(len) => Err(format!("the frame holds {len} bytes and claims {raw_len}")),
            Err(error) => Err(format!("the frame cannot be unpacked: {error}")),
        }
    }
}

impl Looked {
    fn at(raw: Bytes, order: Arc<ColumnOrder>) -> Self {
        let alone = raw.ends_with(b"\n").then(|| {
            let mut hasher = TableHasher::with_order(order);
            hasher.update(&raw)?;
            Ok(hasher.finish())
        });
        Self { raw, alone }
    }

    /// Adds the frame to what came before it. Only a row that spans frames is hashed here, on the caller's thread: it
    /// needs what its earlier frames left, and costs less than a millisecond a frame.
    pub(super) fn add_to(&self, table: &mut TableHasher) -> Result<(), Malformed> {
        match self.alone {
            Some(alone) if table.is_at_row_end() => {
                let (rows, hash) = alone?;
                table.add(rows, hash);
                Ok(())
            }
            _ => table.update(&self.raw),
        }
    }
}

/// Makes a frame that shrank beyond measure long enough for the reader's limit, with a part that zstd skips. Only a
/// table whose rows are all the same gets here, and it still travels at a 200th of its size.
fn fill_up(frame: &mut Vec<u8>, raw_len: usize) {
    const SKIPPABLE: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();
    let missing = raw_len.div_ceil(MAX_RATIO).saturating_sub(frame.len() - HEADER_LEN);
    if missing == 0 {
        return;
    }
    let filler = u32::try_from(missing.saturating_sub(8)).expect("a frame is small");
    frame.extend_from_slice(&SKIPPABLE);
    frame.extend_from_slice(&filler.to_le_bytes());
    frame.resize(frame.len() + filler as usize, 0);
}

fn take<T>(pool: &Mutex<Vec<T>>) -> Option<T> {
    pool.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn put<T>(pool: &Mutex<Vec<T>>, context: T) {
    pool.lock().unwrap_or_else(PoisonError::into_inner).push(context);
}
