//! The types that users made, and the extensions -> where the same text would mean another value, or none.

use std::collections::BTreeSet;

use super::Finding;
use super::widening::widens;
use crate::catalog::{Catalog, Definition, UserType};

pub(super) fn drift(source: &Catalog, target: &Catalog, found: &mut Vec<Finding>) {
    let used = used(source);
    for theirs in source.types.iter().filter(|theirs| used.contains(theirs.name.as_str())) {
        // A type that is missing is told by the columns that would need it.
        if let Some(ours) = target.types.iter().find(|ours| ours.name == theirs.name) {
            type_drift(theirs, ours, found);
        }
    }
}

/// The types of the tables' columns, and those inside of these.
fn used(catalog: &Catalog) -> BTreeSet<&str> {
    let columns = catalog.tables.iter().flat_map(|table| &table.columns);
    let mut open: Vec<&str> = columns.map(|column| element(&column.type_name)).collect();
    let mut used = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !used.insert(name) {
            continue;
        }
        match catalog.types.iter().find(|kind| kind.name == name).map(|kind| &kind.definition) {
            Some(Definition::Domain(base) | Definition::Range(base)) => open.push(element(base)),
            Some(Definition::Composite(fields)) => open.extend(fields.iter().map(|(_, kind)| element(kind))),
            Some(Definition::Enum(_)) | None => {}
        }
    }
    used
}

/// `public.mood[]` -> `public.mood`
fn element(type_name: &str) -> &str {
    type_name.strip_suffix("[]").unwrap_or(type_name)
}

fn type_drift(theirs: &UserType, ours: &UserType, found: &mut Vec<Finding>) {
    let name = &theirs.name;
    let differs = |from: &str, to: &str| {
        Finding::block(
            format!("Type {name} is {from} on the source and {to} on the target."),
            format!("Define {name} the same way on both sides."),
        )
    };
    match (&theirs.definition, &ours.definition) {
        (Definition::Enum(theirs), Definition::Enum(ours)) => labels(name, theirs, ours, found),
        (Definition::Domain(from), Definition::Domain(to)) if from != to && widens(from, to) => {
            found.push(Finding::warn(format!(
                "Type {name} is {from} on the source and the wider {to} on the target."
            )));
        }
        (one, other) if one != other => found.push(differs(&description(one), &description(other))),
        _ => {}
    }
}

fn labels(name: &str, theirs: &[String], ours: &[String], found: &mut Vec<Finding>) {
    for label in theirs.iter().filter(|label| !ours.contains(label)) {
        found.push(Finding::block(
            format!("Type {name} has no label '{label}' on the target."),
            format!("Add it there: alter type {name} add value '{}'", label.replace('\'', "''")),
        ));
    }
    for label in ours.iter().filter(|label| !theirs.contains(label)) {
        found.push(Finding::warn(format!("Label '{label}' of type {name} exists on the target only.")));
    }
    let common = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|label| other.contains(label)).cloned().collect()
    };
    if common(theirs, ours) != common(ours, theirs) {
        found.push(Finding::warn(format!(
            "The labels of type {name} stand in another order on the target: rows are equal, but sort differently."
        )));
    }
}

fn description(definition: &Definition) -> String {
    match definition {
        Definition::Enum(_) => "an enum".to_owned(),
        Definition::Domain(base) => format!("a domain over {base}"),
        Definition::Range(subtype) => format!("a range of {subtype}"),
        Definition::Composite(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            format!("a row of ({})", fields.join(", "))
        }
    }
}

pub(super) fn extensions(source: &Catalog, target: &Catalog, found: &mut Vec<Finding>) {
    for theirs in &source.extensions {
        match target.extensions.iter().find(|ours| ours.name == theirs.name) {
            None => found
                .push(Finding::warn(format!("Extension {} is not installed on the target.", theirs.name))),
            Some(ours) if ours.version != theirs.version => found.push(Finding::warn(format!(
                "Extension {} has version {} on the source and {} on the target.",
                theirs.name, theirs.version, ours.version
            ))),
            Some(_) => {}
        }
    }
}
