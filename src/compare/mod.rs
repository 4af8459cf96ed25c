//! Two databases -> which tables are equal: every row read, hashed, and added up in any order.

mod estimate;
mod reading;
mod scratch;
mod since;
mod sketch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};

use crate::archive::{TableHasher, hex};
use crate::catalog::{Table, TableName};
use crate::clock::now_us;
use crate::database::{DatabaseError, RowStream, Snapshot};
use crate::model::{Comparison, Fingerprint, TableDigest};

pub(crate) use estimate::Estimate;
pub(crate) use reading::{ReadingError, Readings};
pub(crate) use since::{Stayed, digests_since};
pub(crate) use sketch::{Difference, Sketch, cells_for};

/// The part of a hash by which the two sides name a row to each other. Two rows that share it are found by the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "[u8; 8]", into = "[u8; 8]")]
pub(crate) struct RowId(u64);

impl RowId {
    fn of(hash: u128) -> Self {
        let [.., a, b, c, d, e, f, g, h] = hash.to_le_bytes();
        [a, b, c, d, e, f, g, h].into()
    }
}

impl From<[u8; 8]> for RowId {
    fn from(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

impl From<RowId> for [u8; 8] {
    fn from(RowId(bits): RowId) -> Self {
        bits.to_le_bytes()
    }
}

/// A set of names: they are hashes already.
pub(crate) type RowIds = HashSet<RowId, BuildHasherDefault<AsItIs>>;

#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, name: u64) {
        self.0 = name;
    }
}

/// The n-th of so many parts of all rows.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Slice {
    pub(crate) n: u64,
    pub(crate) of: u64,
}

impl Slice {
    fn holds(self, RowId(bits): RowId) -> bool {
        bits % self.of.max(1) == self.n
    }
}

/// A table and the columns that count, in the order of their names.
pub(crate) type Selected = (Table, Vec<String>);

/// That is the order in which the fields of a row are hashed: read so, none has to be moved.
pub(crate) fn selected(table: &Table, mut columns: Vec<String>) -> Selected {
    columns.sort_unstable();
    (table.clone(), columns)
}

/// Digests of whole tables as the snapshot sees them, in the order of `tables`. Constant memory. `done` is called
/// after each table.
pub(crate) async fn digests(
    snapshot: &dyn Snapshot,
    tables: &[Selected],
    done: impl Fn(usize) + Sync,
) -> Result<Vec<TableDigest>, DatabaseError> {
    let finished = AtomicUsize::new(0);
    each(snapshot, tables, size, |(table, columns)| {
        let (finished, done) = (&finished, &done);
        async move {
            let digest = digest(snapshot, table, columns).await?;
            done(finished.fetch_add(1, Ordering::Relaxed) + 1);
            Ok(digest)
        }
        .boxed()
    })
    .await
}

/// What `read` makes of each of `tables`, in their order. As many are read at a time as pays, and the largest first, so
/// that none of them is left alone for the end.
async fn each<'a, I, T, E>(
    snapshot: &dyn Snapshot,
    tables: &'a [I],
    size: fn(&I) -> u64,
    read: impl Fn(&'a I) -> BoxFuture<'a, Result<T, E>>,
) -> Result<Vec<T>, E> {
    let mut places: Vec<usize> = (0..tables.len()).collect();
    places.sort_by_key(|place| Reverse(size(&tables[*place])));
    let reads = places.into_iter().map(|place| read(&tables[place]).map_ok(move |made| (place, made)));
    let reads: Vec<_> = reads.collect();
    let mut made: Vec<(usize, T)> =
        stream::iter(reads).buffer_unordered(snapshot.readers()).try_collect().await?;
    made.sort_unstable_by_key(|(place, _)| *place);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}

/// About how many rows there are.
fn size((table, _): &Selected) -> u64 {
    table.estimated_rows
}

async fn digest(
    snapshot: &dyn Snapshot,
    table: &Table,
    columns: &[String],
) -> Result<TableDigest, DatabaseError> {
    let (rows, hash) = sum(snapshot.rows(table, columns).await?, table, columns).await?;
    Ok(TableDigest { name: table.name.to_string(), rows, hash: hex(hash) })
}

/// How many rows there are, and the sum of their hashes.
async fn sum(mut rows: RowStream, table: &Table, columns: &[String]) -> Result<(u64, u128), DatabaseError> {
    let mut hasher = TableHasher::new(columns);
    while let Some(chunk) = rows.try_next().await? {
        hasher.update(&chunk).map_err(|cause| unreadable(&table.name, &cause))?;
    }
    Ok(hasher.finish())
}

