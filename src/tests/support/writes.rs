//! A database -> which transaction wrote each of its rows, so that a test can prove that nothing was written since.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Connection};

use super::Database;
use super::rows::quoted;

/// Place and writer (ctid and xmin) of every row of every user table, partitions one by one.
///
/// A row that is written again gets another place and another writer, also when its values stay the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written(BTreeMap<String, BTreeSet<String>>);

impl Written {
    pub(crate) async fn of(database: &Database) -> Self {
        let mut connection = database.connect().await;
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select n.nspname::text, c.relname::text
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where c.relkind = 'r' and c.relpersistence <> 't'
               and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tandem')",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let mut written = BTreeMap::new();
        for (schema, table) in tables {
            let source = format!("{}.{}", quoted(&schema), quoted(&table));
            let query = format!("select ctid::text || ' ' || xmin::text from only {source}");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut connection).await.unwrap();
            written.insert(format!("{schema}.{table}"), rows.into_iter().collect());
        }
        connection.close().await.unwrap();
        Self(written)
    }

    /// The tables of which rows were written between the two moments, with how many rows are new or moved.
    pub(crate) fn until(&self, later: &Self) -> BTreeMap<String, usize> {
        let none = BTreeSet::new();
        let mut changed = BTreeMap::new();
        for table in self.0.keys().chain(later.0.keys()) {
            let before = self.0.get(table).unwrap_or(&none);
            let after = later.0.get(table).unwrap_or(&none);
            if before != after {
                changed.insert(table.clone(), after.difference(before).count());
            }
        }
        changed
    }
}
