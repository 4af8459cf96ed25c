//! Foreign keys checked whole, inside the writing transaction: with triggers off the server does not check them.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::conflicts::numbered;
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
    for row in keys_touching(connection, tables, remade).await? {
        let key = Key::new(&row);
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

pub(super) struct Key {
    pub(super) name: String,
    pub(super) child: TableName,
    child_partitioned: bool,
    pub(super) parent: TableName,
    parent_partitioned: bool,
    /// MATCH FULL: all columns are null or none is.
    is_full: bool,
    /// The last column is a period, to be covered by the parent's periods together: PostgreSQL 18 and later.
    pub(super) is_period: bool,
    pub(super) columns: Vec<String>,
    pub(super) parent_columns: Vec<String>,
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

    /// The row `child` references something.
    pub(super) fn is_set(&self, child: &'static str) -> Sql {
        let child = sql(child, &[]);
        // Not `is not null`, which asks a composite value whether all of its fields are set.
        let set =
            self.columns.iter().map(|column| sql("{}.{} is distinct from null", &[&child, &Ident(column)]));
        if self.is_full { join(" or ", set) } else { join(" and ", set) }
    }

    /// The row `parent` is what the row `child` references.
    pub(super) fn met(&self, parent: &'static str, child: &'static str) -> Sql {
        let (parent, child) = (sql(parent, &[]), sql(child, &[]));
        let columns = self.columns.iter().zip(&self.parent_columns).zip(&self.equalities);
        join(
            " and ",
            columns.map(|((column, name), equals)| {
                sql("{}.{} {} {}.{}", &[&parent, &Ident(name), equals, &child, &Ident(column)])
            }),
        )
    }

    /// The row `child` references the row whose key stands in `pair` as `{prefix}0`, `{prefix}1`, … in the order of
    /// `key`.
    pub(super) fn met_by(
        &self,
        pair: &'static str,
        prefix: &'static str,
        key: &[String],
        child: &'static str,
    ) -> Sql {
        let (pair, child) = (sql(pair, &[]), sql(child, &[]));
        let columns = self.columns.iter().zip(&self.parent_columns).zip(&self.equalities);
        join(
            " and ",
            columns.map(|((column, name), equals)| {
                let place = key.iter().position(|other| other == name).unwrap_or_default();
                sql("{}.{} {} {}.{}", &[&pair, &numbered(prefix, place), equals, &child, &Ident(column)])
            }),
        )
    }

    /// Its parent's columns are those of this key.
    pub(super) fn leads_to(&self, key: &[String]) -> bool {
        self.parent_columns.len() == key.len() && self.parent_columns.iter().all(|name| key.contains(name))
    }

    pub(super) fn parent_relation(&self) -> Sql {
        relation(&self.parent, self.parent_partitioned)
    }

    fn count_orphans(&self) -> Sql {
        let (set, met) = (self.is_set("c"), self.met("p", "c"));
        if self.is_period {
            let parent = self.parent_relation();
            return self.count_uncovered(&relation(&self.child, self.child_partitioned), &set, &parent);
        }
        sql(
            "select count(*) from {} c where ({}) and not exists (select from {} p where {})",
            &[&relation(&self.child, self.child_partitioned), &set, &self.parent_relation(), &met],
        )
    }

    fn count_uncovered(&self, child: &Sql, set: &Sql, parent: &Sql) -> Sql {
        let plain = self.columns.len() - 1;
        let met = join(
            " and ",
            self.columns[..plain].iter().zip(&self.parent_columns).zip(&self.equalities).map(
                |((column, parent), equals)| sql("p.{} {} c.{}", &[&Ident(parent), equals, &Ident(column)]),
            ),
        );
        sql(
            "select count(*) from {} c
             where ({}) and not coalesce(
                 c.{} operator(pg_catalog.<@) (select range_agg(p.{}) from {} p where {}), false)",
            &[child, set, &Ident(&self.columns[plain]), &Ident(&self.parent_columns[plain]), parent, &met],
        )
    }
}

/// The foreign keys of `table` itself.
pub(super) async fn from(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<Key>, DatabaseError> {
    let rows = keys_touching(connection, std::slice::from_ref(table), &[]).await?;
    Ok(rows.iter().map(Key::new).filter(|key| key.child == *table).collect())
}

/// The foreign keys that lead to `table`.
pub(super) async fn towards(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<Key>, DatabaseError> {
    let rows = keys_touching(connection, std::slice::from_ref(table), &[]).await?;
    Ok(rows.iter().map(Key::new).filter(|key| key.parent == *table).collect())
}

fn relation(name: &TableName, partitioned: bool) -> Sql {
    if partitioned { sql("{}", &[name]) } else { sql("only {}", &[name]) }
}

async fn keys_touching(
    connection: &mut PgConnection,
    tables: &[TableName],
    remade: &[Remade],
) -> Result<Vec<PgRow>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(|name| sql("{}", &[name]).as_str().to_owned()).collect();
    let refuted: Vec<&str> = remade.iter().filter(|it| !it.is_proven).map(|it| &*it.name).collect();
    sqlx::query(
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
           where k.contype = 'f' and k.conparentid = 0 and (k.convalidated or k.conname = any($2))
             -- A partition can have keys of its own, in both directions.
             and (coalesce(pg_partition_root(k.conrelid), k.conrelid) = any($1::text[]::regclass[]::oid[])
                  or coalesce(pg_partition_root(k.confrelid), k.confrelid) = any($1::text[]::regclass[]::oid[]))
           order by 2, 3, 1"#,
    )
    .bind(&names)
    .bind(&refuted)
    .fetch_all(connection)
    .await
    .map_err(doing("read the foreign keys"))
}