fn unreadable(table: &TableName, cause: &impl fmt::Display) -> DatabaseError {
    DatabaseError::Statement {
        what: format!("read the rows of {table}"),
        reason: cause.to_string(),
        sqlstate: String::new(),
    }
}

/// Every table with the columns that a sync moves: a comparison and the end of a sync give the same digests.
pub(crate) fn everything(snapshot: &dyn Snapshot) -> Vec<Selected> {
    snapshot.catalog().tables.iter().map(|table| selected(table, table.stored_columns())).collect()
}

/// The digest that a table has with `more` rows and without `less`, each with the sum of their hashes. None when
/// `table`'s own hash is none.
pub(crate) fn with_and_without(
    table: &TableDigest,
    more: (u64, u128),
    less: (u64, u128),
) -> Option<TableDigest> {
    let sum = u128::from_str_radix(&table.hash, 16).ok()?.wrapping_add(more.1).wrapping_sub(less.1);
    let rows = (table.rows + more.0).checked_sub(less.0)?;
    Some(TableDigest { name: table.name.clone(), rows, hash: hex(sum) })
}

/// The tables that differ, or that only one side has.
pub(crate) fn differing(local: &[TableDigest], remote: &[TableDigest]) -> Vec<String> {
    let mut sides: BTreeMap<&str, [Option<&TableDigest>; 2]> = BTreeMap::new();
    for (side, digests) in [local, remote].into_iter().enumerate() {
        for digest in digests {
            sides.entry(&digest.name).or_default()[side] = Some(digest);
        }
    }
    sides
        .into_iter()
        .filter(|(_, [local, remote])| local != remote)
        .map(|(name, _)| name.to_owned())
        .collect()
}

pub(crate) fn compare(peer: &str, local: &[TableDigest], remote: &[TableDigest]) -> Comparison {
    let at_us = now_us();
    Comparison {
        peer: peer.to_owned(),
        at_us,
        local: fingerprint(local, at_us),
        remote: fingerprint(remote, at_us),
        differing: differing(local, remote),
    }
}

/// See [`Fingerprint`] for the rule.
pub(crate) fn fingerprint(digests: &[TableDigest], at_us: i64) -> Fingerprint {
    const LANES: usize = 16;
    let mut sorted: Vec<&TableDigest> = digests.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut lanes: [Option<blake3::Hasher>; LANES] = Default::default();
    for (place, digest) in sorted.iter().enumerate() {
        let lane = if sorted.len() <= LANES {
            place
        } else {
            usize::from(blake3::hash(digest.name.as_bytes()).as_bytes()[0]) % LANES
        };
        lanes[lane]
            .get_or_insert_default()
            .update(format!("{} {} {}\n", digest.name, digest.rows, digest.hash).as_bytes());
    }
    let digit = |lane: &Option<blake3::Hasher>| match lane {
        Some(hasher) => char::from_digit(u32::from(hasher.finalize().as_bytes()[0] >> 4), 16).unwrap_or('0'),
        None => '0',
    };
    Fingerprint {
        lanes: lanes.iter().map(digit).collect(),
        tables: digests.len() as u64,
        rows: digests.iter().map(|digest| digest.rows).sum(),
        at_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str, rows: u64, hash: &str) -> TableDigest {
        TableDigest { name: name.to_owned(), rows, hash: hash.to_owned() }
    }

    #[test]
    fn a_changed_a_missing_and_an_extra_table_differ() {
        let local = [digest("a", 1, "x"), digest("b", 1, "x"), digest("c", 1, "x")];
        let remote = [digest("b", 1, "y"), digest("c", 1, "x"), digest("d", 1, "x")];
        assert_eq!(differing(&local, &remote), ["a", "b", "d"]);
        assert!(differing(&local, &local).is_empty());
    }

    #[test]
    fn each_of_a_few_tables_has_a_lane_of_its_own() {
        let mut digests: Vec<_> = (0..16).map(|n| digest(&format!("t{n:02}"), n, "x")).collect();
        let before = fingerprint(&digests, 0);
        digests[3].rows = 99;
        let after = fingerprint(&digests, 0);
        let changed = before.lanes.chars().zip(after.lanes.chars()).filter(|(a, b)| a != b).count();
        assert!(changed <= 1);
        assert_eq!(before.lanes.len(), 16);
        assert_eq!(fingerprint(&[digests[1].clone(), digests[0].clone()], 0), fingerprint(&digests[..2], 0));
    }
}
