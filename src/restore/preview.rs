//! Staged rows -> what a merge would do, without a write.

use super::{Plan, RestoreError, Staged};
use crate::database::{Foreseen, Met};
use crate::model::{
    Change, ConflictPolicy, DeletePolicy, RowErrors, Step, SyncOptions, TablePreview, TableState,
};
use crate::progress::Progress;

/// Rows that are shown of each kind and table.
const SHOWN: u32 = 5;
/// And of all tables together.
const SHOWN_IN_ALL: usize = 500;

/// What each table of the plan would come to, and the rows that the target would refuse; with `isolate` these are left
/// out.
pub(crate) async fn preview(
    plan: &Plan,
    staged: &mut Staged,
    options: &SyncOptions,
    progress: &Progress,
) -> Result<(Vec<TablePreview>, Vec<Foreseen>), RestoreError> {
    let (mut tables, mut shown, mut replaced) = (Vec::new(), 0, Vec::new());
    let unfit = plan.incoming.iter().zip(&staged.unfit).filter_map(|(incoming, rows)| {
        let first = rows.first()?;
        let (table, why) = (incoming.table.name.display(), first.reason.clone());
        Some(Foreseen { table, rows: rows.len() as u64, why, first: Vec::new(), is_left_out: true })
    });
    let mut foreseen: Vec<Foreseen> = unfit.collect();
    let mirrors = options.deletes == DeletePolicy::Mirror;
    let isolate = options.row_errors == RowErrors::Isolate;
    let met = match options.conflicts {
        ConflictPolicy::Skip | ConflictPolicy::Target => Met::LeftOut,
        ConflictPolicy::Abort if isolate => Met::LeftOut,
        ConflictPolicy::Abort => Met::Refused,
        ConflictPolicy::Source => Met::Replaces,
    };
    if met == Met::LeftOut {
        // Nothing can meet rows that go.
        let keeps = |index: &usize| !mirrors || !staged.unfit[*index].is_empty();
        let keeping: Vec<usize> = plan.order.iter().copied().filter(keeps).collect();
        let policy = match options.conflicts {
            ConflictPolicy::Target => ConflictPolicy::Target,
            _ => ConflictPolicy::Skip,
        };
        staged.staging.resolve(&keeping, policy).await?;
    }
    foreseen.extend(staged.staging.foresee(&plan.order, mirrors, isolate).await?);
    for &index in &plan.order {
        let most = if shown < SHOWN_IN_ALL { SHOWN } else { 0 };
        let unfit = staged.unfit[index].len() as u64;
        // Which row of the target one that does not fit belongs to is not known, so none goes.
        let mirror = mirrors && unfit == 0;
        let table = staged.staging.preview(index, staged.sums[index].0 - unfit, most, mirror, met).await?;
        progress.table(index, |status| {
            status.state = TableState::Staged;
            (status.inserted, status.updated, status.deleted) =
                (table.inserted, table.updated, table.deleted);
            (status.unchanged, status.target_only) = (table.unchanged, table.target_only);
        });
        shown += table.rows.len();
        if met == Met::Replaces && table.conflicts > 0 {
            replaced.push(index);
        }
        tables.push(table);
    }
    let own = if replaced.is_empty() { Vec::new() } else { staged.staging.repointed(&replaced).await? };
    for rows in own {
        let place = plan.order.iter().position(|&index| index == rows.index);
        if let Some(table) = place.and_then(|place| tables.get_mut(place)) {
            table.updated += rows.updated;
            table.deleted += rows.deleted;
            table.target_only = table.target_only.saturating_sub(rows.deleted);
            if rows.deleted > 0 {
                // Which of the rows shown these are is not known.
                table.rows.retain(|row| row.change != Change::Keep);
            }
            progress.table(rows.index, |status| {
                (status.updated, status.deleted) = (table.updated, table.deleted);
                status.target_only = table.target_only;
            });
        }
    }
    progress.info(Step::Convert, "Counted what would be written; nothing was");
    Ok((tables, foreseen))
}
