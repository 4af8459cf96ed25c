//! The source's manifest and the target's catalog -> what goes where, or every reason why it cannot.

use std::collections::HashSet;

use super::RestoreError;
use crate::archive::{Manifest, Section};
use crate::catalog::{
    Addition, Catalog, ForeignKey, Making, Severity, Table, TableName, additions, drift, drops, making,
    parents_first, takes, with_added, with_made,
};
use crate::database::{Incoming, Stricter};
use crate::model::{Skipped, SyncOptions};

/// What will be restored.
pub(crate) struct Plan {
    /// One for each section of the archive, in the same order.
    pub incoming: Vec<Incoming>,
    /// Indexes into `incoming`: parents before children.
    pub order: Vec<usize>,
    /// What the source has and never gives away.
    pub skipped: Vec<Skipped>,
    /// What was found and is tolerated, for the log.
    pub notes: Vec<String>,
    /// The tables that the target lacks and that are made.
    pub making: Making,
}

/// Reads nothing but the two descriptions: nothing has been written yet when this refuses.
pub(crate) fn plan(
    source: &Catalog,
    sections: &[Section],
    target: &Catalog,
    options: &SyncOptions,
) -> Result<Plan, RestoreError> {
    let (mut reasons, mut remedies, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut findings = Vec::new();
    let making = match options.initialise {
        true => making(source, target, &mut findings),
        false => Making::default(),
    };
    let target = &with_made(source, target, &making);
    if findings.is_empty() {
        findings = drift(source, target);
    }
    for found in findings {
        match found.severity {
            Severity::Block => {
                reasons.push(found.text);
                remedies.push(found.remedy);
            }
            Severity::Warn => notes.push(found.text),
        }
    }
    let mut incoming = Vec::with_capacity(sections.len());
    let sent: HashSet<&TableName> = sections.iter().map(|section| &section.table).collect();
    for section in sections {
        if !takes(&options.scope, &section.table) {
            reasons.push(format!("Table {} was sent, but is not part of the scope.", section.table));
        }
        if let Some(column) =
            section.columns.iter().find(|column| drops(&options.scope, &section.table, column))
        {
            reasons
                .push(format!("Column {}.{column} was sent, but is not part of the scope.", section.table));
        }
        // Only tables that both descriptions know: an archive cannot name any other.
        let (Some(table), Some(theirs)) = (target.table(&section.table), source.table(&section.table)) else {
            if reasons.is_empty() {
                reasons.push(format!("Table {} is not described.", section.table));
            }
            continue;
        };
        // Keys that the source tells apart must be different ones for the target too.
        let as_strict = |name: &String| !folds(table, name) || folds(theirs, name);
        let same_key = |key: &[String]| {
            key.len() == table.key().len()
                && key.iter().all(|name| table.key().contains(name) && as_strict(name))
        };
        incoming.push(Incoming {
            table: table.clone(),
            columns: section.columns.clone(),
            unique: same_key(theirs.key()),
            partial: false,
            stricter: stricter(table, theirs, section, &sent),
        });
    }
    if !reasons.is_empty() {
        return Err(RestoreError::Schema { reasons, remedies });
    }
    let tables: Vec<_> = incoming.iter().map(|incoming| incoming.table.clone()).collect();
    let order = parents_first(&tables);
    for cycle in &order.cycles {
        let names: Vec<String> = cycle.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "These tables reference each other and are written together: {}",
            names.join(", ")
        ));
    }
    Ok(Plan { incoming, order: order.tables, skipped: source.skipped.clone(), notes, making })
}

