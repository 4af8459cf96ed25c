//! The node's own state in schema `tandem`.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Column as _, Connection, Executor, Postgres, Row as _, TypeInfo as _};

use super::super::{DatabaseError, Row, Statement, Value};
use super::connect::Connector;
use super::error::doing;
use crate::sql::own;

const PREFIX: &str = "tandem.";

/// Creates the schema when it is missing and runs the migrations that are new.
pub(super) async fn migrate(connector: &Connector) -> Result<(), DatabaseError> {
    let mut options = connector.clone();
    // sqlx keeps its list of migrations in the first schema of the search path.
    options.options = options.options.options([("search_path", "tandem")]);
    let mut connection = sqlx::ConnectOptions::connect(&options.options)
        .await
        .map_err(|cause| super::error::connecting(&cause))?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_namespace where nspname = 'tandem')")
            .fetch_one(&mut connection)
            .await
            .map_err(doing("look for the schema `tandem`"))?;
    if !exists {
        let made = sqlx::query("create schema if not exists tandem").execute(&mut connection).await;
        if let Err(cause) = made {
            return Err(may_not_create(&mut connection, &cause).await?);
        }
    }
    demand_own_schema(&mut connection).await?;
    sqlx::migrate!("src/migrations/postgres").run(&mut connection).await.map_err(|cause| {
        DatabaseError::Statement {
            what: "bring Tandem's own tables up to date".to_owned(),
            reason: cause.to_string(),
            sqlstate: String::new(),
        }
    })?;
    connection.close().await.map_err(doing("close a connection"))
}

/// Says which right would let this role make the schema.
async fn may_not_create(
    connection: &mut PgConnection,
    cause: &sqlx::Error,
) -> Result<DatabaseError, DatabaseError> {
    let (database, role) = names(connection).await?;
    Ok(DatabaseError::MissingRight {
        what: format!("the role {role} cannot create the schema `tandem` for Tandem's own tables ({cause})"),
        remedy: format!(
            "Let the database's owner run: GRANT CREATE ON DATABASE {database} TO {role}; or CREATE SCHEMA tandem AUTHORIZATION {role};"
        ),
    })
}

/// A schema that somebody else has made must be open to this role, and what is in it.
async fn demand_own_schema(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let is_ours: bool = sqlx::query_scalar(
        "select has_schema_privilege('tandem', 'usage') and has_schema_privilege('tandem', 'create')
                and not exists (
                    select from pg_class c
                    where c.relnamespace = 'tandem'::regnamespace and c.relkind = 'r'
                      and not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
                               and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')))",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(doing("look at the schema `tandem`"))?;
    if is_ours {
        return Ok(());
    }
    let (_, role) = names(connection).await?;
    Err(DatabaseError::MissingRight {
        what: format!("the schema `tandem` is somebody else's, and the role {role} cannot use what is in it"),
        remedy: format!(
            "Let its owner run: GRANT USAGE, CREATE ON SCHEMA tandem TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tandem TO {role};"
        ),
    })
}

/// The database and the role, quoted.
async fn names(connection: &mut PgConnection) -> Result<(String, String), DatabaseError> {
    sqlx::query_as("select quote_ident(current_database()), quote_ident(current_user)")
        .fetch_one(connection)
        .await
        .map_err(doing("read the role"))
}

pub(super) async fn execute<'e, E>(executor: E, statement: Statement) -> Result<u64, DatabaseError>
where
    E: Executor<'e, Database = Postgres>,
{
    let text = own(statement.text, PREFIX).into_query();
    let done = bound(sqlx::query(text), statement.values).execute(executor).await;
    done.map(|done| done.rows_affected()).map_err(doing("write Tandem's own state"))
}

pub(super) async fn query<'e, E>(executor: E, statement: Statement) -> Result<Vec<Row>, DatabaseError>
where
    E: Executor<'e, Database = Postgres>,
{
    let text = own(statement.text, PREFIX).into_query();
    let rows = bound(sqlx::query(text), statement.values).fetch_all(executor).await;
    let rows = rows.map_err(doing("read Tandem's own state"))?;
    Ok(rows.iter().map(row).collect())
}

fn bound(
    mut query: Query<'_, Postgres, PgArguments>,
    values: Vec<Value>,
) -> Query<'_, Postgres, PgArguments> {
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Integer(number) => query.bind(number),
        };
    }
    query
}

fn row(row: &PgRow) -> Row {
    Row((0..row.len())
        .map(|index| match row.column(index).type_info().name() {
            "INT8" => Value::Integer(row.get(index)),
            _ => Value::Text(row.get::<Option<Cow<'_, str>>, _>(index).map(Cow::into_owned)),
        })
        .collect())
}
