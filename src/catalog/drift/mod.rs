//! The source's catalog and the target's -> the differences that matter, each blocking or tolerated.

mod columns;
mod types;
mod widening;

use std::collections::BTreeSet;

use super::{Catalog, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is written until it is mended.
    Block,
    /// Tolerated by rule, and reported.
    Warn,
}

/// What was found before anything was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Names the table, the column and both sides.
    pub text: String,
    pub remedy: String,
}

impl Finding {
    pub fn block(text: String, remedy: String) -> Self {
        Self { severity: Severity::Block, text, remedy }
    }

    pub fn warn(text: String) -> Self {
        Self { severity: Severity::Warn, text, remedy: String::new() }
    }
}

/// Every reason why `source`'s rows do not fit into `target`'s tables. Tables that only the target has are left alone.
pub fn drift(source: &Catalog, target: &Catalog) -> Vec<Finding> {
    let mut found = Vec::new();
    for table in &source.tables {
        match target.table(&table.name) {
            Some(other) => table_drift(table, other, &mut found),
            None => found.push(Finding::block(
                format!("Table {} does not exist on the target.", table.name),
                format!(
                    "Create {} there, or let Tandem do it (option initialise), or leave it out of the sync.",
                    table.name
                ),
            )),
        }
    }
    types::drift(source, target, &mut found);
    types::extensions(source, target, &mut found);
    found
}

fn table_drift(source: &Table, target: &Table, found: &mut Vec<Finding>) {
    key_drift(source, target, found);
    columns::drift(source, target, found);
    only_on_one_side("Unique key", source, target, uniques, found);
    only_on_one_side("Foreign key", source, target, foreign_keys, found);
    only_on_one_side("Constraint", source, target, |table| table.checks.iter().cloned().collect(), found);
    only_on_one_side("Trigger", source, target, |table| table.triggers.iter().cloned().collect(), found);
    for name in &target.unstoppable {
        found.push(Finding::warn(format!(
            "{name} of {} fires while rows are written in replica role, because it is ENABLE ALWAYS or ENABLE REPLICA.",
            target.name
        )));
    }
}

fn key_drift(source: &Table, target: &Table, found: &mut Vec<Finding>) {
    let (name, theirs, ours) = (&source.name, source.key(), target.key());
    if same_set(theirs, ours) {
        return;
    }
    let comes = |column: &String| source.column(column).is_some_and(|column| !column.generated);
    if theirs.is_empty() && ours.iter().all(comes) {
        found.push(Finding::warn(format!(
            "{name} has no key on the source: rows that come with the same ({}) are refused.",
            ours.join(", ")
        )));
        return;
    }
    found.push(Finding::block(
        format!(
            "The key of {name} differs: ({}) on the source, ({}) on the target.",
            theirs.join(", "),
            ours.join(", ")
        ),
        format!("Give {name} the same primary key on both sides."),
    ));
}

fn uniques(table: &Table) -> BTreeSet<String> {
    let description = |unique: &super::Unique| match unique.partial {
        true => format!("{} (with a condition or an expression)", unique.name),
        false => format!("({})", sorted(&unique.columns)),
    };
    table.uniques.iter().map(description).collect()
}

fn foreign_keys(table: &Table) -> BTreeSet<String> {
    table
        .foreign_keys
        .iter()
        .map(|key| {
            format!("({}) to {} ({})", key.columns.join(", "), key.parent, key.parent_columns.join(", "))
        })
        .collect()
}

/// What stands in the way of no row by itself; a row that the target's own constraints refuse is found when it comes.
fn only_on_one_side(
    what: &str,
    source: &Table,
    target: &Table,
    of: impl Fn(&Table) -> BTreeSet<String>,
    found: &mut Vec<Finding>,
) {
    let (theirs, ours) = (of(source), of(target));
    for (side, names) in [("source", theirs.difference(&ours)), ("target", ours.difference(&theirs))] {
        for name in names {
            found.push(Finding::warn(format!("{what} {name} of {} exists on the {side} only.", source.name)));
        }
    }
}

fn sorted(columns: &[String]) -> String {
    let mut columns = columns.to_vec();
    columns.sort();
    columns.join(", ")
}

fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}
