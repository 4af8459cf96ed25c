//! The source's catalog and the target's -> the differences that matter, each blocking or tolerated.

use super::{Catalog, Column, Table};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is written until it is mended.
    Block,
    /// Tolerated by rule, and reported.
    Warn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    pub severity: Severity,
    /// Names the table, the column and both sides.
    pub text: String,
    pub remedy: String,
}

/// Every reason why `source`'s rows do not fit into `target`'s tables. Tables that only the target has are left alone.
pub fn drift(source: &Catalog, target: &Catalog) -> Vec<Drift> {
    let mut found = Vec::new();
    for table in &source.tables {
        match target.table(&table.name) {
            Some(other) => table_drift(table, other, &mut found),
            None => found.push(block(
                format!("Table {} does not exist on the target.", table.name),
                "Create it there, or leave it out of the sync.".to_owned(),
            )),
        }
    }
    found
}

fn table_drift(source: &Table, target: &Table, found: &mut Vec<Drift>) {
    let name = &source.name;
    if source.key() != target.key() && !same_set(source.key(), target.key()) {
        found.push(block(
            format!(
                "The key of {name} differs: ({}) on the source, ({}) on the target.",
                source.key().join(", "),
                target.key().join(", ")
            ),
            "Give the table the same primary key on both sides.".to_owned(),
        ));
    }
    for column in &source.columns {
        match target.column(&column.name) {
            Some(other) => column_drift(source, column, other, found),
            None if column.generated => {}
            None => found.push(block(
                format!("Column {name}.{} does not exist on the target.", column.name),
                format!("Add it there: alter table … add column {} {}", column.name, column.type_name),
            )),
        }
    }
    for column in target.columns.iter().filter(|column| source.column(&column.name).is_none()) {
        if column.generated || column.identity.is_some() {
            continue;
        }
        let text = format!("Column {name}.{} does not exist on the source", column.name);
        if column.not_null && !column.has_default {
            found.push(block(
                format!("{text}, and new rows need a value for it."),
                "Give it a default on the target, or drop NOT NULL.".to_owned(),
            ));
        } else {
            found.push(Drift {
                severity: Severity::Warn,
                text: format!("{text}: existing rows keep their value, new rows get the default."),
                remedy: String::new(),
            });
        }
    }
}

fn column_drift(table: &Table, source: &Column, target: &Column, found: &mut Vec<Drift>) {
    let label = format!("{}.{}", table.name, source.name);
    if source.generated != target.generated {
        let (computed, plain) = if source.generated { ("source", "target") } else { ("target", "source") };
        found.push(block(
            format!("Column {label} is computed on the {computed} and a plain column on the {plain}."),
            "Define it the same way on both sides.".to_owned(),
        ));
    } else if source.type_name != target.type_name {
        if widens(&source.type_name, &target.type_name) {
            found.push(Drift {
                severity: Severity::Warn,
                text: format!(
                    "Column {label} is {} on the source and the wider {} on the target.",
                    source.type_name, target.type_name
                ),
                remedy: String::new(),
            });
        } else {
            found.push(block(
                format!(
                    "Column {label} is {} on the source and {} on the target.",
                    source.type_name, target.type_name
                ),
                "Change the type on one side.".to_owned(),
            ));
        }
    }
}

/// Conversions that lose nothing and keep the text of every value.
fn widens(source: &str, target: &str) -> bool {
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    let rank = |name: &str| INTEGERS.iter().position(|integer| *integer == name);
    if let (Some(from), Some(to)) = (rank(source), rank(target)) {
        return from < to;
    }
    match (varchar_length(source), varchar_length(target)) {
        (Some(from), Some(to)) => from.is_some_and(|from| to.is_none_or(|to| from <= to)) || to.is_none(),
        (Some(_), None) => target == "text",
        _ => false,
    }
}

/// `Some(None)` for a varchar without a limit, `None` for any other type.
fn varchar_length(name: &str) -> Option<Option<u32>> {
    let rest = name.strip_prefix("character varying")?;
    if rest.is_empty() {
        return Some(None);
    }
    rest.strip_prefix('(')?.strip_suffix(')')?.parse().ok().map(Some)
}

fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

fn block(text: String, remedy: String) -> Drift {
    Drift { severity: Severity::Block, text, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_widenings_that_lose_nothing_are_tolerated() {
        for (from, to, tolerated) in [
            ("integer", "bigint", true),
            ("bigint", "integer", false),
            ("character varying(3)", "character varying(5)", true),
            ("character varying(5)", "character varying(3)", false),
            ("character varying(5)", "text", true),
            ("character varying(5)", "character varying", true),
            ("character varying", "character varying(5)", false),
            ("text", "character varying", false),
            ("numeric(10,2)", "numeric(12,4)", false),
        ] {
            assert_eq!(widens(from, to), tolerated, "{from} -> {to}");
        }
    }
}
