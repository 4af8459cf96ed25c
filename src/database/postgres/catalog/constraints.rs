//! Keys, constraints, triggers: what a table demands of its rows.

use sqlx::postgres::{PgConnection, PgRow};

use super::super::super::DatabaseError;
use super::super::error::doing;

/// Unique and exclusion indexes; the first ones that can identify a row come first, the smallest before others.
pub(super) async fn keys_of(
    connection: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select i.indrelid::bigint as oid, ic.relname::text as name, i.indisprimary as is_primary,
                  k.columns, k.has_computed,
                  i.indpred is not null or i.indexprs is not null or i.indisexclusion or k.has_computed as is_partial,
                  i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
                      and not i.indisexclusion and k.all_not_null and not k.has_computed as identifies
           from pg_index i
           join pg_class ic on ic.oid = i.indexrelid
           cross join lateral (
               select coalesce(array_agg(a.attname::text order by u.place), '{}') as columns,
                      coalesce(bool_and(a.attnotnull), false) as all_not_null,
                      coalesce(bool_or(a.attgenerated <> ''), false) as has_computed
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

pub(super) async fn foreign_keys_of(
    connection: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<PgRow>, DatabaseError> {
    // conparentid: a key on a partitioned table is repeated on each partition.
    sqlx::query(
        r#"select k.conrelid::bigint as oid, k.conname::text as name,
                  pn.nspname::text as parent_schema, p.relname::text as parent_name,
                  k.confdeltype::text as on_delete, k.confupdtype::text as on_update, k.confmatchtype = 'f' as is_full,
                  k.condeferrable as is_deferrable, k.condeferred as is_deferred,
                  -- SET NULL of some columns: 15; periods and NOT ENFORCED: 18.
                  coalesce((to_jsonb(k) ->> 'conperiod')::bool, false)
                      or not coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
                      or to_jsonb(k) ->> 'confdelsetcols' is not null as is_special,
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

pub(super) async fn checks_of(
    connection: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select k.conrelid::bigint as oid, pg_get_constraintdef(k.oid) as text
           from pg_constraint k
           where k.contype = 'c' and k.conrelid = any($1::bigint[]::oid[])
           order by k.conrelid, k.conname collate "C""#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the constraints"))
}

/// Triggers, and those rules that fire in every role.
pub(super) async fn triggers_of(
    connection: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        r#"select r.oid::bigint as oid, t.tgrelid = r.oid as is_trigger, t.tgname::text as name,
                  'Trigger ' || t.tgname as title, t.tgenabled in ('A', 'R') as unstoppable
           from pg_trigger t
           -- Those of its partitions fire for a partitioned table's rows.
           join pg_class r on r.oid = coalesce(pg_partition_root(t.tgrelid), t.tgrelid)
           where r.oid = any($1::bigint[]::oid[]) and not t.tgisinternal and t.tgparentid = 0 and t.tgenabled <> 'D'
           union all
           select r.ev_class::bigint, false, r.rulename::text, 'Rule ' || r.rulename, true
           from pg_rewrite r
           where r.ev_class = any($1::bigint[]::oid[]) and r.ev_enabled in ('A', 'R')
           order by 1, 4"#,
    )
    .bind(oids)
    .fetch_all(connection)
    .await
    .map_err(doing("read the triggers"))
}
