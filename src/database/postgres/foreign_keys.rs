//! Foreign keys checked whole, inside the writing transaction: with triggers off the server does not check them.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::error::doing;
use crate::catalog::TableName;
use crate::sql::{Ident, Operator, Sql, join, sql};

/// One sentence for each foreign key from or to one of `tables` that leads nowhere. Keys that the target itself has
/// marked NOT VALID are not demanded; those that were just made again are known already.
pub(super) async fn orphans(
    connection: &mut PgConnection,
    tables: &[TableName],
    remade: &[Remade],
) -> Result<Vec<String>, DatabaseError> {
    let mut sentences = Vec::new();
    let refuted: Vec<&str> = remade.iter().filter(|it| !it.is_proven).map(|it| &*it.name).collect();
    for key in keys_touching(connection, tables, Some(&refuted)).await? {
        if remade.iter().any(|it| it.is_proven && it.child == key.child && it.name == key.name) {
            continue;
        }
        let orphans: i64 = sqlx::query_scalar(key.count_orphans().into_query())
            .fetch_one(&mut *connection)
            .await
            .map_err(doing(format!("check the foreign key {} of {}", key.name, key.child)))?;
        if orphans > 0 {
            sentences.push(format!(
                "{orphans} rows of {} ({}) point to rows that {} does not have ({})",
                key.child,
                key.columns.join(", "),
                key.parent,
                key.name
            ));
        }
    }
    Ok(sentences)
}

/// A foreign key that was taken off and made again.
pub(super) struct Remade {
    pub(super) child: TableName,
    pub(super) name: String,
    /// False when rows contradict it.
    pub(super) is_proven: bool,
}

/// A foreign key, its child as `c` and its parent as `p`.
pub(super) struct Key {
    name: String,
    pub(super) child: TableName,
    child_partitioned: bool,
    pub(super) parent: TableName,
    parent_partitioned: bool,
    /// MATCH FULL: all columns are null or none is.
    is_full: bool,
    /// The last column is a period, to be covered by the parent's periods together: PostgreSQL 18 and later.
    is_period: bool,
    columns: Vec<String>,
    parent_columns: Vec<String>,
    equalities: Vec<Operator>,
}

impl Key {
    fn new(row: &PgRow) -> Self {
        let schemas: Vec<String> = row.get("operator_schemas");
        let operators: Vec<String> = row.get("operators");
        Self {
            name: row.get("name"),
            child: TableName::new(row.get::<String, _>("child_schema"), row.get::<String, _>("child")),
            child_partitioned: row.get("child_partitioned"),
            parent: TableName::new(row.get::<String, _>("parent_schema"), row.get::<String, _>("parent")),
            parent_partitioned: row.get("parent_partitioned"),
            is_full: row.get("is_full"),
            is_period: row.get("is_period"),
            columns: row.get("columns"),
            parent_columns: row.get("parent_columns"),
            equalities: schemas
                .into_iter()
                .zip(operators)
                .map(|(schema, name)| Operator { schema, name })
                .collect(),
        }
    }

    pub(super) fn child_rows(&self) -> Sql {
        relation(&self.child, self.child_partitioned)
    }

    pub(super) fn parent_rows(&self) -> Sql {
        relation(&self.parent, self.parent_partitioned)
    }

    /// The child's row points somewhere.
    pub(super) fn is_set(&self) -> Sql {
        // Not `is not null`, which asks a composite value whether all of its fields are set.
        let set = self.columns.iter().map(|column| sql("c.{} is distinct from null", &[&Ident(column)]));
        if self.is_full { join(" or ", set) } else { join(" and ", set) }
    }

    /// The child's row points to the parent's, whatever its period.
    pub(super) fn meets(&self) -> Sql {
        let plain = self.columns.len() - usize::from(self.is_period);
        join(
            " and ",
            self.columns[..plain].iter().zip(&self.parent_columns).zip(&self.equalities).map(
                |((column, parent), equals)| sql("p.{} {} c.{}", &[&Ident(parent), equals, &Ident(column)]),
            ),
        )
    }

    fn count_orphans(&self) -> Sql {
        if self.is_period {
            return self.count_uncovered();
        }
        sql(
            "select count(*) from {} c where ({}) and not exists (select from {} p where {})",
            &[&self.child_rows(), &self.is_set(), &self.parent_rows(), &self.meets()],
        )
    }

    fn count_uncovered(&self) -> Sql {
        let period = self.columns.len() - 1;
        sql(
            "select count(*) from {} c
             where ({}) and not coalesce(
                 c.{} operator(pg_catalog.<@) (select range_agg(p.{}) from {} p where {}), false)",
            &[
                &self.child_rows(),
                &self.is_set(),
                &Ident(&self.columns[period]),
                &Ident(&self.parent_columns[period]),
                &self.parent_rows(),
                &self.meets(),
            ],
        )
    }
}

fn relation(name: &TableName, partitioned: bool) -> Sql {
    if partitioned { sql("{}", &[name]) } else { sql("only {}", &[name]) }
}

/// The keys from or to one of `tables`. Of those that the database has marked NOT VALID only the ones in `refuted`, or
/// all of them without such a list.
pub(super) async fn keys_touching(
    connection: &mut PgConnection,
    tables: &[TableName],
    refuted: Option<&[&str]>,
) -> Result<Vec<Key>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(|name| sql("{}", &[name]).as_str().to_owned()).collect();
    let rows = sqlx::query(
        r#"select k.conname::text as name,
                  cn.nspname::text as child_schema, c.relname::text as child, c.relkind = 'p' as child_partitioned,
                  pn.nspname::text as parent_schema, p.relname::text as parent, p.relkind = 'p' as parent_partitioned,
                  k.confmatchtype = 'f' as is_full,
                  coalesce((to_jsonb(k) ->> 'conperiod')::bool, false) as is_period,
                  columns.child as columns, columns.parent as parent_columns,
                  columns.operator_schemas, columns.operators
           from pg_constraint k
           join pg_class c on c.oid = k.conrelid
           join pg_namespace cn on cn.oid = c.relnamespace
           join pg_class p on p.oid = k.confrelid
           join pg_namespace pn on pn.oid = p.relnamespace
           cross join lateral (
               select array_agg(ca.attname::text order by u.place) as child,
                      array_agg(pa.attname::text order by u.place) as parent,
                      array_agg(n.nspname::text order by u.place) as operator_schemas,
                      array_agg(o.oprname::text order by u.place) as operators
               from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality u(child, parent, operator, place)
               join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.child
               join pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.parent
               join pg_operator o on o.oid = u.operator
               join pg_namespace n on n.oid = o.oprnamespace
           ) columns
           where k.contype = 'f' and k.conparentid = 0 and (k.convalidated or $2::text[] is null or k.conname = any($2))
             -- A partition can have keys of its own, in both directions.
             and (coalesce(pg_partition_root(k.conrelid), k.conrelid) = any($1::text[]::regclass[]::oid[])
                  or coalesce(pg_partition_root(k.confrelid), k.confrelid) = any($1::text[]::regclass[]::oid[]))
           order by 2, 3, 1"#,
    )
    .bind(&names)
    .bind(refuted)
    .fetch_all(connection)
    .await
    .map_err(doing("read the foreign keys"))?;
    Ok(rows.iter().map(Key::new).collect())
}
