//! Bytes -> a frame's header with all its limits checked, and the chain of hashes.

use super::ArchiveError;

/// Not text, and damaged at once by whatever changes line ends or drops the eighth bit.
pub(super) const MAGIC: [u8; 8] = *b"\x89TNDM\r\n\x1a";
pub(super) const PREAMBLE_LEN: usize = 12;
pub(super) const HEADER_LEN: usize = 41;

/// Raw bytes of a frame that the reader accepts.
pub(super) const MAX_RAW: usize = 4 << 20;
/// Raw bytes of a frame that the writer makes. Larger frames pack no better and cost memory on each lane.
pub(super) const FRAME_RAW: usize = 1 << 20;
/// JSON of manifest or end record.
pub(super) const MAX_RECORD: usize = 16 << 20;
/// A packed frame may grow by this factor.
pub(super) const MAX_RATIO: usize = 200;

pub(super) const TABLE_LEN: usize = 4;
pub(super) const TABLE_END_LEN: usize = 32;

pub(super) type Hash = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Manifest = 1,
    Table = 2,
    Rows = 3,
    Packed = 4,
    TableEnd = 5,
    End = 6,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) payload_len: usize,
    pub(super) raw_len: usize,
    pub(super) hash: Hash,
}

impl Header {
    /// Refuses every length that is not plausible for the kind, before anybody makes room for it.
    pub(super) fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, String> {
        let kind = match bytes[0] {
            1 => Kind::Manifest,
            2 => Kind::Table,
            3 => Kind::Rows,
            4 => Kind::Packed,
            5 => Kind::TableEnd,
            6 => Kind::End,
            other => return Err(format!("there is no frame of kind {other}")),
        };
        let payload_len = number(bytes, 1) as usize;
        let raw_len = number(bytes, 5) as usize;
        let plausible = match kind {
            Kind::Manifest | Kind::End => payload_len == raw_len && (1..=MAX_RECORD).contains(&raw_len),
            Kind::Table => payload_len == raw_len && raw_len == TABLE_LEN,
            Kind::Rows => payload_len == raw_len && (1..=MAX_RAW).contains(&raw_len),
            Kind::Packed => raw_len <= MAX_RAW && payload_len < raw_len && raw_len <= payload_len * MAX_RATIO,
            Kind::TableEnd => payload_len == raw_len && raw_len == TABLE_END_LEN,
        };
        if !plausible {
            return Err(format!(
                "a frame of {payload_len} bytes that stand for {raw_len} is not possible here"
            ));
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[9..]);
        Ok(Self { kind, payload_len, raw_len, hash })
    }

    pub(super) fn bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..9].copy_from_slice(&self.prefix());
        bytes[9..].copy_from_slice(&self.hash);
        bytes
    }

    /// Completes a header: the frame follows the one whose hash is `previous`.
    pub(super) fn chained(mut self, previous: &Hash, payload: &Hash) -> Self {
        self.hash = self.expected(previous, payload);
        self
    }

    pub(super) fn check(&self, previous: &Hash, payload: &[u8]) -> Result<(), String> {
        if self.expected(previous, blake3::hash(payload).as_bytes()) == self.hash {
            Ok(())
        } else {
            Err("the frame's hash does not fit".into())
        }
    }

    fn expected(&self, previous: &Hash, payload: &Hash) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(previous).update(&self.prefix()).update(payload);
        hasher.finalize().into()
    }

    fn prefix(&self) -> [u8; 9] {
        let mut prefix = [self.kind as u8; 9];
        prefix[1..5].copy_from_slice(&small(self.payload_len).to_le_bytes());
        prefix[5..].copy_from_slice(&small(self.raw_len).to_le_bytes());
        prefix
    }
}

pub(super) fn preamble() -> [u8; PREAMBLE_LEN] {
    let mut bytes = [0; PREAMBLE_LEN];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(&super::FORMAT.to_le_bytes());
    bytes
}

pub(super) fn check_preamble(bytes: &[u8; PREAMBLE_LEN]) -> Result<(), ArchiveError> {
    if bytes[..8] != MAGIC {
        return Err(damaged(0, "this is not an archive of Tandem"));
    }
    match number(bytes, 8) {
        super::FORMAT => Ok(()),
        found => Err(ArchiveError::Format { found }),
    }
}

pub(super) fn damaged(offset: u64, what: impl Into<String>) -> ArchiveError {
    ArchiveError::Damaged { offset, what: what.into() }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn small(len: usize) -> u32 {
    u32::try_from(len).expect("a frame is checked to be small before it gets a header")
}
