//! Staged rows -> what a merge would do, without a write.

use super::{Plan, RestoreError, Staged};
use crate::model::{Change, DeletePolicy, Step, TablePreview, TableState};
use crate::progress::Progress;

/// Rows that are shown of each kind and table.
const SHOWN: u32 = 5;
/// And of all tables together.
const SHOWN_IN_ALL: usize = 500;

/// What each table of the plan would come to.
pub(crate) async fn preview(
    plan: &Plan,
    staged: &mut Staged,
    deletes: DeletePolicy,
    progress: &Progress,
) -> Result<Vec<TablePreview>, RestoreError> {
    let (mut tables, mut shown) = (Vec::new(), 0);
    for &index in &plan.order {
        let most = if shown < SHOWN_IN_ALL { SHOWN } else { 0 };
        let mut table = staged.staging.preview(index, staged.sums[index].0, most).await?;
        match deletes {
            DeletePolicy::Keep => keep(&mut table),
            DeletePolicy::Mirror => mirror(&mut table),
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
    Ok(tables)
}

fn keep(table: &mut TablePreview) {
    for row in table.rows.iter_mut().filter(|row| row.change == Change::Delete) {
        row.change = Change::Keep;
    }
}

/// Rows that only the target has go first, so that no incoming row can meet one.
fn mirror(table: &mut TablePreview) {
    (table.deleted, table.target_only, table.conflicts) = (table.target_only, 0, 0);
    table.rows.retain(|row| row.change != Change::Conflict);
}
