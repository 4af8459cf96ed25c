//! Sets of rows, each a temporary table of the places where the rows stand. A place names one version of a row, and the
//! snapshot sees this version to its end: so tables without a key and partitioned ones need nothing special.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;

use super::super::super::DatabaseError;
use super::super::error::doing;
use super::super::foreign_keys::{self, Key};
use super::wanted::Businesses;
use crate::catalog::{Catalog, Table, TableName, parents_first};
use crate::sql::{Sql, sql};

/// The rows that are chosen so far. A table without a set is taken whole.
pub(super) struct Picks<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) tables: &'a [Table],
    pub(super) links: Vec<Link>,
    /// The place of each table among all, parents first.
    pub(super) rank: Vec<usize>,
    /// By the number of the table.
    pub(super) sets: BTreeMap<usize, TableName>,
}

/// A foreign key, with the numbers of its tables.
pub(super) struct Link {
    pub(super) child: usize,
    pub(super) parent: usize,
    pub(super) key: Key,
}

impl<'a> Picks<'a> {
    pub(super) async fn new(
        connection: &'a mut PgConnection,
        catalog: &'a Catalog,
    ) -> Result<Self, DatabaseError> {
        let tables = catalog.tables.as_slice();
        let names: Vec<TableName> = tables.iter().map(|table| table.name.clone()).collect();
        let number = |name: &TableName| names.iter().position(|other| other == name);
        let keys = foreign_keys::touching(connection, &names).await?;
        // Keys of single partitions, and those of tables that are never synced, lead nowhere here.
        let link = |key: Key| Some(Link { child: number(&key.child)?, parent: number(&key.parent)?, key });
        let links = keys.into_iter().filter_map(link).collect();
        let mut rank = vec![0; tables.len()];
        for (place, index) in parents_first(tables).tables.into_iter().enumerate() {
            rank[index] = place;
        }
        Ok(Self { connection, tables, links, rank, sets: BTreeMap::new() })
    }

    /// Rows hang on their business too where no foreign key says so.
    pub(super) fn link_to(&mut self, root: usize, businesses: &Businesses<'_>) {
        for (child, table) in self.tables.iter().enumerate() {
            let Some((key, column)) = businesses.named_by(table) else { continue };
            let is_it =
                |link: &Link| link.child == child && link.parent == root && link.key.columns == [column];
            if !self.links.iter().any(is_it) {
                let key = Key::unwritten(table, column, businesses.table, key);
                self.links.push(Link { child, parent: root, key });
            }
        }
    }

    /// A new, empty set for rows of table `index`.
    pub(super) async fn make(&mut self, kind: &str, index: usize) -> Result<TableName, DatabaseError> {
        let name = TableName::new("pg_temp", format!("{kind}_{index}"));
        self.run(index, sql("create temporary table {} (relation oid, place tid)", &[&name])).await?;
        Ok(name)
    }

    /// Returns how many rows the statement wrote.
    pub(super) async fn run(&mut self, index: usize, statement: Sql) -> Result<u64, DatabaseError> {
        let done = sqlx::query(statement.into_query()).execute(&mut *self.connection).await;
        let name = &self.tables[index].name;
        done.map(|done| done.rows_affected()).map_err(doing(format!("choose the rows of {name}")))
    }

    pub(super) fn relation(&self, index: usize) -> Sql {
        relation(&self.tables[index])
    }

    /// Takes out the table that stands before the others when parents come first.
    pub(super) fn take_parent(&self, changed: &mut BTreeSet<usize>) -> Option<usize> {
        let next = changed.iter().copied().min_by_key(|index| self.rank[*index])?;
        changed.take(&next)
    }

    /// The other way round.
    pub(super) fn take_child(&self, changed: &mut BTreeSet<usize>) -> Option<usize> {
        let next = changed.iter().copied().max_by_key(|index| self.rank[*index])?;
        changed.take(&next)
    }
}

/// Without the rows of tables that inherit from this one: they are tables of their own.
pub(super) fn relation(table: &Table) -> Sql {
    if table.partitioned { sql("{}", &[&table.name]) } else { sql("only {}", &[&table.name]) }
}

/// The row `alias` is in the set.
pub(super) fn is_in(set: &TableName, alias: &'static str) -> Sql {
    let alias = sql(alias, &[]);
    sql(
        "exists (select from {} chosen where chosen.relation = {}.tableoid and chosen.place = {}.ctid)",
        &[set, &alias, &alias],
    )
}
