//! What a scope asks for and the tables there are -> the tables and columns that decide, or why there are none.

use super::super::super::DatabaseError;
use crate::catalog::{Catalog, Column, Globs, Table};
use crate::config::ScopeSettings;
use crate::model::Scope;

/// Names that a table of businesses usually has.
const BUSINESSES: [&str; 12] = [
    "business",
    "businesses",
    "company",
    "companies",
    "tenant",
    "tenants",
    "organization",
    "organizations",
    "organisation",
    "organisations",
    "merchant",
    "merchants",
];
const DEMO: [&str; 2] = ["is_demo", "demo"];
const AUDIT: [&str; 2] = ["*audit*", "*_log"];

#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) businesses: Option<Businesses<'a>>,
    pub(super) audit: Option<Audit<'a>>,
}

/// The businesses whose rows are meant.
#[derive(Debug)]
pub(super) struct Businesses<'a> {
    pub(super) table: &'a Table,
    /// How other tables name the business of a row.
    names: Vec<String>,
    /// The key's column, and what it is in the one that is meant.
    pub(super) one: Option<(&'a str, &'a str)>,
    /// The column that says which ones are left out.
    pub(super) demo: Option<&'a str>,
}

#[derive(Debug)]
pub(super) struct Audit<'a> {
    /// With the columns by which the newest rows come first.
    pub(super) tables: Vec<(&'a Table, Vec<&'a str>)>,
    pub(super) limit: u64,
}

pub(super) fn wanted<'a>(
    catalog: &'a Catalog,
    scope: &'a Scope,
    settings: &ScopeSettings,
) -> Result<Wanted<'a>, DatabaseError> {
    let businesses = (scope.business.is_some() || scope.without_demo)
        .then(|| businesses(catalog, scope, settings))
        .transpose()?;
    let audit = scope.audit_limit.map(|limit| audit(catalog, limit, settings)).transpose()?;
    Ok(Wanted { businesses, audit })
}

fn businesses<'a>(
    catalog: &'a Catalog,
    scope: &'a Scope,
    settings: &ScopeSettings,
) -> Result<Businesses<'a>, DatabaseError> {
    let table = business_table(catalog, settings)?;
    let one = match (&scope.business, table.key()) {
        (None, _) => None,
        (Some(value), [key]) => Some((key.as_str(), value.as_str())),
        (Some(_), _) => {
            return Err(refused(
                format!("{} has no key of one column, so no business can be named by it", table.name),
                "Set TANDEM_BUSINESS_TABLE on the source to the table whose rows are the businesses.",
            ));
        }
    };
    let demo = scope.without_demo.then(|| demo_column(table, settings)).transpose()?;
    let names = match &settings.business_column {
        Some(name) => vec![name.clone()],
        None => {
            let one = singular(&table.name.name);
            vec![format!("{one}_id"), one]
        }
    };
    Ok(Businesses { table, names, one, demo })
}

impl Businesses<'_> {
    /// The business's key, and the column of another table that holds it: by its name and its type, because a foreign key
    /// is often left out where a row must outlive its business.
    pub(super) fn named_by<'t>(&self, table: &'t Table) -> Option<(&str, &'t str)> {
        let [key] = self.table.key() else { return None };
        let type_name = &self.table.column(key)?.type_name;
        let is_it = |column: &&Column| {
            column.type_name == *type_name
                && self.names.iter().any(|name| column.name.eq_ignore_ascii_case(name))
        };
        let column = table.columns.iter().find(is_it)?;
        (table.name != self.table.name).then_some((key, &column.name))
    }
}

/// `businesses` -> `business`, `companies` -> `company`
fn singular(name: &str) -> String {
    let name = name.to_lowercase();
    if let Some(stem) = name.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match name.strip_suffix('s') {
        Some(stem) if stem.ends_with("sse") => stem[..stem.len() - 1].to_owned(),
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => name,
    }
}

