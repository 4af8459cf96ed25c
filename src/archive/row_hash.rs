//! Rows -> the sum of their hashes, many rows at a time.
//!
//! A row is short, and BLAKE3 of something short keeps most of a core idle. The instructions that BLAKE3 has for long
//! inputs take as many rows at once, if these are equally long: so a row is filled up with newlines to whole blocks of
//! 64 bytes, at least by the one that ends it, and rows of the same number of blocks wait for each other. That is three
//! times as fast, and still `blake3::hash` of each filled-up row.
//!
//! `blake3::platform` is public and not promised to stay. Should it go, `blake3::hash` of each filled-up row takes its
//! place; the tests compare the two, so a change of meaning cannot pass either.

use blake3::IncrementCounter;
use blake3::platform::Platform;

pub(super) const BLOCK: usize = 64;
const LANES: usize = 16;

/// BLAKE3's start value and the flags of an input that fits into one chunk, from its specification.
const IV: [u32; 8] =
    [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19];
const CHUNK_START: u8 = 1;
const CHUNK_END_AND_ROOT: u8 = 2 | 8;

/// Adds up rows; what waits is counted when the sum is asked for.
#[derive(Debug)]
pub(super) struct RowSum {
    sum: u128,
    platform: Platform,
    /// Rows of one block, of two, and so on; longer ones do not wait.
    waiting: [Vec<u8>; 4],
    long: Vec<u8>,
    /// The hash of each row in the rows' order, when they are wanted.
    kept: Option<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    hashes: Vec<u128>,
    /// Where the hashes of the rows belong that wait.
    places: [Vec<usize>; 4],
}

impl RowSum {
    pub(super) fn new() -> Self {
        Self {
            sum: 0,
            platform: Platform::detect(),
            waiting: Default::default(),
            long: Vec::new(),
            kept: None,
        }
    }

    pub(super) fn keeping_hashes() -> Self {
        Self { kept: Some(Kept::default()), ..Self::new() }
    }

    /// Adds the row that `write` appends, `len` bytes long.
    pub(super) fn add_row(&mut self, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let blocks = len / BLOCK + 1;
        let Some(waiting) = self.waiting.get_mut(blocks - 1) else {
            self.long.clear();
            write(&mut self.long);
            self.long.resize(blocks * BLOCK, b'\n');
            self.add(first_half(blake3::hash(&self.long).as_bytes()));
            return;
        };
        let end = waiting.len() + blocks * BLOCK;
        write(waiting);
        waiting.resize(end, b'\n');
        if let Some(kept) = &mut self.kept {
            kept.places[blocks - 1].push(kept.hashes.len());
            kept.hashes.push(0);
        }
        if end == LANES * blocks * BLOCK {
            self.flush(blocks);
        }
    }

    /// Adds one row by its hash.
    pub(super) fn add(&mut self, hash: u128) {
        self.add_sum(hash);
        if let Some(kept) = &mut self.kept {
            kept.hashes.push(hash);
        }
    }

    /// Adds many rows that were hashed apart.
    pub(super) fn add_sum(&mut self, sum: u128) {
        self.sum = self.sum.wrapping_add(sum);
    }

    pub(super) fn total(&mut self) -> u128 {
        for blocks in 1..=self.waiting.len() {
            self.flush(blocks);
        }
        self.sum
    }

    /// Of the rows since the last time, in their order. Nothing waits any more.
    pub(super) fn take_hashes(&mut self) -> Vec<u128> {
        self.total();
        self.kept.as_mut().map(|kept| std::mem::take(&mut kept.hashes)).unwrap_or_default()
    }

    fn flush(&mut self, blocks: usize) {
        let rows = std::mem::take(&mut self.waiting[blocks - 1]);
        let mut hashes = [0; LANES * 32];
        let count = hash_equal(&self.platform, blocks, &rows, &mut hashes);
        let (hashes, _) = hashes.as_chunks::<32>();
        for (at, hash) in hashes[..count].iter().map(first_half).enumerate() {
            self.add_sum(hash);
            if let Some(kept) = &mut self.kept {
                kept.hashes[kept.places[blocks - 1][at]] = hash;
            }
        }
        if let Some(kept) = &mut self.kept {
            kept.places[blocks - 1].clear();
        }
        self.waiting[blocks - 1] = rows;
        self.waiting[blocks - 1].clear();
    }
}

/// The part of a hash that counts.
pub(super) fn first_half(hash: &[u8; 32]) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    u128::from_le_bytes(half)
}

/// Hashes up to [`LANES`] rows of so many blocks. Returns how many.
fn hash_equal(platform: &Platform, blocks: usize, rows: &[u8], hashes: &mut [u8; LANES * 32]) -> usize {
    match blocks {
        1 => hash_blocks::<{ BLOCK }>(platform, rows, hashes),
        2 => hash_blocks::<{ 2 * BLOCK }>(platform, rows, hashes),
        3 => hash_blocks::<{ 3 * BLOCK }>(platform, rows, hashes),
        _ => hash_blocks::<{ 4 * BLOCK }>(platform, rows, hashes),
    }
}

fn hash_blocks<const LEN: usize>(platform: &Platform, rows: &[u8], hashes: &mut [u8; LANES * 32]) -> usize {
    let (rows, _) = rows.as_chunks::<LEN>();
    let mut inputs = [&[0; LEN]; LANES];
    for (input, row) in inputs.iter_mut().zip(rows) {
        *input = row;
    }
    platform.hash_many(
        &inputs[..rows.len()],
        &IV,
        0,
        IncrementCounter::No,
        0,
        CHUNK_START,
        CHUNK_END_AND_ROOT,
        hashes,
    );
    rows.len()
}
