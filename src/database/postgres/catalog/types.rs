//! The types that users made, and the extensions that bring others.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::super::DatabaseError;
use super::super::error::doing;
use crate::catalog::{Definition, Extension, TableName, TypeForm, TypePlan, TypeRef, UserType};

pub(super) async fn read(connection: &mut PgConnection) -> Result<Vec<UserType>, DatabaseError> {
    let rows = sqlx::query(
        r#"select format_type(t.oid, null) as name, t.typtype::text as kind,
                  format_type(t.typbasetype, t.typtypmod) as base,
                  (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid) as subtype,
                  array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid
                        order by e.enumsortorder) as labels,
                  array(select a.attname::text from pg_attribute a
                        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                        order by a.attnum) as fields,
                  array(select format_type(a.atttypid, a.atttypmod) from pg_attribute a
                        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                        order by a.attnum) as field_types
           from pg_type t
           join pg_namespace n on n.oid = t.typnamespace
           left join pg_class c on c.oid = t.typrelid
           where t.typtype in ('e', 'd', 'c', 'r')
             and (t.typtype <> 'c' or c.relkind = 'c')
             and n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
             and n.nspname !~ '^pg_(toast|temp)'
             and not exists (
                 select from pg_depend d
                 where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
             )
           order by 1"#,
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read the types"))?;
    Ok(rows
        .iter()
        .map(|row| {
            let text = |name: &str| row.get::<Option<String>, _>(name).unwrap_or_default();
            let list = |name: &str| row.get::<Vec<String>, _>(name);
            UserType {
                name: row.get("name"),
                definition: match row.get::<&str, _>("kind") {
                    "e" => Definition::Enum(list("labels")),
                    "d" => Definition::Domain(text("base")),
                    "r" => Definition::Range(text("subtype")),
                    _ => Definition::Composite(list("fields").into_iter().zip(list("field_types")).collect()),
                },
            }
        })
        .collect())
}

pub(super) async fn extensions(connection: &mut PgConnection) -> Result<Vec<Extension>, DatabaseError> {
    let rows =
        sqlx::query("select extname::text as name, extversion as version from pg_extension order by 1")
            .fetch_all(connection)
            .await
            .map_err(doing("read the extensions"))?;
    Ok(rows.iter().map(|row| Extension { name: row.get("name"), version: row.get("version") }).collect())
}

/// How the types can be made elsewhere, in the order in which they were made here.
pub(super) async fn plans(connection: &mut PgConnection) -> Result<Vec<TypePlan>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname::text as schema, t.typname::text as name, format_type(t.oid, null) as printed,
                  t.typtype::text as kind, t.typnotnull as not_null,
                  coalesce(format_type(t.typbasetype, null), '') as base, t.typtypmod as base_modifier,
                  coalesce((select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = t.oid), '') as subtype,
                  array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid
                        order by e.enumsortorder) as labels,
                  fields.names, fields.kinds, fields.modifiers,
                  array(select 'Constraint ' || k.conname from pg_constraint k
                        where k.contypid = t.oid and k.contype = 'c' order by 1)
                      || array(select 'Default' where t.typdefault is not null)
                      || array(select 'Canonical function' from pg_range r
                               where r.rngtypid = t.oid and r.rngcanonical::oid <> 0) as left_out
           from pg_type t
           join pg_namespace n on n.oid = t.typnamespace
           left join pg_class c on c.oid = t.typrelid
           cross join lateral (
               select coalesce(array_agg(a.attname::text order by a.attnum), '{}') as names,
                      coalesce(array_agg(format_type(a.atttypid, null) order by a.attnum), '{}') as kinds,
                      coalesce(array_agg(a.atttypmod order by a.attnum), '{}') as modifiers
               from pg_attribute a
               where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
           ) fields
           where t.typtype in ('e', 'd', 'c', 'r')
             and (t.typtype <> 'c' or c.relkind = 'c')
             and n.nspname not in ('pg_catalog', 'information_schema', 'tandem')
             and n.nspname !~ '^pg_(toast|temp)'
             and not exists (
                 select from pg_depend d
                 where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
             )
           order by t.oid"#,
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read how types are made"))?;
    Ok(rows.iter().map(plan).collect())
}

fn plan(row: &PgRow) -> TypePlan {
    let text = |name: &str| row.get::<String, _>(name);
    let list = |name: &str| row.get::<Vec<String>, _>(name);
    let form = match row.get::<&str, _>("kind") {
        "e" => TypeForm::Enum(list("labels")),
        "d" => TypeForm::Domain {
            base: TypeRef { name: text("base"), modifier: row.get("base_modifier") },
            not_null: row.get("not_null"),
        },
        "r" => TypeForm::Range(TypeRef { name: text("subtype"), modifier: -1 }),
        _ => {
            let kinds = list("kinds").into_iter().zip(row.get::<Vec<i32>, _>("modifiers"));
            let kinds = kinds.map(|(name, modifier)| TypeRef { name, modifier });
            TypeForm::Composite(list("names").into_iter().zip(kinds).collect())
        }
    };
    let printed = text("printed");
    let left_out = list("left_out").into_iter().map(|what| format!("{what} of type {printed}")).collect();
    TypePlan { name: TableName::new(text("schema"), text("name")), printed, form, left_out }
}

pub(super) async fn routines(connection: &mut PgConnection) -> Result<Vec<String>, DatabaseError> {
    sqlx::query_scalar(
        "select distinct 'Function ' || n.nspname || '.' || p.proname
         from pg_proc p
         join pg_namespace n on n.oid = p.pronamespace
         where n.nspname not in ('pg_catalog', 'information_schema', 'tandem') and n.nspname !~ '^pg_(toast|temp)'
           and not exists (
               select from pg_depend d
               where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i')
           )
         order by 1",
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read the functions"))
}
