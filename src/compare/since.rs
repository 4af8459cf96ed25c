//! Tables that were read before and have been written to since -> their digests now, without reading all of them again.
//!
//! A row keeps its version until it is written, and the database can tell which versions are newer than a reading. What
//! the reading saw and nobody was to touch, and what has been written since, are together the whole table when its rows
//! are as many: then their hashes add up to its hash.

use futures::FutureExt;

use super::{Selected, each, sum, with_and_without};
use crate::database::{DatabaseError, Moment, Snapshot};
use crate::model::TableDigest;

/// A table, and the digest of those rows of an earlier reading that have stayed.
pub(crate) type Stayed = (Selected, TableDigest);

/// The digests, and how many rows were read for them. None for a table to which something else has happened too: it is
/// to be read whole.
pub(crate) async fn digests_since(
    snapshot: &dyn Snapshot,
    moment: &Moment,
    tables: &[Stayed],
) -> Result<Vec<(Option<TableDigest>, u64)>, DatabaseError> {
    let rows = |(_, stayed): &Stayed| stayed.rows;
    each(snapshot, tables, rows, |table| digest_since(snapshot, moment, table).boxed()).await
}

async fn digest_since(
    snapshot: &dyn Snapshot,
    moment: &Moment,
    ((table, columns), stayed): &Stayed,
) -> Result<(Option<TableDigest>, u64), DatabaseError> {
    let written = async { sum(snapshot.written_since(moment, table, columns).await?, table, columns).await };
    let (rows, written) = tokio::try_join!(snapshot.count(table), written)?;
    let digest = with_and_without(stayed, written, (0, 0)).filter(|digest| digest.rows == rows);
    Ok((digest, written.0))
}
