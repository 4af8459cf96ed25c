//! Unique and exclusion constraints that are deferrable, checked whole after a table is written.
//!
//! The server checks them by internal triggers, and these are off with all others while we write: without this a value
//! could stand twice under such a constraint, and nobody would ever be told.

use std::collections::BTreeSet;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::error::doing;
use super::statements::Target;
use crate::catalog::TableName;
use crate::sql::{Ident, Operator, Sql, join, names, quoted, sql};

/// The tables with such a constraint, by their place, once somebody has asked.
#[derive(Default)]
pub(super) struct Deferrable(Option<BTreeSet<usize>>);

impl Deferrable {
    /// Whether any is about the table at `place`. All of `tables` are locked by now.
    pub(super) async fn concern(
        &mut self,
        connection: &mut PgConnection,
        tables: &[TableName],
        place: usize,
    ) -> Result<bool, DatabaseError> {
        let concerned = match self.0.take() {
            Some(concerned) => concerned,
            None => concerned(connection, tables).await?,
        };
        Ok(self.0.insert(concerned).contains(&place))
    }
}

async fn concerned(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<BTreeSet<usize>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(quoted).collect();
    let places: Vec<i64> = sqlx::query_scalar(
        "select distinct u.place - 1
         from pg_constraint k
         join unnest($1::text[]) with ordinality u(name, place)
             on u.name::regclass = coalesce(pg_partition_root(k.conrelid), k.conrelid)
         where k.contype in ('p', 'u', 'x') and k.condeferrable",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(doing("look for deferrable constraints"))?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect())
}

/// Refuses with the name of the first constraint that the rows of `target` break.
pub(super) async fn check(connection: &mut PgConnection, target: &Target) -> Result<(), DatabaseError> {
    let table = &target.table.name;
    for row in constraints(connection, target).await? {
        let name: String = row.get("name");
        let statement = if row.get("has_expression") {
            None
        } else if row.get("is_exclusion") {
            Some(meeting(&row))
        } else {
            Some(twice(&row))
        };
        let refused = |reason: &str, sqlstate: &str| DatabaseError::Statement {
            what: format!("write rows of {table}"),
            reason: format!("{reason} (constraint {name})"),
            sqlstate: sqlstate.to_owned(),
        };
        let Some(statement) = statement else {
            return Err(refused(
                "a deferrable exclusion constraint with an expression cannot be checked",
                "0A000",
            ));
        };
        let is_broken: bool = sqlx::query_scalar(statement.into_query())
            .fetch_one(&mut *connection)
            .await
            .map_err(doing(format!("check the constraint {name} of {table}")))?;
        if is_broken {
            return Err(refused("two rows have the same values under a deferrable constraint", "23505"));
        }
    }
    Ok(())
}

fn columns(row: &PgRow) -> Vec<String> {
    row.get("columns")
}

/// The table, or the partition of it, that the constraint is on.
fn relation(row: &PgRow) -> Sql {
    let name = TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("relation"));
    if row.get("is_partitioned") { sql("{}", &[&name]) } else { sql("only {}", &[&name]) }
}

fn twice(row: &PgRow) -> Sql {
    let columns = columns(row);
    let set = match row.get("nulls_meet") {
        true => sql("true", &[]),
        false => {
            join(" and ", columns.iter().map(|column| sql("{} is distinct from null", &[&Ident(column)])))
        }
    };
    sql(
        "select exists (select from {} where {} group by {} having count(*) > 1)",
        &[&relation(row), &set, &names(&columns)],
    )
}

fn meeting(row: &PgRow) -> Sql {
    let schemas: Vec<String> = row.get("operator_schemas");
    let operators: Vec<String> = row.get("operators");
    let meet =
        columns(row).into_iter().zip(schemas.into_iter().zip(operators)).map(|(column, (schema, name))| {
            sql("a.{} {} b.{}", &[&Ident(&column), &Operator { schema, name }, &Ident(&column)])
        });
    sql(
        "select exists (select from {} a join {} b on (a.tableoid, a.ctid) <> (b.tableoid, b.ctid) and {})",
        &[&relation(row), &relation(row), &join(" and ", meet)],
    )
}

async fn constraints(connection: &mut PgConnection, target: &Target) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select cn.nspname::text as schema, c.relname::text as relation, c.relkind = 'p' as is_partitioned,
                  k.conname::text as name, k.contype = 'x' as is_exclusion,
                  i.indpred is not null or i.indexprs is not null as has_expression,
                  -- Since PostgreSQL 15.
                  coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) as nulls_meet,
                  array(select a.attname::text
                        from unnest(i.indkey::int2[]) with ordinality u(number, place)
                        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
                        where u.place <= i.indnkeyatts
                        order by u.place) as columns,
                  array(select n.nspname::text
                        from unnest(k.conexclop) with ordinality u(operator, place)
                        join pg_operator o on o.oid = u.operator
                        join pg_namespace n on n.oid = o.oprnamespace
                        order by u.place) as operator_schemas,
                  array(select o.oprname::text
                        from unnest(k.conexclop) with ordinality u(operator, place)
                        join pg_operator o on o.oid = u.operator
                        order by u.place) as operators
           from pg_constraint k
           join pg_class c on c.oid = k.conrelid
           join pg_namespace cn on cn.oid = c.relnamespace
           join pg_index i on i.indexrelid = k.conindid
           where coalesce(pg_partition_root(k.conrelid), k.conrelid) = $1::text::regclass and k.contype in ('p', 'u', 'x') and k.condeferrable
             and k.conparentid = 0
           order by k.conname"#,
    )
    .bind(quoted(&target.table.name))
    .fetch_all(connection)
    .await
    .map_err(doing(format!("read the constraints of {}", target.table.name)))
}
