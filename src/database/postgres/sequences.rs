//! Sequences: read at the source, raised at the target, never lowered.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row as _};

use super::super::DatabaseError;
use super::connect::Connector;
use super::error::doing;
use crate::archive::SequenceValue;
use crate::catalog::TableName;
use crate::model::SessionId;
use crate::sql::{Ident, sql};

struct Sequence {
    name: TableName,
    /// The table and column that own it.
    owner: Option<(TableName, String)>,
    ascending: bool,
}

pub(super) async fn read(connection: &mut PgConnection) -> Result<Vec<SequenceValue>, DatabaseError> {
    let mut values = Vec::new();
    for sequence in list(connection).await? {
        values.push(value(connection, &sequence.name).await?);
    }
    Ok(values)
}

/// Raises each sequence to the highest of its own value, the source's, and its column's.
///
/// Runs after the commit, because `setval` is not undone by a rollback.
pub(super) async fn raise(
    connector: &Connector,
    session: &SessionId,
    source: &[SequenceValue],
) -> Result<u64, DatabaseError> {
    let mut connection = connector.open(session).await?;
    let mut raised = 0;
    for sequence in list(&mut connection).await?.iter().filter(|sequence| sequence.ascending) {
        let own = value(&mut connection, &sequence.name).await?;
        let theirs = source.iter().find(|value| value.name == sequence.name);
        let mut wanted = (own.last_value, own.is_called);
        if let Some(theirs) = theirs {
            wanted = wanted.max((theirs.last_value, theirs.is_called));
        }
        if let Some((table, column)) = &sequence.owner
            && let Some(highest) = highest(&mut connection, table, column).await?
        {
            wanted = wanted.max((highest, true));
        }
        if wanted > (own.last_value, own.is_called) {
            sqlx::query("select setval($1::regclass, $2, $3)")
                .bind(quoted(&sequence.name))
                .bind(wanted.0)
                .bind(wanted.1)
                .execute(&mut connection)
                .await
                .map_err(doing(format!("raise the sequence {}", sequence.name)))?;
            raised += 1;
        }
    }
    connection.close().await.map_err(doing("close a connection"))?;
    Ok(raised)
}

async fn list(connection: &mut PgConnection) -> Result<Vec<Sequence>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname::text as schema, c.relname::text as name, s.seqincrement > 0 as ascending,
                  tn.nspname::text as table_schema, t.relname::text as table_name, a.attname::text as column_name
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_sequence s on s.seqrelid = c.oid
           left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
                                and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
           left join pg_class t on t.oid = d.refobjid
           left join pg_namespace tn on tn.oid = t.relnamespace
           left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                                   and a.atttypid = any('{int2,int4,int8}'::regtype[])
           where c.relkind = 'S' and c.relpersistence = 'p' and n.nspname not in ('tandem', 'pg_catalog', 'information_schema')
           order by n.nspname collate "C", c.relname collate "C""#,
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read the sequences"))?;
    Ok(rows
        .iter()
        .map(|row| Sequence {
            name: TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name")),
            owner: row.get::<Option<String>, _>("column_name").map(|column| {
                (
                    TableName::new(row.get::<String, _>("table_schema"), row.get::<String, _>("table_name")),
                    column,
                )
            }),
            ascending: row.get("ascending"),
        })
        .collect())
}

async fn value(connection: &mut PgConnection, name: &TableName) -> Result<SequenceValue, DatabaseError> {
    let row = sqlx::query(sql("select last_value, is_called from {}", &[name]).into_query())
        .fetch_one(connection)
        .await
        .map_err(doing(format!("read the sequence {name}")))?;
    Ok(SequenceValue { name: name.clone(), last_value: row.get(0), is_called: row.get(1) })
}

async fn highest(
    connection: &mut PgConnection,
    table: &TableName,
    column: &str,
) -> Result<Option<i64>, DatabaseError> {
    sqlx::query_scalar(sql("select max({})::bigint from {}", &[&Ident(column), table]).into_query())
        .fetch_one(connection)
        .await
        .map_err(doing(format!("read the highest {table}.{column}")))
}

/// `"schema"."name"`, as regclass reads it.
fn quoted(name: &TableName) -> String {
    sql("{}", &[name]).as_str().to_owned()
}
