//! Staged rows that are left out: they move to a table beside the staging table, with the reason.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, Postgres, Row as _};

use super::super::{DatabaseError, Incoming, LeftOut};
use super::counts;
use super::error::{doing, failed};
use super::statements::Target;
use crate::catalog::TableName;
use crate::sql::{Ident, Literal, Sql, join, names, sql};

/// More rows than this are no exceptions any more.
pub(super) const MOST: usize = 10_000;

/// A table of PostgreSQL has at most 1,600 columns (`MaxHeapAttributeNumber`); two say why a row is left out.
const MOST_COLUMNS: usize = 1_600 - 2;

/// Why a row is left out that shares its key with another one from the source.
pub(super) const TWICE: &str = "its key comes more than once from the source";

/// A staged row by its place, and why it is left out.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) place: String,
    pub(super) sqlstate: String,
    pub(super) reason: String,
}

/// Makes the place for the rows of one table.
pub(super) async fn create(
    connection: &mut PgConnection,
    incoming: &Incoming,
    refused: &TableName,
) -> Result<(), DatabaseError> {
    let (table, columns) = (&incoming.table.name, incoming.columns.len());
    if columns > MOST_COLUMNS {
        return Err(DatabaseError::Refused {
            reason: format!("no row of {table} can be left out, because it has {columns} columns"),
            remedy: format!(
                "Choose strict for row errors and abort for conflicts, which leave no row out, or leave {table} out."
            ),
        });
    }
    sqlx::query(
        sql(
            "create unlogged table {} with (autovacuum_enabled = false) as
             select {}, null::text as tandem_sqlstate, null::text as tandem_reason from {} with no data",
            &[refused, &names(&incoming.columns), table],
        )
        .into_query(),
    )
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(doing(format!("make a place for rows of {table} that are left out")))
}

/// Moves staged rows aside. `gone` is a statement that deletes from the staging table `s` and may use other relations;
/// `reason` is an expression over what `returning` gives beside the row's columns.
pub(super) fn moving(
    target: &Target,
    gone: &Sql,
    returning: &Sql,
    sqlstate: &'static str,
    reason: &Sql,
) -> Option<Sql> {
    let refused = target.refused.as_ref()?;
    Some(sql(
        "with gone as ({} returning {}{}) insert into {} ({}, tandem_sqlstate, tandem_reason) select {}, {}, {} from gone",
        &[
            gone,
            &of("s", &target.columns),
            returning,
            refused,
            &names(&target.columns),
            &of("gone", &target.columns),
            &Literal(sqlstate),
            reason,
        ],
    ))
}

/// Moves the staged rows aside that `gone` deletes, as of `moving`, all for one reason. Returns how many there are.
pub(super) async fn all(
    connection: &mut PgConnection,
    target: &Target,
    gone: &Sql,
    sqlstate: &'static str,
    reason: &str,
) -> Result<u64, DatabaseError> {
    let reason = sql("{}", &[&Literal(reason)]);
    let Some(statement) = moving(target, gone, &Sql::default(), sqlstate, &reason) else { return Ok(0) };
    let done = sqlx::query(statement.into_query()).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(doing(format!("set rows of {} aside", target.table.name)))
}

/// Moves the rows at the given places aside.
pub(super) async fn refuse<'e, E>(
    executor: E,
    target: &Target,
    rows: &[Refused],
) -> Result<u64, DatabaseError>
where
    E: Executor<'e, Database = Postgres>,
{
    let Some(refused) = &target.refused else { return Ok(0) };
    let statement = sql(
        "with refused as (select * from unnest($1::text[]::tid[], $2::text[], $3::text[]) as u(place, sqlstate, reason)),
              gone as (delete from {} s using refused r where s.ctid = r.place returning {}, r.sqlstate, r.reason)
         insert into {} select * from gone",
        &[&target.stage, &of("s", &target.columns), refused],
    );
    let column = |of: fn(&Refused) -> &String| rows.iter().map(of).cloned().collect::<Vec<String>>();
    let done = sqlx::query(statement.into_query())
        .bind(column(|row| &row.place))
        .bind(column(|row| &row.sqlstate))
        .bind(column(|row| &row.reason))
        .execute(executor)
        .await;
    done.map(|done| done.rows_affected()).map_err(doing(format!("set rows of {} aside", target.table.name)))
}

/// The row `s` that was set aside is in conflict with one of the target's own.
pub(super) fn is_in_conflict() -> Sql {
    sql("(s.tandem_sqlstate = '23505' and s.tandem_reason <> {})", &[&Literal(TWICE)])
}

/// Whether any row was set aside.
pub(super) async fn has_any(connection: &mut PgConnection, target: &Target) -> Result<bool, DatabaseError> {
    let Some(refused) = &target.refused else { return Ok(false) };
    sqlx::query_scalar(sql("select exists (select from {})", &[refused]).into_query())
        .fetch_one(connection)
        .await
        .map_err(doing(format!("look at the rows of {} that were set aside", target.table.name)))
}

/// The rows that were set aside.
pub(super) async fn left_out(
    connection: &mut PgConnection,
    target: &Target,
) -> Result<Vec<LeftOut>, DatabaseError> {
    let Some(refused) = &target.refused else { return Ok(Vec::new()) };
    let what = || doing(format!("read the rows of {} that were set aside", target.table.name));
    let statement = sql(
        "select {} as row, s.tandem_sqlstate, s.tandem_reason, row({})::text as image from {} s limit {}",
        &[
            &counts::key_text(target, "s"),
            &of("s", &target.columns),
            refused,
            &i64::try_from(MOST + 1).unwrap_or(i64::MAX),
        ],
    );
    let rows = sqlx::query(statement.into_query()).fetch_all(connection).await.map_err(what())?;
    if rows.len() > MOST {
        return Err(DatabaseError::TooMany { table: target.table.name.clone(), most: MOST as u64 });
    }
    let left_out = rows.iter().map(|row| LeftOut {
        row: row.get("row"),
        sqlstate: row.get("tandem_sqlstate"),
        reason: row.get("tandem_reason"),
        image: row.get("image"),
    });
    Ok(left_out.collect())
}

/// Their text, as it came.
pub(super) async fn text<'a>(
    connection: &'a mut PgConnection,
    target: &Target,
) -> Result<BoxStream<'a, Result<bytes::Bytes, DatabaseError>>, DatabaseError> {
    let Some(refused) = &target.refused else { return Ok(futures::stream::empty().boxed()) };
    let what = format!("read the rows of {} that were set aside", target.table.name);
    let statement = sql("copy {} ({}) to stdout", &[refused, &names(&target.columns)]);
    match connection.copy_out_raw(statement.as_str()).await {
        Ok(rows) => Ok(rows.map_err(move |cause| failed(what.clone(), &cause)).boxed()),
        Err(cause) => Err(failed(what, &cause)),
    }
}

/// `s.a, s.b`
pub(super) fn of(alias: &'static str, columns: &[String]) -> Sql {
    let alias = sql(alias, &[]);
    join(", ", columns.iter().map(|column| sql("{}.{}", &[&alias, &Ident(column)])))
}
