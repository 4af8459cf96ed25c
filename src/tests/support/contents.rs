//! A database -> all of its rows as text, to be compared with what it holds later.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection};

use super::Database;
use super::rows::user_tables;

/// Every row of every user table, sorted, computed columns included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents(BTreeMap<String, Vec<String>>);

impl Contents {
    pub(crate) async fn of(database: &Database) -> Self {
        let mut connection = database.connect().await;
        let mut contents = BTreeMap::new();
        for (name, table) in user_tables(&mut connection).await {
            let query = format!("select row(t.*)::text from {} t order by 1", table.source());
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
            contents.insert(name, rows);
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
