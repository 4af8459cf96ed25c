//! Two definitions of one table -> what its columns make impossible, and what they only make worth saying.

use super::Finding;
use super::widening::widens;
use crate::catalog::{Column, Table};

/// Columns by which programs tell which of two rows is newer.
const CHANGED_AT: [&str; 6] =
    ["updated_at", "modified_at", "changed_at", "last_update", "last_updated", "last_modified"];

pub(super) fn drift(source: &Table, target: &Table, found: &mut Vec<Finding>) {
    let missing: Vec<&Column> = absent(source, target).filter(|column| !column.generated).collect();
    let extra: Vec<&Column> = absent(target, source).filter(|column| !column.generated).collect();
    for column in &source.columns {
        if let Some(other) = target.column(&column.name) {
            column_drift(source, column, other, found);
        }
        if column.type_name.starts_with("timestamp")
            && column.type_name.ends_with("without time zone")
            && CHANGED_AT.contains(&column.name.as_str())
        {
            found.push(Finding::warn(format!(
                "Column {}.{} has no time zone: servers in different zones write different moments into it.",
                source.name, column.name
            )));
        }
    }
    for column in &missing {
        let renamed = extra.iter().find(|other| other.type_name == column.type_name);
        found.push(Finding::block(
            format!("Column {}.{} does not exist on the target.", source.name, column.name),
            match renamed {
                Some(other) => format!(
                    "If it is {} there under another name: alter table {} rename column {} to {}",
                    other.name, source.name, other.name, column.name
                ),
                None => format!(
                    "Add it there (alter table {0} add column {1} {2}), let Tandem do it (option additive), or leave it out of the sync (scope.without_columns: {0}.{1}).",
                    source.name, column.name, column.type_name
                ),
            },
        ));
    }
    for column in extra.iter().filter(|column| column.identity.is_none()) {
        let text = format!("Column {}.{} does not come from the source", target.name, column.name);
        found.push(if column.not_null && !column.has_default {
            Finding::block(
                format!("{text}, and new rows need a value for it."),
                format!("Give {}.{} a default on the target, or drop NOT NULL.", target.name, column.name),
            )
        } else {
            Finding::warn(format!("{text}: existing rows keep their value, new rows get the default."))
        });
    }
}

fn absent<'a>(here: &'a Table, there: &'a Table) -> impl Iterator<Item = &'a Column> {
    here.columns.iter().filter(|column| there.column(&column.name).is_none())
}

fn column_drift(table: &Table, source: &Column, target: &Column, found: &mut Vec<Finding>) {
    let label = format!("{}.{}", table.name, source.name);
    if source.generated != target.generated {
        let (computed, plain) = if source.generated { ("source", "target") } else { ("target", "source") };
        found.push(Finding::block(
            format!("Column {label} is computed on the {computed} and a plain column on the {plain}."),
            format!("Define {label} the same way on both sides."),
        ));
    } else if source.type_name != target.type_name {
        let types = (&source.type_name, &target.type_name);
        found.push(if widens(types.0, types.1) {
            Finding::warn(format!(
                "Column {label} is {} on the source and the wider {} on the target.",
                types.0, types.1
            ))
        } else {
            Finding::block(
                format!("Column {label} is {} on the source and {} on the target.", types.0, types.1),
                format!("Change the type of {label} on one side."),
            )
        });
    } else if let (Some(theirs), Some(ours)) = (&source.expression, &target.expression)
        && theirs != ours
    {
        // Equal rows would get different values, and nothing that is compared would tell.
        found.push(Finding::block(
            format!("Column {label} is computed by {theirs} on the source and by {ours} on the target."),
            format!("Give {label} the same expression on both sides."),
        ));
    } else {
        let others = source.functions.iter().filter(|(name, body)| target.functions.get(*name) != Some(body));
        found.extend(others.map(|(name, _)| {
            Finding::block(
                format!("Column {label} is computed with the function {name}, which is not the same on both sides."),
                format!("Give {name} the same body on both sides."),
            )
        }));
    }
}
