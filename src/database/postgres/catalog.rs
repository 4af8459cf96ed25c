//! pg_catalog -> our catalog.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::{DatabaseError, skipped};
use super::error::doing;
use crate::catalog::{Catalog, Column, ForeignKey, Identity, Table, TableName, Unique};
use crate::model::Skipped;

/// Reads what the connection's transaction sees.
pub(super) async fn read(connection: &mut PgConnection) -> Result<Catalog, DatabaseError> {
    let (mut oids, mut tables) = (Vec::new(), Vec::new());
    for row in tables_in(connection).await? {
        oids.push(row.get::<i64, _>("oid"));
        tables.push(table(&row));
    }
    let index: HashMap<i64, usize> = oids.iter().enumerate().map(|(index, oid)| (*oid, index)).collect();

    for row in columns_of(connection, &oids).await? {
        tables[index[&row.get::<i64, _>("oid")]].columns.push(column(&row));
    }
    for row in keys_of(connection, &oids).await? {
        let table = &mut tables[index[&row.get::<i64, _>("oid")]];
        let unique = unique(&row);
        if row.get("is_primary") {
            table.primary_key = unique.columns;
        } else {
            table.uniques.push(unique);
        }
    }
    for row in foreign_keys_of(connection, &oids).await? {
        tables[index[&row.get::<i64, _>("oid")]].foreign_keys.push(foreign_key(&row));
    }
    for row in triggers_of(connection, &oids).await? {
        tables[index[&row.get::<i64, _>("oid")]].triggers.push(row.get("name"));
    }
    Ok(Catalog { tables, skipped: left_out(connection).await? })
}

fn table(row: &PgRow) -> Table {
    Table {
        name: TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name")),
        columns: Vec::new(),
        primary_key: Vec::new(),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        partitioned: row.get("partitioned"),
        triggers: Vec::new(),
        row_security: row.get("row_security"),
        estimated_rows: row.get::<i64, _>("rows").unsigned_abs(),
    }
}

fn column(row: &PgRow) -> Column {
    Column {
        name: row.get("name"),
        type_name: row.get("type_name"),
        not_null: row.get("not_null"),
        has_default: row.get("has_default"),
        generated: row.get("generated"),
        identity: match row.get::<&str, _>("identity") {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
    }
}

fn unique(row: &PgRow) -> Unique {
    Unique {
        name: row.get("name"),
        columns: row.get("columns"),
        partial: row.get("is_partial"),
        identifies: row.get("identifies"),
    }
}

fn foreign_key(row: &PgRow) -> ForeignKey {
    ForeignKey {
        name: row.get("name"),
        columns: row.get("columns"),
        parent: TableName::new(row.get::<String, _>("parent_schema"), row.get::<String, _>("parent_name")),
        parent_columns: row.get("parent_columns"),
    }
}

async fn tables_in(connection: &mut PgConnection) -> Result<Vec<PgRow>, DatabaseError> {
    // A table that was never analysed has reltuples -1: then its size stands in, at 100 bytes a row.
    sqlx::query(
        r#"select c.oid::bigint as oid, n.nspname::text as schema, c.relname::text as name,
                  c.relkind = 'p' as partitioned, c.relrowsecurity as row_security,
                  (select coalesce(sum(case when l.reltuples >= 0 then l.reltuples
                                            else pg_relation_size(l.oid) / 100 end), 0)::bigint
                   from pg_class l
                   where l.relkind = 'r' and (l.oid = c.oid or l.oid in (select relid from pg_partition_tree(c.oid)))
                  ) as rows
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p')
             and not c.relispartition
             and c.relpersistence = 'p'
             and n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
             and n.nspname !~ '^pg_(toast|temp)'
             and not exists (
                 select from pg_depend d
                 where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
             )
           order by n.nspname collate "C", c.relname collate "C""#,
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read the list of tables"))
}

async fn columns_of(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        "select a.attrelid::bigint as oid, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type_name,
                a.attnotnull as not_null, a.attgenerated <> '' as generated, a.attidentity::text as identity,
                (a.atthasdef and a.attgenerated = '') or a.attidentity <> '' as has_default
         from pg_attribute a
         where a.attrelid = any($1::bigint[]::oid[]) and a.attnum > 0 and not a.attisdropped
         order by a.attrelid, a.attnum",
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the columns"))
}

/// Unique and exclusion indexes; the first ones that can identify a row come first, the smallest before others.
async fn keys_of(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select i.indrelid::bigint as oid, ic.relname::text as name, i.indisprimary as is_primary,
                  k.columns,
                  i.indpred is not null or i.indexprs is not null or i.indisexclusion as is_partial,
                  i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
                      and not i.indisexclusion and k.all_not_null as identifies
           from pg_index i
           join pg_class ic on ic.oid = i.indexrelid
           cross join lateral (
               select coalesce(array_agg(a.attname::text order by u.place), '{}') as columns,
                      coalesce(bool_and(a.attnotnull), false) as all_not_null
               from unnest(i.indkey::int2[]) with ordinality u(number, place)
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
               where u.place <= i.indnkeyatts and u.number > 0
           ) k
           where i.indrelid = any($1::bigint[]::oid[]) and (i.indisunique or i.indisexclusion)
           order by i.indrelid, i.indnkeyatts, ic.relname collate "C""#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the unique keys"))
}

async fn foreign_keys_of(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    // conparentid: a key on a partitioned table is repeated on each partition.
    sqlx::query(
        r#"select k.conrelid::bigint as oid, k.conname::text as name,
                  pn.nspname::text as parent_schema, p.relname::text as parent_name,
                  (select array_agg(a.attname::text order by u.place)
                   from unnest(k.conkey) with ordinality u(number, place)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number) as columns,
                  (select array_agg(a.attname::text order by u.place)
                   from unnest(k.confkey) with ordinality u(number, place)
                   join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number) as parent_columns
           from pg_constraint k
           join pg_class p on p.oid = k.confrelid
           join pg_namespace pn on pn.oid = p.relnamespace
           where k.contype = 'f' and k.conrelid = any($1::bigint[]::oid[]) and k.conparentid = 0
           order by k.conrelid, k.conname collate "C""#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the foreign keys"))
}

async fn triggers_of(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select t.tgrelid::bigint as oid, t.tgname::text as name
           from pg_trigger t
           where t.tgrelid = any($1::bigint[]::oid[]) and not t.tgisinternal and t.tgenabled <> 'D'
           order by t.tgrelid, t.tgname collate "C""#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the triggers"))
}

/// What exists and is never synced, each with its reason.
async fn left_out(connection: &mut PgConnection) -> Result<Vec<Skipped>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname || '.' || c.relname as name,
                  case when e.extname is not null then 'belongs to the extension ' || e.extname
                       when c.relkind = 'f' then 'foreign table'
                       when c.relkind = 'v' then 'view'
                       when c.relkind = 'm' then 'materialized view: refresh it after the sync'
                       else 'unlogged table' end as reason
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
           left join pg_extension e on e.oid = d.refobjid
           where n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
             and n.nspname !~ '^pg_(toast|temp)'
             and (c.relkind in ('f', 'v', 'm')
                  or c.relkind in ('r', 'p') and (c.relpersistence = 'u' or e.extname is not null))
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
        list.push(skipped(format!("{objects} large objects"), "large objects are not synced"));
    }
    Ok(list)
}
