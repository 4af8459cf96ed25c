//! The source's catalog and the target's -> what is to be made on the target, and why something cannot be made.

use super::blueprint::{Blueprint, TypePlan};
use super::{Catalog, Finding, Table, TableName, UserType};

/// Tables that the target lacks, with the types that they need.
#[derive(Debug, Clone, Default)]
pub struct Making {
    /// In the order in which they can be made.
    pub types: Vec<TypePlan>,
    pub tables: Vec<(Table, Blueprint)>,
    /// What is not made with them, for people.
    pub left_out: Vec<String>,
}

impl Making {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Where something is made, each once.
    pub fn schemas(&self) -> Vec<String> {
        let sequences = |blueprint: &Blueprint| {
            let plans = blueprint.columns.iter().filter_map(|column| column.sequence.as_ref());
            plans.map(|sequence| sequence.name.schema.clone()).collect::<Vec<_>>()
        };
        let mut schemas: Vec<String> = self.types.iter().map(|plan| plan.name.schema.clone()).collect();
        for (table, blueprint) in &self.tables {
            schemas.push(table.name.schema.clone());
            schemas.extend(sequences(blueprint));
        }
        schemas.sort();
        schemas.dedup();
        schemas
    }

    /// For the log.
    pub fn notes(&self) -> Vec<String> {
        let made = self.tables.iter().map(|(table, _)| {
            format!("Table {} does not exist on the target: it is made there.", table.name)
        });
        let left_out = self.left_out.iter().map(|what| format!("Not made on the target: {what}."));
        made.chain(left_out).collect()
    }

    pub fn makes(&self, table: &TableName) -> bool {
        self.tables.iter().any(|(made, _)| made.name == *table)
    }
}

/// What `source` has and `target` lacks.
pub fn making(source: &Catalog, target: &Catalog, found: &mut Vec<Finding>) -> Making {
    let mut making = Making::default();
    for table in source.tables.iter().filter(|table| target.table(&table.name).is_none()) {
        let blueprint = source.blueprints.iter().find(|blueprint| blueprint.table == table.name);
        match demand_makeable(table, blueprint) {
            Ok(blueprint) => {
                making.left_out.extend(blueprint.left_out.iter().cloned());
                making.tables.push((bare(table, blueprint), blueprint.clone()));
            }
            Err(finding) => found.push(finding),
        }
    }
    let there: Vec<TableName> = making.tables.iter().map(|(table, _)| table.name.clone()).collect();
    for (table, _) in &mut making.tables {
        table.foreign_keys.retain(|key| target.table(&key.parent).is_some() || there.contains(&key.parent));
    }
    making.types = types(source, target, &making.tables);
    for plan in making.types.iter().filter(|plan| !plan.names().into_iter().all(is_plain)) {
        found.push(Finding::block(
            format!("Type {} has a name that Tandem does not make by itself.", plan.name),
            format!("Create {} on the target by hand.", plan.name),
        ));
    }
    making.left_out.extend(making.types.iter().flat_map(|kind| kind.left_out.iter().cloned()));
    if !making.is_empty() {
        making.left_out.extend(source.routines.iter().cloned());
        let skipped = source.skipped.iter().map(|skipped| format!("{} ({})", skipped.name, skipped.reason));
        making.left_out.extend(skipped);
    }
    making
}

/// `target` as it will be.
pub fn with_made(source: &Catalog, target: &Catalog, making: &Making) -> Catalog {
    let mut target = target.clone();
    target.tables.extend(making.tables.iter().map(|(table, _)| table.clone()));
    target.tables.sort_by(|a, b| a.name.cmp(&b.name));
    let is_made = |kind: &&UserType| making.types.iter().any(|plan| plan.printed == kind.name);
    target.types.extend(source.types.iter().filter(is_made).cloned());
    target.types.sort_by(|a, b| a.name.cmp(&b.name));
    target
}

