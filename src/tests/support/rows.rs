//! Two databases -> every row in which they differ, found by reading both whole, without any code of the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Database;

/// A row, or a whole table, that two databases do not have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) table: String,
    /// The primary key as text, the whole row where there is none, or empty for the table itself.
    pub(crate) key: String,
    /// What the first and the second database hold under it: rows, or the names of the columns.
    pub(crate) first: Vec<String>,
    pub(crate) second: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {:?} <> {:?}", self.table, self.key, self.first, self.second)
    }
}

/// An ordinary or partitioned table; a partitioned one stands for its partitions.
#[derive(sqlx::FromRow)]
pub(super) struct Table {
    schema: String,
    name: String,
    is_partitioned: bool,
    pub(super) columns: Vec<String>,
    key: Vec<String>,
}

impl Table {
    /// What to select from: rows of an inheriting table belong to that table, rows of a partition to the whole.
    pub(super) fn source(&self) -> String {
        let only = if self.is_partitioned { "" } else { "only " };
        format!("{only}{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// Rows by key; a table without a key can hold the same row several times.
type Rows = BTreeMap<String, Vec<String>>;

/// Fails, and names the first differences, unless both hold the same tables with the same rows.
pub(crate) async fn assert_same_rows(first: &Database, second: &Database) {
    let found = differences(first, second).await;
    let shown: Vec<String> = found.iter().take(10).map(Difference::to_string).collect();
    assert!(found.is_empty(), "{} differences, the first are:\n{}", found.len(), shown.join("\n"));
}

/// Reads every user table of both databases and compares them row for row.
pub(crate) async fn differences(first: &Database, second: &Database) -> Vec<Difference> {
    let (mut first, mut second) = (first.connect().await, second.connect().await);
    let (first_tables, second_tables) = (user_tables(&mut first).await, user_tables(&mut second).await);
    let names: BTreeSet<&String> = first_tables.keys().chain(second_tables.keys()).collect();

    let mut found = Vec::new();
    for name in names {
        match (first_tables.get(name), second_tables.get(name)) {
            (Some(one), Some(other)) if one.columns == other.columns => {
                let rows = (read(&mut first, one).await, read(&mut second, other).await);
                found.extend(compare(name, rows.0, rows.1));
            }
            (one, other) => {
                let columns =
                    |table: Option<&Table>| table.map(|table| table.columns.clone()).unwrap_or_default();
                let (first, second) = (columns(one), columns(other));
                found.push(Difference { table: name.clone(), key: String::new(), first, second });
            }
        }
    }
    first.close().await.unwrap();
    second.close().await.unwrap();
    found
}

fn compare(table: &str, mut first: Rows, mut second: Rows) -> Vec<Difference> {
    let keys: BTreeSet<String> = first.keys().chain(second.keys()).cloned().collect();
    keys.into_iter()
        .filter_map(|key| {
            let first = first.remove(&key).unwrap_or_default();
            let second = second.remove(&key).unwrap_or_default();
            (first != second).then(|| Difference { table: table.to_owned(), key, first, second })
        })
        .collect()
}

/// Tables by full name; neither the system's nor Tandem's own.
pub(super) async fn user_tables(connection: &mut PgConnection) -> BTreeMap<String, Table> {
    let found: Vec<Table> = sqlx::query_as(
        r#"
        select n.nspname::text as schema, c.relname::text as name, c.relkind = 'p' as is_partitioned,
               array(select a.attname::text
                     from pg_attribute a
                     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                     order by a.attname::text collate "C") as columns,
               array(select a.attname::text
                     from pg_index i
                     cross join unnest(i.indkey) with ordinality as k (attnum, place)
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
                     where i.indrelid = c.oid and i.indisprimary
                     order by k.place) as key
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
          and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tandem')
        "#,
    )
    .fetch_all(connection)
    .await
    .unwrap();
    found.into_iter().map(|table| (format!("{}.{}", table.schema, table.name), table)).collect()
}

async fn read(connection: &mut PgConnection, table: &Table) -> Rows {
    let row = text_of(&table.columns);
    let key = if table.key.is_empty() { row.clone() } else { text_of(&table.key) };
    let query = format!("select {key}, {row} from {}", table.source());
    let found: Vec<(String, String)> =
        sqlx::query_as(AssertSqlSafe(query)).fetch_all(connection).await.unwrap();
    let mut rows = Rows::new();
    for (key, row) in found {
        rows.entry(key).or_default().push(row);
    }
    rows
}

/// SQL for the named columns as one unambiguous text: null and empty text differ, commas are quoted.
pub(super) fn text_of(columns: &[String]) -> String {
    let texts: Vec<String> = columns.iter().map(|column| format!("{}::text", quoted(column))).collect();
    format!("row({})::text", texts.join(", "))
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
