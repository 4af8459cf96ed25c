//! Rows that a sync leaves out: what they were and why, and their part in the proof.

use super::merge::hashed;
use super::{Plan, RestoreError};
use crate::archive::RowHasher;
use crate::database::{LeftOut, Merge};
use crate::model::{SessionId, SetAside};
use crate::store::Store;

/// The rows of one table that were left out.
#[derive(Debug, Default)]
pub(crate) struct LeftOuts {
    pub rows: Vec<LeftOut>,
    /// The sum of their hashes.
    pub hash: u128,
}

impl LeftOuts {
    pub(crate) fn count(&self) -> u64 {
        self.rows.len() as u64
    }
}

/// Gathers what was left out of every table, `unfit` rows that did not even fit into the staging tables among them, and
/// keeps it until `until_us`. Returns one for each table of the plan.
pub(super) async fn gather(
    transaction: &mut dyn Merge,
    plan: &Plan,
    unfit: &[Vec<LeftOut>],
    session: &SessionId,
    until_us: i64,
) -> Result<Vec<LeftOuts>, RestoreError> {
    let mut all = Vec::with_capacity(plan.incoming.len());
    for (index, incoming) in plan.incoming.iter().enumerate() {
        let name = &incoming.table.name;
        let unreadable = |cause: &dyn std::fmt::Display| RestoreError::Unreadable {
            table: name.clone(),
            reason: cause.to_string(),
        };
        let mut left_out = LeftOuts { rows: transaction.left_out(index).await?, hash: 0 };
        if !left_out.rows.is_empty() {
            (_, left_out.hash) = hashed(transaction.left_out_rows(index).await?, incoming).await?;
        }
        let mut hasher = RowHasher::new(&incoming.columns);
        for row in &unfit[index] {
            let hash = hasher.hash(row.image.as_bytes()).map_err(|cause| unreadable(&cause))?;
            left_out.hash = left_out.hash.wrapping_add(hash);
            left_out.rows.push(row.clone());
        }
        for row in &left_out.rows {
            let statement = Store::quarantine(session, &name.to_string(), row, until_us);
            transaction.execute(statement).await?;
        }
        all.push(left_out);
    }
    Ok(all)
}

/// For people: the first `most` of them.
pub(crate) fn shown(plan: &Plan, left_out: &[LeftOuts], most: usize) -> Vec<SetAside> {
    let tables = plan.incoming.iter().zip(left_out);
    let rows = tables.flat_map(|(incoming, left_out)| {
        left_out.rows.iter().map(|row| SetAside {
            table: incoming.table.name.display(),
            row: row.row.clone(),
            sqlstate: row.sqlstate.clone(),
            reason: row.reason.clone(),
        })
    });
    rows.take(most).collect()
}