fn stricter(ours: &Table, theirs: &Table, section: &Section, sent: &HashSet<&TableName>) -> Stricter {
    let demands = |table: &Table, name: &String| table.column(name).is_some_and(|column| column.not_null);
    // Of columns that the target computes, every one that they are computed from comes in.
    let is_whole = ours.stored_columns().iter().all(|name| section.columns.contains(name));
    let computed =
        ours.columns.iter().filter(|column| column.generated && is_whole).map(|column| &column.name);
    let values = section.columns.iter().chain(computed);
    let values = values.filter(|name| demands(ours, name) && !demands(theirs, name));
    let checks = ours.checks.iter().filter(|check| !theirs.checks.contains(check));
    let is_alike = |key: &ForeignKey, other: &ForeignKey| {
        other.parent == key.parent
            && other.columns == key.columns
            && other.parent_columns == key.parent_columns
            && !other.terms.special
    };
    let references = ours.foreign_keys.iter().filter(|key| {
        !sent.contains(&key.parent) || !theirs.foreign_keys.iter().any(|other| is_alike(key, other))
    });
    Stricter {
        values: values.cloned().collect(),
        checks: checks.cloned().collect(),
        references: references.map(|key| key.name.clone()).collect(),
    }
}

/// What the target must get before rows of the source can come, and the plan for it with that, when nothing else stands
/// in the way. None when it lacks nothing.
pub(crate) fn lacking(
    source: &Catalog,
    sections: &[Section],
    target: &Catalog,
    options: &SyncOptions,
) -> Result<Option<(Vec<Addition>, Plan)>, RestoreError> {
    let additions = additions(source, target);
    if additions.is_empty() {
        return Ok(None);
    }
    let plan = plan(source, sections, &with_added(target, &additions), options)?;
    Ok(Some((additions, plan)))
}

/// The source's catalog.
pub(crate) fn described(manifest: &Manifest) -> Result<Catalog, RestoreError> {
    Catalog::read(manifest.catalog.get()).map_err(|cause| RestoreError::Schema {
        reasons: vec![format!("The source's description cannot be read ({cause}).")],
        remedies: Vec::new(),
    })
}

fn folds(table: &Table, column: &str) -> bool {
    table.column(column).is_some_and(|column| column.folds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;

    #[test]
    fn an_archive_with_a_table_outside_of_the_scope_is_refused() {
        let text = r#"{"tables": [{"name": {"schema": "public", "name": "staff"}, "columns": [], "primary_key": [],
            "uniques": [], "foreign_keys": [], "partitioned": false, "triggers": [], "row_security": false}]}"#;
        let catalog: Catalog = serde_json::from_str(text).expect("this is a catalog");
        let sections = crate::backup::sections(&catalog);
        let scope = Scope { exclude: vec!["staff".to_owned()], ..Scope::default() };
        let options = SyncOptions { scope, ..SyncOptions::default() };

        assert!(plan(&catalog, &sections, &catalog, &SyncOptions::default()).is_ok());
        let Err(RestoreError::Schema { reasons, .. }) = plan(&catalog, &sections, &catalog, &options) else {
            panic!("it was not refused")
        };
        assert!(reasons[0].contains("public.staff") && reasons[0].contains("scope"), "{reasons:?}");
    }

    /// The target's catalog never holds a table of Tandem's own, so that no archive can name one.
    #[test]
    fn an_archive_with_a_table_of_tandems_own_is_refused() {
        let own = TableName::new("tandem", "session");
        let text = r#"{"tables": [{"name": {"schema": "tandem", "name": "session"}, "columns": [], "primary_key": [],
            "uniques": [], "foreign_keys": [], "partitioned": false, "triggers": [], "row_security": false}]}"#;
        for catalog in [text, r#"{"tables": []}"#] {
            let source = serde_json::from_str(catalog).expect("this is a catalog");
            let section = Section { table: own.clone(), columns: vec!["id".to_owned()], partitioned: false };

            let options = SyncOptions { initialise: true, ..SyncOptions::default() };
            let refused = plan(&source, &[section], &Catalog::default(), &options);

            let Err(RestoreError::Schema { reasons, .. }) = refused else { panic!("it was not refused") };
            assert!(reasons[0].contains("tandem.session"), "{reasons:?}");
        }
    }

    #[test]
    fn a_description_that_is_nested_without_end_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let manifest = Manifest {
            catalog: serde_json::value::RawValue::from_string(deep).expect("this is JSON"),
            ..crate::backup::manifest(&Catalog::default())
        };
        let Err(RestoreError::Schema { reasons, .. }) = described(&manifest) else {
            panic!("it was not refused")
        };
        assert!(reasons[0].contains("cannot be read"), "{reasons:?}");
    }
}
