//! A scope -> the rows that belong to it, computed inside the snapshot: from the businesses downwards, the newest of the
//! audit tables, and then upwards, so that nothing points to a row that is not there.

mod closure;
mod hanging;
mod newest;
mod picks;
mod wanted;

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, View};
use super::error::doing;
use crate::catalog::{Catalog, Table, TableName, narrow, unmatched, without_columns};
use crate::config::ScopeSettings;
use crate::model::{Scope, text};
use crate::sql::{Ident, Sql, join, sql};

use picks::{Picks, is_in, relation};
use wanted::{Wanted, refused, wanted};

/// What decides which rows are chosen; kept, to choose them once more when a connection is lost.
pub(super) struct Rule {
    /// All tables: also through those that do not take part a row can hang on a business.
    catalog: Catalog,
    scope: Scope,
    settings: ScopeSettings,
    is_source: bool,
}

/// The rows that were chosen, on the connection that knows them.
#[derive(Default)]
pub(super) struct Chosen {
    /// The tables of which not all rows are meant.
    pub(super) parts: BTreeMap<TableName, Part>,
    pub(super) notes: Vec<String>,
}

pub(super) struct Part {
    set: TableName,
    pub(super) rows: u64,
    /// Only the newest.
    pub(super) is_cut: bool,
}

/// The tables of the view, and the rule for their rows when not all of them are meant. A source refuses patterns that
/// mean nothing.
pub(super) fn apply(
    catalog: Catalog,
    view: View<'_>,
    settings: &ScopeSettings,
) -> Result<(Catalog, Option<Rule>), DatabaseError> {
    let (scope, is_source) = match view {
        View::Everything | View::Tables(_) => return Ok((catalog, None)),
        View::Of(scope) | View::Like(scope) if scope.is_everything() => return Ok((catalog, None)),
        View::Of(scope) => (scope, true),
        View::Like(scope) => (scope, false),
    };
    if is_source {
        let (tables, columns) = unmatched(&catalog, scope);
        if let [first, ..] = tables.as_slice() {
            return Err(refused(
                format!("the scope's pattern {first} fits no table of the source"),
                "Patterns are about table or schema.table, with * for any text and ? for one letter.",
            ));
        }
        if let [first, ..] = columns.as_slice() {
            return Err(refused(
                format!("the scope's pattern {first} fits no column of the source"),
                "Columns are named as table.column or schema.table.column, with * for any text and ? for one letter.",
            ));
        }
        if narrow(catalog.clone(), scope).tables.is_empty() {
            return Err(refused(
                "the scope leaves out every table",
                "Name at least one table that it takes.",
            ));
        }
    }
    let rule = scope.chooses_rows().then(|| Rule {
        catalog: catalog.clone(),
        scope: scope.clone(),
        settings: settings.clone(),
        is_source,
    });
    let catalog = narrow(catalog, scope);
    // A target keeps its own values in them, and has to know them.
    if !is_source {
        return Ok((catalog, rule));
    }
    match without_columns(catalog, scope) {
        Ok(catalog) => Ok((catalog, rule)),
        Err(column) => Err(refused(
            format!("the scope leaves out {column}, without which its rows cannot be told from one another"),
            "Leave the column in, or leave out the whole table (exclude).",
        )),
    }
}

impl Rule {
    /// Chooses the rows that the connection's transaction sees; the sets are the connection's own.
    pub(super) async fn choose(&self, connection: &mut PgConnection) -> Result<Chosen, DatabaseError> {
        let wanted = match wanted(&self.catalog, &self.scope, &self.settings) {
            Ok(wanted) => wanted,
            Err(error) if self.is_source => return Err(error),
            // A target that knows no such part is compared whole: that costs more and proves as much.
            Err(_) => return Ok(Chosen::default()),
        };
        let mut picks = Picks::new(connection, &self.catalog).await?;
        if let Some(businesses) = &wanted.businesses {
            hanging::choose(&mut picks, businesses, self.is_source).await?;
        }
        let cut = match &wanted.audit {
            Some(audit) => newest::choose(&mut picks, audit).await?,
            None => Vec::new(),
        };
        let included_tables = narrow(self.catalog.clone(), &self.scope);
        let names = self.catalog.tables.iter().enumerate();
        let included = names.filter(|(_, table)| included_tables.table(&table.name).is_some());
        let included = included.map(|(index, _)| index).collect();
        closure::close(&mut picks, &included).await?;

        let mut parts = BTreeMap::new();
        for (index, set) in std::mem::take(&mut picks.sets) {
            if included.contains(&index) {
                let name = picks.tables[index].name.clone();
                let rows = count(picks.connection, &set).await?;
                let is_cut = cut.contains(&name);
                parts.insert(name, Part { set, rows, is_cut });
            }
        }
        let is_whole =
            |table: &&Table| included_tables.table(&table.name).is_some() && !parts.contains_key(&table.name);
        let whole = self.catalog.tables.iter().filter(is_whole).map(|table| table.name.to_string());
        let notes = notes(&wanted, &parts, &whole.collect::<Vec<_>>());
        Ok(Chosen { parts, notes })
    }
}

impl Part {
    /// The part's rows as COPY text.
    pub(super) fn copy(&self, table: &Table, columns: &[String]) -> Sql {
        let columns = join(", ", columns.iter().map(|column| sql("c.{}", &[&Ident(column)])));
        sql(
            "copy (select {} from {} c where {}) to stdout",
            &[&columns, &relation(table), &is_in(&self.set, "c")],
        )
    }
}

async fn count(connection: &mut PgConnection, set: &TableName) -> Result<u64, DatabaseError> {
    // The planner knows nothing of a temporary table by itself.
    sqlx::query(sql("analyze {}", &[set]).into_query())
        .execute(&mut *connection)
        .await
        .map_err(doing("look at the chosen rows"))?;
    let rows: i64 = sqlx::query_scalar(sql("select count(*) from {}", &[set]).into_query())
        .fetch_one(connection)
        .await
        .map_err(doing("count the chosen rows"))?;
    Ok(rows.unsigned_abs())
}

fn notes(wanted: &Wanted<'_>, parts: &BTreeMap<TableName, Part>, whole: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(businesses) = &wanted.businesses {
        notes.push(format!("The businesses are the rows of {}", businesses.table.name));
        if let Some(column) = businesses.demo {
            notes.push(format!("The column {column} says which of them are demo data"));
        }
        if !whole.is_empty() {
            notes.push(format!(
                "Whole, because nothing says to which business their rows belong: {}",
                text::few(whole, ", ")
            ));
        }
    }
    if let Some(audit) = &wanted.audit {
        let names: Vec<String> = audit.tables.iter().map(|(table, _)| table.name.to_string()).collect();
        notes.push(format!("The audit tables are {}", names.join(", ")));
    }
    let rows: u64 = parts.values().map(|part| part.rows).sum();
    notes.push(format!(
        "{} of {} are chosen; nothing among them points to a row that is not",
        text::counted(rows, "row", "rows"),
        text::counted(parts.len() as u64, "table", "tables")
    ));
    notes
}
