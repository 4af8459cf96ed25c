//! pg_catalog -> what another database needs to make a table like ours: typed data, no SQL.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::super::DatabaseError;
use super::super::error::doing;
use crate::catalog::{
    Blueprint, ColumnPlan, IntegerSize, KeyPlan, Partitioning, SequencePlan, Strategy, Table, TableName,
    TypeRef,
};

/// One for each of `tables`, whose object ids are `oids`.
pub(super) async fn read(
    connection: &mut PgConnection,
    oids: &[i64],
    tables: &[Table],
) -> Result<Vec<Blueprint>, DatabaseError> {
    let of = |table: &Table| Blueprint { table: table.name.clone(), ..Blueprint::default() };
    let mut blueprints: Vec<Blueprint> = tables.iter().map(of).collect();
    let index: HashMap<i64, usize> = oids.iter().enumerate().map(|(index, oid)| (*oid, index)).collect();
    let at = |row: &PgRow| index[&row.get::<i64, _>("oid")];
    for row in columns(connection, oids).await? {
        let blueprint = &mut blueprints[at(&row)];
        if row.get("has_expression") {
            let (table, column) = (&blueprint.table, row.get::<&str, _>("name"));
            blueprint.left_out.push(format!("Default of {table}.{column}"));
        }
        blueprint.columns.push(column(&row));
    }
    for row in keys(connection, oids).await? {
        blueprints[at(&row)].keys.push(key(&row));
    }
    for row in partitionings(connection, oids).await? {
        let strategy = match row.get::<&str, _>("strategy") {
            "l" => Strategy::List,
            "r" => Strategy::Range,
            _ => Strategy::Hash,
        };
        blueprints[at(&row)].partitioning = Some(Partitioning { strategy, columns: row.get("columns") });
    }
    for row in left_out(connection, oids).await? {
        blueprints[at(&row)].left_out.push(row.get("title"));
    }
    Ok(blueprints)
}

fn column(row: &PgRow) -> ColumnPlan {
    let name = |schema: &str, name: &str| {
        let schema: Option<String> = row.get(schema);
        Some(TableName::new(schema?, row.get::<Option<String>, _>(name)?))
    };
    let sequence = name("sequence_schema", "sequence_name").map(|name| SequencePlan {
        name,
        size: match row.get::<&str, _>("size") {
            "smallint" => IntegerSize::Small,
            "integer" => IntegerSize::Normal,
            _ => IntegerSize::Big,
        },
        start: row.get("start"),
        increment: row.get("increment"),
        minimum: row.get("minimum"),
        maximum: row.get("maximum"),
        cycle: row.get("cycle"),
        owned: row.get("owned"),
    });
    ColumnPlan {
        name: row.get("name"),
        kind: TypeRef { name: row.get("type_name"), modifier: row.get("modifier") },
        collation: name("collation_schema", "collation_name"),
        sequence,
    }
}

fn key(row: &PgRow) -> KeyPlan {
    KeyPlan {
        name: row.get("name"),
        columns: row.get("columns"),
        primary: row.get("is_primary"),
        constraint: row.get("is_constraint"),
        nulls_not_distinct: row.get("nulls_meet"),
        deferrable: row.get("is_deferrable"),
        deferred: row.get("is_deferred"),
    }
}

