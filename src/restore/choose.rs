//! Only some of the rows that differ, as somebody has chosen them in a preview.

use super::{Plan, RestoreError, Staged};
use crate::model::ChosenRow;

/// Drops every staged row that was not chosen.
pub(crate) async fn choose(
    plan: &Plan,
    staged: &mut Staged,
    chosen: &[ChosenRow],
) -> Result<(), RestoreError> {
    let names: Vec<String> = plan.incoming.iter().map(|incoming| incoming.table.name.display()).collect();
    for row in chosen {
        let Some(index) = names.iter().position(|name| *name == row.table) else { continue };
        let key = plan.incoming[index].table.key();
        if key.is_empty() || key.len() != row.key.len() {
            return Err(RestoreError::Rows {
                reasons: vec![format!(
                    "a row of {} is named by ({}), its key is ({})",
                    row.table,
                    row.key.join(", "),
                    key.join(", ")
                )],
            });
        }
    }
    for (index, name) in names.iter().enumerate() {
        let keys = chosen.iter().filter(|row| row.table == *name);
        let keys: Vec<Vec<String>> = keys.map(|row| row.key.clone()).collect();
        staged.staging.choose(index, &keys).await?;
    }
    Ok(())
}