fn demand_makeable<'a>(table: &Table, blueprint: Option<&'a Blueprint>) -> Result<&'a Blueprint, Finding> {
    let name = &table.name;
    let by_hand = |why: String| {
        Finding::block(
            format!("Table {name} does not exist on the target and cannot be made there: {why}."),
            format!("Create {name} with pg_dump --schema-only, or leave it out of the sync."),
        )
    };
    let Some(blueprint) = blueprint else {
        return Err(by_hand("the source does not describe how, because its Tandem is older".to_owned()));
    };
    let sequences = blueprint.columns.iter().filter_map(|column| column.sequence.as_ref());
    if is_closed(&name.schema) || sequences.into_iter().any(|sequence| is_closed(&sequence.name.schema)) {
        return Err(by_hand(format!("schema {} is not for users' tables", name.schema)));
    }
    if !names(table, blueprint).into_iter().all(is_plain) {
        return Err(by_hand("one of its names is none that Tandem makes by itself".to_owned()));
    }
    if let Some(column) = table.columns.iter().find(|column| column.generated) {
        return Err(by_hand(format!("column {} is computed by an expression", column.name)));
    }
    let same = table.columns.len() == blueprint.columns.len()
        && table.columns.iter().zip(&blueprint.columns).all(|(column, plan)| column.name == plan.name);
    if !same {
        return Err(by_hand("its description contradicts itself".to_owned()));
    }
    match (&blueprint.partitioning, table.partitioned) {
        (None, true) => Err(by_hand("the source does not say how it is partitioned".to_owned())),
        (Some(by), true) if by.columns.is_empty() => {
            Err(by_hand("it is partitioned by an expression".to_owned()))
        }
        _ => Ok(blueprint),
    }
}

/// Every name that would be made or referred to, and comes from the peer.
fn names<'a>(table: &'a Table, blueprint: &'a Blueprint) -> Vec<&'a str> {
    let of = |name: &'a TableName| [name.schema.as_str(), name.name.as_str()];
    let mut names: Vec<&str> = of(&table.name).into();
    names.extend(table.columns.iter().map(|column| column.name.as_str()));
    for plan in &blueprint.columns {
        names.extend(plan.collation.iter().flat_map(of));
        names.extend(plan.sequence.iter().flat_map(|sequence| of(&sequence.name)));
    }
    for key in &blueprint.keys {
        names.push(&key.name);
        names.extend(key.columns.iter().map(String::as_str));
    }
    for key in &table.foreign_keys {
        names.push(&key.name);
        names.extend(of(&key.parent));
        names.extend(key.columns.iter().chain(&key.parent_columns).map(String::as_str));
    }
    names.extend(blueprint.partitioning.iter().flat_map(|by| by.columns.iter().map(String::as_str)));
    names
}

/// Every name is quoted where it is used; one that looks like a piece of SQL is left to a person all the same.
pub(super) fn is_plain(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= 63;
    fits && !name.chars().any(|c| c.is_control() || "\"'`;\\()".contains(c))
}

/// Where nothing of a user's is ever made.
fn is_closed(schema: &str) -> bool {
    schema == "tandem" || schema == "information_schema" || schema.starts_with("pg_")
}

/// The table as it will be: without what is left out.
fn bare(table: &Table, blueprint: &Blueprint) -> Table {
    let mut table = table.clone();
    table.uniques.retain(|unique| blueprint.keys.iter().any(|key| key.name == unique.name));
    table.foreign_keys.retain(|key| !key.terms.special);
    for column in table.columns.iter_mut() {
        let plan = blueprint.columns.iter().find(|plan| plan.name == column.name);
        column.has_default = plan.is_some_and(|plan| plan.sequence.is_some());
    }
    Table {
        checks: Vec::new(),
        triggers: Vec::new(),
        unstoppable: Vec::new(),
        row_security: false,
        estimated_rows: 0,
        ..table
    }
}

/// The types that the tables need and the target lacks, in the source's order.
fn types(source: &Catalog, target: &Catalog, tables: &[(Table, Blueprint)]) -> Vec<TypePlan> {
    let columns = tables.iter().flat_map(|(_, blueprint)| &blueprint.columns);
    let mut open: Vec<&str> = columns.map(|column| column.kind.element()).collect();
    let mut needed: Vec<&TypePlan> = Vec::new();
    while let Some(name) = open.pop() {
        let Some(plan) = source.type_plans.iter().find(|plan| plan.printed == name) else { continue };
        let exists = target.types.iter().any(|kind| kind.name == name);
        if exists || is_closed(&plan.name.schema) || needed.iter().any(|other| other.printed == name) {
            continue;
        }
        needed.push(plan);
        open.extend(plan.form.parts().iter().map(|part| part.element()));
    }
    source.type_plans.iter().filter(|plan| needed.contains(plan)).cloned().collect()
}
