//! What exists and is never synced, each with its reason: silence would be taken for completeness.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::super::{DatabaseError, LARGE_OBJECTS, skipped};
use super::super::error::doing;
use crate::catalog::{Finding, TableName};
use crate::model::{Skipped, text};

pub(super) async fn read(connection: &mut PgConnection) -> Result<Vec<Skipped>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname || '.' || c.relname as name,
                  case when e.extname is not null then 'belongs to the extension ' || e.extname
                       when c.relpersistence = 't' then 'temporary table'
                       when c.relkind = 'f' then 'foreign table'
                       when c.relkind = 'v' then 'view'
                       when c.relkind = 'm' then 'materialized view: refresh it after the sync'
                       else 'unlogged table' end as reason
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
           left join pg_extension e on e.oid = d.refobjid
           where n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
             and n.nspname !~ '^pg_toast'
             and (c.relkind in ('f', 'v', 'm')
                  or c.relkind in ('r', 'p') and (c.relpersistence in ('u', 't') or e.extname is not null))
             and not c.relispartition
           order by 1"#,
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(doing("read what is left out"))?;
    let mut list: Vec<Skipped> =
        rows.iter().map(|row| skipped(row.get::<String, _>("name"), row.get("reason"))).collect();
    let objects: i64 = sqlx::query_scalar("select count(*) from pg_largeobject_metadata")
        .fetch_one(connection)
        .await
        .map_err(doing("count the large objects"))?;
    if objects > 0 {
        let objects = text::counted(objects.unsigned_abs(), "large object", "large objects");
        list.push(skipped(objects, LARGE_OBJECTS));
    }
    Ok(list)
}

/// Partitions whose rows a backup does not hold, although they are rows of a table that it does hold: of all but the
/// tables in `left_out`.
pub(in super::super) async fn partitions_elsewhere(
    connection: &mut PgConnection,
    left_out: &[String],
) -> Result<Vec<Finding>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname || '.' || c.relname as name, rn.nspname || '.' || r.relname as root,
                  case c.relkind when 'f' then 'a foreign table' else 'unlogged' end as kind
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_class r on r.oid = pg_partition_root(c.oid)
           join pg_namespace rn on rn.oid = r.relnamespace
           where c.relispartition and (c.relkind = 'f' or c.relkind = 'r' and c.relpersistence = 'u')
             and rn.nspname <> 'tandem' and rn.nspname || '.' || r.relname <> all($1)
           order by 1"#,
    )
    .bind(left_out)
    .fetch_all(connection)
    .await
    .map_err(doing("read the partitions"))?;
    Ok(rows
        .iter()
        .map(|row| {
            let [name, root, kind] = ["name", "root", "kind"].map(|column| row.get::<String, _>(column));
            Finding::block(
                format!("Partition {name} of {root} is {kind}, so a backup has none of its rows."),
                format!("Detach {name}, or make it an ordinary table."),
            )
        })
        .collect())
}

/// A partition whose columns stand in another order than those of its table.
pub(in super::super) async fn disordered_partition(
    connection: &mut PgConnection,
) -> Result<Option<String>, DatabaseError> {
    sqlx::query_scalar(
        r#"select n.nspname || '.' || c.relname
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           where c.relkind = 'r' and c.relispartition
             and array(select a.attname from pg_attribute a
                       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                       order by a.attnum)
              <> array(select a.attname from pg_attribute a
                       where a.attrelid = pg_partition_root(c.oid) and a.attnum > 0 and not a.attisdropped
                       order by a.attnum)
           order by 1
           limit 1"#,
    )
    .fetch_optional(connection)
    .await
    .map_err(doing("read the columns of the partitions"))
}

/// The tables of these full names, and the partitions of those that have some.
pub(in super::super) async fn with_partitions(
    connection: &mut PgConnection,
    names: &[String],
) -> Result<Vec<TableName>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname::text as schema, c.relname::text as name
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           left join pg_class r on r.oid = pg_partition_root(c.oid)
           left join pg_namespace rn on rn.oid = r.relnamespace
           where c.relkind in ('r', 'p')
             and coalesce(rn.nspname || '.' || r.relname, n.nspname || '.' || c.relname) = any($1)
           order by 1, 2"#,
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(doing("read the partitions"))?;
    let name = |row: &PgRow| TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name"));
    Ok(rows.iter().map(name).collect())
}
