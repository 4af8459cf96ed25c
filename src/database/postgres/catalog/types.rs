//! The types that users made, and the extensions that bring others.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::super::DatabaseError;
use super::super::error::doing;
use crate::catalog::{Definition, Extension, UserType};

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
