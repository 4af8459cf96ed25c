//! What a table demands of its rows, as the target's own catalog says it.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::super::DatabaseError;
use super::super::error::doing;
use super::super::statements::Target;
use super::super::uniques::Unique;
use super::{Rule, failed};
use crate::catalog::TableName;
use crate::sql::{Definition, Ident, Part, Sql, join, quoted, sql};

pub(super) fn must_hold(target: &Target, column: &str) -> Rule {
    Rule {
        why: format!("its column {column} holds nothing, which the target does not allow"),
        sqlstate: "23502",
        refuses: of_row(target, &is_missing(column)),
    }
}

/// Without a key no row takes another's place, so that every row of the target stays and keeps its values.
pub(super) fn taken(target: &Target, unique: &Unique) -> Rule {
    Rule {
        why: format!("it needs the value in {} that a row of the target holds", unique.name),
        sqlstate: "23505",
        // As text: PostgreSQL 13 cannot hash places.
        refuses: sql("s.ctid::text in (select s.tandem_place::text from {})", &[&unique.all_met(target)]),
    }
}

/// The target's checks of these definitions, and those that only a partition of it has, as far as all that they look at
/// comes in.
pub(super) async fn checks(
    connection: &mut PgConnection,
    target: &Target,
    definitions: &[String],
) -> Result<Vec<Rule>, DatabaseError> {
    if definitions.is_empty() && !has_known_partitions(target) {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        r#"select k.conname::text as name, pg_get_expr(k.conbin, k.conrelid) as condition,
                  (select p.relname::text from pg_class p where p.oid = k.conrelid and p.relispartition) as part,
                  pg_get_partition_constraintdef(k.conrelid) as bounds
           from (select $1::regclass::oid union select relid from pg_partition_tree($1::regclass) where isleaf and $4)
                relation (oid)
           join pg_constraint k on k.conrelid = relation.oid and k.contype = 'c'
           where case
                 when k.conrelid = $1::regclass then pg_get_constraintdef(k.oid) = any($2)
                 -- What a partition has from the table has the table's name.
                 else not exists (select from pg_constraint r
                                  where r.conrelid = $1::regclass and r.contype = 'c' and r.conname = k.conname)
                 end
             -- conenforced: since PostgreSQL 18.
             and coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
             -- A number below 1 is the whole row, or something of the server's own.
             and not exists (
                 select from unnest(k.conkey) u(number)
                 where not exists (select from pg_attribute a
                                   where a.attrelid = k.conrelid and a.attnum = u.number and u.number > 0
                                     and (a.attname = any($3::text[]) or a.attgenerated <> '' and $5))
             )
           order by k.conrelid <> $1::regclass, k.conrelid, k.conname"#,
    )
    .bind(quoted(&target.table.name))
    .bind(definitions)
    .bind(&target.columns)
    .bind(has_known_partitions(target))
    .bind(target.is_whole())
    .fetch_all(connection)
    .await
    .map_err(failed(target))?;
    let rule = |row: &PgRow| {
        let of =
            row.get::<Option<String>, _>("part").map(|part| format!(" of the target's partition {part}"));
        Rule {
            why: format!(
                "it contradicts the constraint {}{}",
                row.get::<String, _>("name"),
                of.unwrap_or_default()
            ),
            sqlstate: "23514",
            refuses: sql(
                "{} and {}",
                &[
                    &within(row.get("bounds")),
                    &of_row(target, &sql("({}) is false", &[&Definition(row.get("condition"))])),
                ],
            ),
        }
    };
    Ok(rows.iter().map(rule).collect())
}

/// No partition takes the row, or the one that does wants a value where the table does not.
pub(super) async fn partitions(
    connection: &mut PgConnection,
    target: &Target,
) -> Result<Vec<Rule>, DatabaseError> {
    if !has_known_partitions(target) {
        return Ok(Vec::new());
    }
    let leaves = sqlx::query(
        "select p.relname::text as name, pg_get_partition_constraintdef(t.relid) as bounds,
                array(select a.attname::text
                      from pg_attribute a
                      join pg_attribute r on r.attrelid = $1::regclass and r.attname = a.attname and not r.attnotnull
                      where a.attrelid = t.relid and a.attnotnull and a.attname = any($2::text[])
                      order by 1) as demanded
         from pg_partition_tree($1::regclass) t
         join pg_class p on p.oid = t.relid
         where t.isleaf",
    )
    .bind(quoted(&target.table.name))
    .bind(&target.columns)
    .fetch_all(connection)
    .await
    .map_err(failed(target))?;
    let (mut rules, mut outside) = (Vec::new(), Vec::new());
    for leaf in &leaves {
        let (name, within) = (leaf.get::<String, _>("name"), within(leaf.get("bounds")));
        for column in leaf.get::<Vec<String>, _>("demanded") {
            rules.push(Rule {
                why: format!(
                    "its column {column} holds nothing, which the target's partition {name} does not allow"
                ),
                sqlstate: "23502",
                refuses: sql("{} and {}", &[&within, &is_missing(&column)]),
            });
        }
        outside.push(sql("not {}", &[&within]));
    }
    rules.push(Rule {
        why: "no partition of the target takes it".to_owned(),
        sqlstate: "23514",
        refuses: join(" and ", outside.into_iter().chain([sql("true", &[])])),
    });
    Ok(rules)
}

/// The partition of a row whose columns do not all come in is not known.
fn has_known_partitions(target: &Target) -> bool {
    target.table.partitioned && target.is_whole()
}

/// A row belongs to the partition `table`.
pub(super) async fn part(connection: &mut PgConnection, table: &TableName) -> Result<Sql, DatabaseError> {
    let bounds = sqlx::query_scalar("select pg_get_partition_constraintdef($1::regclass)")
        .bind(quoted(table))
        .fetch_one(connection)
        .await
        .map_err(doing(format!("read the bounds of {table}")))?;
    Ok(within(bounds))
}

/// A row is within `bounds`. A partition without any takes every row.
fn within(bounds: Option<String>) -> Sql {
    bounds.map_or_else(|| sql("true", &[]), |bounds| sql("({}) is not false", &[&Definition(bounds)]))
}

/// What a condition says of the staged row `s` and the columns that the target computes from it.
fn of_row(target: &Target, condition: &Sql) -> Sql {
    let computed: Vec<Sql> = target
        .table
        .columns
        .iter()
        .filter_map(|column| {
            let (expression, type_name) = (column.expression.clone()?, column.type_name.clone());
            let parts: [&dyn Part; 3] =
                [&Definition(expression), &Definition(type_name), &Ident(&column.name)];
            Some(sql("({})::{} as {}", &parts))
        })
        .collect();
    if computed.is_empty() || !target.is_whole() {
        return condition.clone();
    }
    sql("exists (select from (select s.*, {}) made where {})", &[&join(", ", computed), condition])
}

/// Not `is null`, which asks a composite value for its fields.
fn is_missing(column: &str) -> Sql {
    sql("{} is not distinct from null", &[&Ident(column)])
}
