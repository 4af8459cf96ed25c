//! Staged rows -> what a merge would do, without a write.

use super::{Plan, RestoreError, Staged};
use crate::database::Foreseen;
use crate::model::{Change, DeletePolicy, Step, TablePreview, TableState};
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
    deletes: DeletePolicy,
    isolate: bool,
    progress: &Progress,
) -> Result<(Vec<TablePreview>, Vec<Foreseen>), RestoreError> {
    let (mut tables, mut shown) = (Vec::new(), 0);
    let unfit = plan.incoming.iter().zip(&staged.unfit).filter_map(|(incoming, rows)| {
        let first = rows.first()?;
        let (table, why) = (incoming.table.name.display(), first.reason.clone());
        Some(Foreseen { table, rows: rows.len() as u64, why, first: Vec::new(), is_left_out: true })
    });
    let mut foreseen: Vec<Foreseen> = unfit.collect();
    let mirrors = deletes == DeletePolicy::Mirror;
    foreseen.extend(staged.staging.foresee(&plan.order, mirrors, isolate).await?);
    for &index in &plan.order {
        let most = if shown < SHOWN_IN_ALL { SHOWN } else { 0 };
        let unfit = staged.unfit[index].len() as u64;
        let mut table = staged.staging.preview(index, staged.sums[index].0 - unfit, most).await?;
        match deletes {
            // Which row of the target one that does not fit belongs to is not known, so none goes.
            DeletePolicy::Mirror if unfit == 0 => mirror(&mut table),
            DeletePolicy::Mirror | DeletePolicy::Keep => keep(&mut table),
        }
        progress.table(index, |status| {
            status.state = TableState::Staged;
            (status.inserted, status.updated, status.deleted) =
                (table.inserted, table.updated, table.deleted);
            (status.unchanged, status.target_only) = (table.unchanged, table.target_only);
        });
        shown += table.rows.len();
        tables.push(table);
    }
    progress.info(Step::Convert, "Counted what would be written; nothing was");
    Ok((tables, foreseen))
}

fn keep(table: &mut TablePreview) {
    table.deleted = 0;
    for row in table.rows.iter_mut().filter(|row| row.change == Change::Delete) {
        row.change = Change::Keep;
    }
}

/// Rows that only the target has go first, so that no incoming row can meet one.
fn mirror(table: &mut TablePreview) {
    table.target_only -= table.deleted;
    table.conflicts = 0;
    table.rows.retain(|row| row.change != Change::Conflict);
}
