//! A database -> all of its rows as text, to be compared with what it holds later.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection};

use super::Database;
use super::rows::quoted;

/// Every row of every user table, sorted, computed columns included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents(BTreeMap<String, Vec<String>>);

impl Contents {
    pub(crate) async fn of(database: &Database) -> Self {
        let mut connection = database.connect().await;
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select n.nspname::text, c.relname::text
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
               and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tandem')",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let mut contents = BTreeMap::new();
        for (schema, table) in tables {
            let source = format!("{}.{}", quoted(&schema), quoted(&table));
            let query = format!("select row(t.*)::text from {source} t order by 1");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
            contents.insert(format!("{schema}.{table}"), rows);
        }
        connection.close().await.unwrap();
        Self(contents)
    }

    /// The rows that only one of the two has, with a sign for which: short enough to read in a failed test.
    pub(crate) fn until(&self, later: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (table, before) in &self.0 {
            let after = later.0.get(table).map_or(&[][..], Vec::as_slice);
            let missing =
                before.iter().filter(|row| !after.contains(row)).map(|row| format!("- {table} {row}"));
            let new = after.iter().filter(|row| !before.contains(row)).map(|row| format!("+ {table} {row}"));
            found.extend(missing.chain(new).take(10));
            if found.is_empty() && before.len() != after.len() {
                found.push(format!("{table}: {} rows, then {}", before.len(), after.len()));
            }
        }
        found
    }
}
