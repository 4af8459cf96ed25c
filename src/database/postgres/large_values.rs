//! The values of a snapshot -> those that are too large for COPY text, found before anything is sent.
//!
//! PostgreSQL builds a row's text in one piece of at most 1 GiB, and a bytea takes twice its size in it: without this
//! check a backup would end in the middle with "invalid memory alloc request size".

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use crate::catalog::{Finding, Table, TableName};
use crate::sql::{Ident, Literal, Sql, join, sql};

/// The largest value and the largest row, in bytes. Text can double when it is escaped, as bytea does.
const LARGEST_VALUE: i64 = 256 << 20;
const LARGEST_ROW: i64 = 500 << 20;
/// No compression of the server makes a value smaller than this part of it.
const COMPRESSION: i64 = 255;

/// Only tables that store much outside of their rows are read, and of these only lengths: nothing is unpacked.
pub(super) async fn too_large(
    connection: &mut PgConnection,
    tables: &[Table],
) -> Result<Vec<Finding>, DatabaseError> {
    let mut found = Vec::new();
    for (name, Candidate { key, columns }) in candidates(connection, tables).await? {
        let lengths = columns.iter().map(Column::length);
        let largest = join(", ", lengths.clone().map(|length| sql("coalesce(max({}), 0)", &[&length])));
        let whole = join(" + ", lengths.map(|length| sql("coalesce({}, 0)", &[&length])));
        let statement = sql(
            "select array[{}]::bigint[], coalesce(max({}), 0)::bigint from only {}",
            &[&largest, &whole, &name],
        );
        let (largest, row): (Vec<i64>, i64) = sqlx::query_as(statement.into_query())
            .fetch_one(&mut *connection)
            .await
            .map_err(doing(format!("measure the values of {name}")))?;
        for (column, size) in columns.iter().zip(&largest).filter(|(_, size)| **size > LARGEST_VALUE) {
            let at = largest_at(connection, &name, &key, &column.length()).await?;
            found.push(Finding::block(
                format!(
                    "Column {name}.{} holds a value of {} MB{at}; at most {} MB can be synced.",
                    column.name,
                    size >> 20,
                    LARGEST_VALUE >> 20
                ),
                format!(
                    "Cut {name}.{} into pieces, keep it outside of the database, or leave {name} out.",
                    column.name
                ),
            ));
        }
        if row > LARGEST_ROW && largest.iter().all(|size| *size <= LARGEST_VALUE) {
            let at = largest_at(connection, &name, &key, &whole).await?;
            found.push(Finding::block(
                format!(
                    "A row of {name} has {} MB{at}; at most {} MB can be synced.",
                    row >> 20,
                    LARGEST_ROW >> 20
                ),
                format!("Spread the values of {name} over several rows, or leave {name} out."),
            ));
        }
    }
    Ok(found)
}

/// ` (id 7)`: the row with the greatest of `length`; nothing of a table without a key.
async fn largest_at(
    connection: &mut PgConnection,
    table: &TableName,
    key: &[String],
    length: &Sql,
) -> Result<String, DatabaseError> {
    let Some(key) = key_text(key) else {
        return Ok(String::new());
    };
    let statement = sql("select {} from only {} order by {} desc nulls last limit 1", &[&key, table, length]);
    let key: Result<String, _> = sqlx::query_scalar(statement.into_query()).fetch_one(connection).await;
    key.map(|key| format!(" ({key})")).map_err(doing(format!("measure the values of {table}")))
}

/// `id 7`, as an expression; none for a table without a key.
pub(super) fn key_text(key: &[String]) -> Option<Sql> {
    let parts = key.iter().map(|column| sql("{} || ' ' || {}::text", &[&Literal(column), &Ident(column)]));
    (!key.is_empty()).then(|| join(" || ', ' || ", parts))
}

/// A table, or a part of one, that can hold a large value.
struct Candidate {
    key: Vec<String>,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    /// Its length is known without unpacking it.
    is_plain: bool,
}

impl Column {
    fn length(&self) -> Sql {
        let name = Ident(&self.name);
        if self.is_plain {
            return sql("octet_length({})::bigint", &[&name]);
        }
        let threshold = LARGEST_VALUE / COMPRESSION;
        sql(
            "case when pg_column_size({}) > {} then octet_length({}::text)::bigint end",
            &[&name, &threshold, &name],
        )
    }
}

/// Columns of any length in the tables, or partitions of them, that could hold a large value.
async fn candidates(
    connection: &mut PgConnection,
    tables: &[Table],
) -> Result<BTreeMap<TableName, Candidate>, DatabaseError> {
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        tables.iter().map(|table| (table.name.schema.as_str(), table.name.name.as_str())).unzip();
    let rows = sqlx::query(
        r#"select n.nspname::text as schema, c.relname::text as name, listed.place, a.attname::text as column_name,
                  coalesce(nullif(t.typbasetype, 0), t.oid) = any('{bytea,text,varchar,bpchar}'::regtype[]) as is_plain
           from unnest($1::text[], $2::text[]) with ordinality listed(schema, name, place)
           join pg_namespace ln on ln.nspname = listed.schema
           join pg_class l on l.relnamespace = ln.oid and l.relname = listed.name
           cross join lateral (
               select l.oid where l.relkind <> 'p'
               union all select relid from pg_partition_tree(l.oid) where l.relkind = 'p'
           ) part
           join pg_class c on c.oid = part.oid
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
           join pg_type t on t.oid = a.atttypid
           where c.relkind = 'r' and c.reltoastrelid <> 0 and pg_relation_size(c.reltoastrelid) > $3
             and a.attlen = -1 and a.attstorage <> 'p'
           order by c.oid, a.attnum"#,
    )
    .bind(schemas)
    .bind(names)
    .bind(LARGEST_VALUE / COMPRESSION)
    .fetch_all(connection)
    .await
    .map_err(doing("look for large values"))?;
    let mut found: BTreeMap<TableName, Candidate> = BTreeMap::new();
    for row in rows {
        let listed = usize::try_from(row.get::<i64, _>("place") - 1).ok().and_then(|place| tables.get(place));
        let key = listed.map(|table| table.key().to_vec()).unwrap_or_default();
        let table = TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name"));
        let column = Column { name: row.get("column_name"), is_plain: row.get("is_plain") };
        found.entry(table).or_insert(Candidate { key, columns: Vec::new() }).columns.push(column);
    }
    Ok(found)
}
