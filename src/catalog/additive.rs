//! Two catalogs -> the columns and labels that the target lacks and that can be added without touching a row.

use super::initialise::is_plain;
use super::{Catalog, Column, ColumnPlan, Definition, Table, TableName};

/// Something that is added to what the target has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addition {
    /// Without NOT NULL and without a default: the rows that are there hold nothing in it.
    Column { table: TableName, column: Column, plan: Box<ColumnPlan> },
    Label {
        /// The type as the target names it.
        kind: TableName,
        printed: String,
        label: String,
        /// The label that it stands behind; none for the first.
        after: Option<String>,
    },
}

/// What `source` has more than `target` in tables and enums that both have.
pub fn additions(source: &Catalog, target: &Catalog) -> Vec<Addition> {
    let mut found = Vec::new();
    for kind in &source.types {
        let ours = target.types.iter().find(|ours| ours.name == kind.name);
        let plan = target.type_plans.iter().find(|plan| plan.printed == kind.name);
        if let (Definition::Enum(theirs), Some(ours), Some(plan)) = (&kind.definition, ours, plan)
            && let Definition::Enum(ours) = &ours.definition
        {
            // In the source's order: what an added label stands behind is there already, or is added before it.
            for (place, label) in theirs.iter().enumerate().filter(|(_, label)| !ours.contains(label)) {
                found.push(Addition::Label {
                    kind: plan.name.clone(),
                    printed: kind.name.clone(),
                    label: label.clone(),
                    after: place.checked_sub(1).map(|before| theirs[before].clone()),
                });
            }
        }
    }
    for table in &source.tables {
        let blueprint = source.blueprints.iter().find(|blueprint| blueprint.table == table.name);
        if let (Some(ours), Some(blueprint)) = (target.table(&table.name), blueprint) {
            let lacking = table.columns.iter().filter(|column| !column.generated && is_plain(&column.name));
            for column in lacking.filter(|column| ours.column(&column.name).is_none()) {
                let plan = blueprint.columns.iter().find(|plan| plan.name == column.name);
                found.extend(plan.map(|plan| Addition::Column {
                    table: table.name.clone(),
                    column: bare(column),
                    plan: Box::new(ColumnPlan { sequence: None, ..plan.clone() }),
                }));
            }
        }
    }
    found
}

/// `target` as it will be.
pub fn with_added(target: &Catalog, additions: &[Addition]) -> Catalog {
    let mut target = target.clone();
    for addition in additions {
        match addition {
            Addition::Column { table, column, .. } => {
                let found: Option<&mut Table> = target.tables.iter_mut().find(|other| other.name == *table);
                found.into_iter().for_each(|table| table.columns.push(column.clone()));
            }
            Addition::Label { printed, label, after, .. } => {
                let kind = target.types.iter_mut().find(|kind| kind.name == *printed);
                if let Some(Definition::Enum(labels)) = kind.map(|kind| &mut kind.definition) {
                    let place = |after| labels.iter().position(|label| label == after);
                    let place = after.as_ref().and_then(place).map_or(0, |place| place + 1);
                    labels.insert(place, label.clone());
                }
            }
        }
    }
    target
}

fn bare(column: &Column) -> Column {
    Column { not_null: false, has_default: false, identity: None, ..column.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::{TypeForm, TypePlan, UserType};
    use super::*;

    #[test]
    fn labels_keep_the_sources_order() {
        let catalog = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            Catalog {
                types: vec![UserType {
                    name: "public.mood".to_owned(),
                    definition: Definition::Enum(labels.clone()),
                }],
                type_plans: vec![TypePlan {
                    name: TableName::new("public", "mood"),
                    printed: "public.mood".to_owned(),
                    form: TypeForm::Enum(labels),
                    left_out: Vec::new(),
                }],
                ..Catalog::default()
            }
        };
        let (source, target) = (catalog(&["a", "b", "c", "d", "e"]), catalog(&["c", "own", "d"]));
        let added = with_added(&target, &additions(&source, &target));
        let Definition::Enum(labels) = &added.types[0].definition else { panic!("it is an enum") };
        assert_eq!(labels, &["a", "b", "c", "own", "d", "e"]);
    }
}
