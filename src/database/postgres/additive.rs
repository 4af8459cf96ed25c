//! Columns and labels that the target lacks, added and committed before a sync: a label cannot be used in the
//! transaction that adds it, so no failure of the sync takes them back.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::initialise::define;
use super::preflight;
use crate::catalog::Addition;
use crate::sql::{Ident, Literal, Sql, sql};

/// Adds all or nothing. Returns the statements.
pub(super) async fn add(
    connection: &mut PgConnection,
    additions: &[Addition],
) -> Result<Vec<String>, DatabaseError> {
    let statements = statements(connection, additions).await?;
    let mut transaction = connection.begin().await.map_err(doing("open a transaction"))?;
    let mut added = Vec::with_capacity(statements.len());
    for (what, statement) in statements {
        added.push(statement.as_str().to_owned());
        sqlx::query(statement.into_query()).execute(&mut *transaction).await.map_err(doing(what))?;
    }
    transaction.commit().await.map_err(doing("commit what was added"))?;
    Ok(added)
}

/// What `add` runs, which is not tried: that would lock the tables against everybody.
pub(super) async fn to_add(
    connection: &mut PgConnection,
    additions: &[Addition],
) -> Result<Vec<String>, DatabaseError> {
    let statements = statements(connection, additions).await?;
    Ok(statements.into_iter().map(|(_, statement)| statement.as_str().to_owned()).collect())
}

/// Each with what it does. None depends on one before it.
async fn statements(
    connection: &mut PgConnection,
    additions: &[Addition],
) -> Result<Vec<(String, Sql)>, DatabaseError> {
    preflight::demand_add(connection, additions).await?;
    let mut statements = Vec::with_capacity(additions.len());
    for addition in additions {
        statements.push(statement(connection, addition).await?);
    }
    Ok(statements)
}

async fn statement(
    connection: &mut PgConnection,
    addition: &Addition,
) -> Result<(String, Sql), DatabaseError> {
    Ok(match addition {
        Addition::Column { table, column, plan } => {
            let definition = define(connection, table, column, plan).await?;
            (
                format!("add the column {} to {table}", column.name),
                sql("alter table {} add column {}", &[table, &definition]),
            )
        }
        Addition::Label { kind, label, after, .. } => {
            let place = match after {
                Some(after) => sql(" after {}", &[&Literal(after)]),
                None => first(connection, kind).await?,
            };
            (
                format!("add a label to the type {kind}"),
                sql("alter type {} add value {}{}", &[kind, &Literal(label), &place]),
            )
        }
    })
}

/// Before the label that is the first now.
async fn first(
    connection: &mut PgConnection,
    kind: &crate::catalog::TableName,
) -> Result<Sql, DatabaseError> {
    let label: Option<String> = sqlx::query_scalar(
        "select e.enumlabel::text
         from pg_enum e
         where e.enumtypid = $1::text::regtype
         order by e.enumsortorder
         limit 1",
    )
    .bind(sql("{}.{}", &[&Ident(&kind.schema), &Ident(&kind.name)]).as_str())
    .fetch_optional(connection)
    .await
    .map_err(doing(format!("read the labels of {kind}")))?;
    Ok(label.map_or_else(Sql::default, |label| sql(" before {}", &[&Literal(&label)])))
}