async fn columns(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    // A default that is nothing but the next number of a sequence is described by that sequence. It is looked up from the
    // column: in a join the planner may pair all columns with all sequences.
    sqlx::query(
        r#"select a.attrelid::bigint as oid, a.attname::text as name, format_type(a.atttypid, null) as type_name,
                  a.atttypmod as modifier, ln.nspname::text as collation_schema, l.collname::text as collation_name,
                  n.nspname::text as sequence_schema, c.relname::text as sequence_name,
                  format_type(q.seqtypid, null) as size, q.seqstart as start, q.seqincrement as increment,
                  q.seqmin as minimum, q.seqmax as maximum, q.seqcycle as cycle,
                  exists (select from pg_depend o where o.classid = 'pg_class'::regclass and o.objid = c.oid
                            and o.refclassid = 'pg_class'::regclass and o.refobjid = a.attrelid
                            and o.refobjsubid = a.attnum and o.deptype = 'a') as owned,
                  a.atthasdef and a.attgenerated = '' and c.oid is null as has_expression
           from (
               select a.*, coalesce((
                   select d.objid from pg_depend d
                   where d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid and d.refobjsubid = a.attnum
                     and d.classid = 'pg_class'::regclass and d.deptype = 'i'
                   limit 1
               ), (
                   select (
                       select d.refobjid from pg_depend d
                       where d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
                         and d.refclassid = 'pg_class'::regclass
                         and pg_get_expr(f.adbin, f.adrelid)
                             = format('nextval(%L::regclass)', d.refobjid::regclass::text)
                       limit 1
                   )
                   from pg_attrdef f where f.adrelid = a.attrelid and f.adnum = a.attnum
               )) as sequence
               from pg_attribute a
               where a.attrelid = any($1::bigint[]::oid[]) and a.attnum > 0 and not a.attisdropped
           ) a
           join pg_type t on t.oid = a.atttypid
           left join pg_collation l on l.oid = a.attcollation and a.attcollation <> t.typcollation
           left join pg_namespace ln on ln.oid = l.collnamespace
           left join pg_class c on c.oid = a.sequence and c.relkind = 'S'
           left join pg_namespace n on n.oid = c.relnamespace
           left join pg_sequence q on q.seqrelid = c.oid
           order by a.attrelid, a.attnum"#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read how columns are made"))
}

/// Unique keys of plain columns. The rest is named by the comparison of the two schemas.
async fn keys(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select i.indrelid::bigint as oid, c.relname::text as name, i.indisprimary as is_primary,
                  k.oid is not null as is_constraint,
                  coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) as nulls_meet,
                  coalesce(k.condeferrable, false) as is_deferrable, coalesce(k.condeferred, false) as is_deferred,
                  array(select a.attname::text
                        from unnest(i.indkey::int2[]) with ordinality u(number, place)
                        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
                        where u.place <= i.indnkeyatts
                        order by u.place) as columns
           from pg_index i
           join pg_class c on c.oid = i.indexrelid
           left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u')
           where i.indrelid = any($1::bigint[]::oid[]) and i.indisunique and i.indisvalid and not i.indisexclusion
             and i.indpred is null and i.indexprs is null
             and not coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)
           order by i.indrelid, not i.indisprimary, c.relname collate "C""#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read how keys are made"))
}

async fn partitionings(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        "select p.partrelid::bigint as oid, p.partstrat::text as strategy,
                case when p.partexprs is not null then '{}'::text[]
                     else array(select a.attname::text
                                from unnest(p.partattrs::int2[]) with ordinality u(number, place)
                                join pg_attribute a on a.attrelid = p.partrelid and a.attnum = u.number
                                order by u.place) end as columns
         from pg_partitioned_table p
         where p.partrelid = any($1::bigint[]::oid[])",
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read how tables are partitioned"))
}

async fn left_out(connection: &mut PgConnection, oids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select i.indrelid::bigint as oid, 'Index ' || c.relname || ' of ' || n.nspname || '.' || t.relname as title
           from pg_index i
           join pg_class c on c.oid = i.indexrelid
           join pg_class t on t.oid = i.indrelid
           join pg_namespace n on n.oid = t.relnamespace
           where i.indrelid = any($1::bigint[]::oid[]) and not i.indisunique and not i.indisexclusion
           union all
           select p.polrelid::bigint, 'Policy ' || p.polname || ' of ' || n.nspname || '.' || t.relname
           from pg_policy p
           join pg_class t on t.oid = p.polrelid
           join pg_namespace n on n.oid = t.relnamespace
           where p.polrelid = any($1::bigint[]::oid[])
           union all
           select h.inhrelid::bigint, 'Inheritance of ' || n.nspname || '.' || t.relname
           from pg_inherits h
           join pg_class t on t.oid = h.inhrelid
           join pg_namespace n on n.oid = t.relnamespace
           where h.inhrelid = any($1::bigint[]::oid[])
           order by 1, 2"#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read what is not described"))
}
