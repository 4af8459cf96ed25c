//! pg_catalog -> our catalog.

mod blueprints;
mod constraints;
mod left_out;
mod types;

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

pub(super) use left_out::{disordered_partition, partitions_elsewhere, with_partitions};

use super::super::{DatabaseError, skipped as skip};
use super::error::doing;
use crate::catalog::{Action, Catalog, Column, ForeignKey, Identity, Table, TableName, Terms, Unique};

/// Reads what the connection's transaction sees.
pub(super) async fn read(connection: &mut PgConnection) -> Result<Catalog, DatabaseError> {
    let (oids, tables) = numbered_tables(connection).await?;
    let blueprints = blueprints::read(connection, &oids, &tables).await?;
    let mut skipped = left_out::read(connection).await?;
    let (tables, bare): (Vec<Table>, Vec<Table>) =
        tables.into_iter().partition(|table| table.columns.iter().any(|column| !column.generated));
    skipped
        .extend(bare.iter().map(|table| skip(table.name.to_string(), "it has no column that could be sent")));
    Ok(Catalog {
        tables,
        types: types::read(connection).await?,
        extensions: types::extensions(connection).await?,
        skipped,
        blueprints,
        type_plans: types::plans(connection).await?,
        routines: types::routines(connection).await?,
    })
}

/// All tables, those that could never be sent among them.
pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, DatabaseError> {
    Ok(numbered_tables(connection).await?.1)
}

/// The tables and the server's number of each.
async fn numbered_tables(connection: &mut PgConnection) -> Result<(Vec<i64>, Vec<Table>), DatabaseError> {
    let (mut oids, mut tables) = (Vec::new(), Vec::new());
    for row in tables_in(connection).await? {
        oids.push(row.get::<i64, _>("oid"));
        tables.push(table(&row));
    }
    let index: HashMap<i64, usize> = oids.iter().enumerate().map(|(index, oid)| (*oid, index)).collect();

    for row in columns_of(connection, &oids).await? {
        tables[index[&row.get::<i64, _>("oid")]].columns.push(column(&row));
    }
    for row in constraints::keys_of(connection, &oids).await? {
        let table = &mut tables[index[&row.get::<i64, _>("oid")]];
        let unique = unique(&row);
        // Of a computed column no value comes in by which a row could be found.
        if row.get("is_primary") && !row.get::<bool, _>("has_computed") {
            table.primary_key = unique.columns;
        } else {
            table.uniques.push(unique);
        }
    }
    for row in constraints::foreign_keys_of(connection, &oids).await? {
        tables[index[&row.get::<i64, _>("oid")]].foreign_keys.push(foreign_key(&row));
    }
    for row in constraints::checks_of(connection, &oids).await? {
        tables[index[&row.get::<i64, _>("oid")]].checks.push(row.get("text"));
    }
    for row in constraints::triggers_of(connection, &oids).await? {
        let table = &mut tables[index[&row.get::<i64, _>("oid")]];
        if row.get("is_trigger") {
            table.triggers.push(row.get("name"));
        }
        if row.get("unstoppable") {
            table.unstoppable.push(row.get("title"));
        }
    }
    Ok((oids, tables))
}

/// The names of the tables alone.
pub(super) async fn names(connection: &mut PgConnection) -> Result<Vec<TableName>, DatabaseError> {
    Ok(tables_in(connection).await?.iter().map(|row| table(row).name).collect())
}

fn table(row: &PgRow) -> Table {
    Table {
        name: TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name")),
        columns: Vec::new(),
        primary_key: Vec::new(),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        partitioned: row.get("partitioned"),
        checks: Vec::new(),
        triggers: Vec::new(),
        unstoppable: Vec::new(),
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
        expression: row.get("expression"),
        functions: row
            .get::<Vec<String>, _>("functions")
            .into_iter()
            .zip(row.get::<Vec<String>, _>("bodies"))
            .collect(),
        folds: row.get("folds"),
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
        terms: Terms {
            on_delete: action(row.get("on_delete")),
            on_update: action(row.get("on_update")),
            full: row.get("is_full"),
            deferrable: row.get("is_deferrable"),
            deferred: row.get("is_deferred"),
            special: row.get("is_special"),
        },
    }
}

fn action(letter: &str) -> Action {
    match letter {
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

async fn tables_in(connection: &mut PgConnection) -> Result<Vec<PgRow>, DatabaseError> {
    // A table that was never analysed has reltuples -1: then its size stands in, at 100 bytes a row. All are added up in
    // one pass: with thousands of tables one each would take longer than the sync.
    sqlx::query(
        r#"select c.oid::bigint as oid, n.nspname::text as schema, c.relname::text as name,
                  c.relkind = 'p' as partitioned, c.relrowsecurity as row_security,
                  coalesce(sum(case when l.reltuples >= 0 then l.reltuples
                                    else pg_relation_size(l.oid) / 100 end), 0)::bigint as rows
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           left join pg_class l on l.relkind = 'r'
                and case when l.relispartition then pg_partition_root(l.oid) else l.oid end = c.oid
           where c.relkind in ('r', 'p')
             and not c.relispartition
             and c.relpersistence = 'p'
             and n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
             and n.nspname !~ '^pg_(toast|temp)'
             and not exists (
                 select from pg_depend d
                 where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
             )
           group by c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity
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
                (a.atthasdef and a.attgenerated = '') or a.attidentity <> '' as has_default,
                (select pg_get_expr(d.adbin, d.adrelid)
                 from pg_attrdef d
                 where a.attgenerated <> '' and d.adrelid = a.attrelid and d.adnum = a.attnum) as expression,
                t.typname = 'citext' or exists (
                    select from pg_collation l where l.oid = a.attcollation and not l.collisdeterministic
                ) as folds,
                called.names as functions, called.bodies
         from pg_attribute a
         join pg_type t on t.oid = a.atttypid
         cross join lateral (
             select coalesce(array_agg(p.oid::regprocedure::text order by p.oid), '{}') as names,
                    coalesce(array_agg(md5(case p.prosrc when '' then pg_get_functiondef(p.oid) else p.prosrc end)
                                       order by p.oid), '{}') as bodies
             from pg_depend d
             join pg_proc p on p.oid = d.refobjid
             where a.attgenerated <> '' and d.refclassid = 'pg_proc'::regclass
               -- Until PostgreSQL 14 the column depends on them, later its expression.
               and ((d.classid = 'pg_class'::regclass and d.objid = a.attrelid and d.objsubid = a.attnum)
                    or (d.classid = 'pg_attrdef'::regclass
                        and d.objid = (select e.oid from pg_attrdef e
                                       where e.adrelid = a.attrelid and e.adnum = a.attnum)))
         ) called
         where a.attrelid = any($1::bigint[]::oid[]) and a.attnum > 0 and not a.attisdropped
         order by a.attrelid, a.attnum",
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the columns"))
}