fn business_table<'a>(catalog: &'a Catalog, settings: &ScopeSettings) -> Result<&'a Table, DatabaseError> {
    let is_it = |table: &&Table| match &settings.business_table {
        Some(name) => *name == table.name.to_string() || *name == table.name.name,
        None => BUSINESSES.contains(&table.name.name.to_lowercase().as_str()),
    };
    let found: Vec<&Table> = catalog.tables.iter().filter(is_it).collect();
    let remedy = "Set TANDEM_BUSINESS_TABLE on the source to the table whose rows are the businesses, as schema.table.";
    match (found.as_slice(), &settings.business_table) {
        ([table], _) => Ok(table),
        ([], Some(name)) => {
            Err(refused(format!("the table of businesses, {name}, does not exist on the source"), remedy))
        }
        ([], None) => Err(refused(
            "the source has no table with a usual name of businesses (business, company, tenant, organization)",
            remedy,
        )),
        (several, _) => {
            let names: Vec<String> = several.iter().map(|table| table.name.to_string()).collect();
            Err(refused(format!("several tables could hold the businesses: {}", names.join(", ")), remedy))
        }
    }
}

fn demo_column<'a>(table: &'a Table, settings: &ScopeSettings) -> Result<&'a str, DatabaseError> {
    let is_it = |column: &&Column| match &settings.demo_column {
        Some(name) => *name == column.name,
        None => DEMO.contains(&column.name.to_lowercase().as_str()),
    };
    match table.columns.iter().find(is_it) {
        Some(column) if column.type_name == "boolean" => Ok(&column.name),
        Some(column) => Err(refused(
            format!("column {} of {} is {}, not boolean", column.name, table.name, column.type_name),
            "Set TANDEM_DEMO_COLUMN on the source to a boolean column of that table.",
        )),
        None => Err(refused(
            format!("{} has no column that says which businesses are demo data", table.name),
            "Set TANDEM_DEMO_COLUMN on the source to a boolean column of that table.",
        )),
    }
}

fn audit<'a>(catalog: &'a Catalog, limit: u64, settings: &ScopeSettings) -> Result<Audit<'a>, DatabaseError> {
    let usual = AUDIT.map(str::to_owned);
    let globs = match settings.audit_tables.as_slice() {
        [] => Globs(&usual),
        set => Globs(set),
    };
    let remedy = "Set TANDEM_AUDIT_TABLES on the source to patterns of the audit tables' names.";
    let mut tables = Vec::new();
    for table in catalog.tables.iter().filter(|table| globs.find(&table.name)) {
        let Some(columns) = newest_first(table) else {
            let reason =
                format!("{} has neither a key nor a time by which its newest rows are known", table.name);
            return Err(refused(reason, remedy));
        };
        tables.push((table, columns));
    }
    if tables.is_empty() {
        let patterns = globs.0.join(", ");
        return Err(refused(format!("the source has no audit table: no name fits {patterns}"), remedy));
    }
    Ok(Audit { tables, limit })
}

/// A counting key tells the order of arrival best, then a time; any other key is at least always the same order.
fn newest_first(table: &Table) -> Option<Vec<&str>> {
    let key = || table.key().iter().map(String::as_str);
    let counts = |name: &String| {
        table
            .column(name)
            .is_some_and(|column| matches!(&*column.type_name, "smallint" | "integer" | "bigint"))
    };
    let is_time = |column: &&Column| column.type_name.starts_with("timestamp") || column.type_name == "date";
    match (table.key(), table.columns.iter().find(is_time)) {
        ([only], _) if counts(only) => Some(vec![only]),
        (_, Some(time)) => Some(std::iter::once(time.name.as_str()).chain(key()).collect()),
        ([], None) => None,
        (_, None) => Some(key().collect()),
    }
}

pub(super) fn refused(reason: impl Into<String>, remedy: &str) -> DatabaseError {
    DatabaseError::Scope { reason: reason.into(), remedy: remedy.to_owned() }
}
