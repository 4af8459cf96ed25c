//! Only some of the rows that differ, as somebody has chosen them in a preview.

use super::{Plan, RestoreError, Staged, Stays};
use crate::catalog::Table;
use crate::compare::Stayed;
use crate::database::Surplus;
use crate::model::ChosenRow;

/// Drops every staged row that was not chosen. Refuses, with all of them, chosen rows that neither side has. After a
/// delta it is known what `stays`, and the `equal` tables are those of which nothing came.
pub(crate) async fn choose(
    plan: &Plan,
    staged: &mut Staged,
    (stays, equal): (Option<&Stays>, &[Stayed]),
    chosen: &[ChosenRow],
) -> Result<(), RestoreError> {
    let incoming = plan.incoming.iter().map(|incoming| &incoming.table);
    let tables: Vec<&Table> = incoming.chain(equal.iter().map(|((table, _), _)| table)).collect();
    let names: Vec<String> = tables.iter().map(|table| table.name.display()).collect();
    let unknown = chosen.iter().filter(|row| !names.contains(&row.table));
    let mut reasons: Vec<String> =
        unknown.map(|row| format!("no table {} is part of this sync", row.table)).collect();
    let mut keys = vec![Vec::new(); tables.len()];
    for ((table, name), keys) in tables.iter().zip(&names).zip(&mut keys) {
        for row in chosen.iter().filter(|row| row.table == *name) {
            let (named, key) = (row.key.join(", "), table.key());
            if key.is_empty() || key.len() != row.key.len() {
                reasons
                    .push(format!("a row of {name} is named by ({named}), its key is ({})", key.join(", ")));
            } else {
                keys.push(row.key.clone());
            }
        }
        if !keys.is_empty() {
            let unknown = staged.staging.unknown(table, keys).await?;
            reasons.extend(
                unknown.iter().map(|key| format!("neither side has row ({}) of {name}", key.join(", "))),
            );
        }
    }
    if !reasons.is_empty() {
        return Err(RestoreError::Chosen { reasons });
    }
    for (index, keys) in keys.iter().take(plan.incoming.len()).enumerate() {
        let is_part = stays.is_some_and(|stays| stays.tables[index].is_some());
        let surplus = if is_part { Surplus::Known } else { Surplus::Sought };
        staged.staging.choose(index, keys, surplus).await?;
    }
    Ok(())
}
