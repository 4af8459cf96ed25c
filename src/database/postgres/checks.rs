//! What must be right for syncs to work, and how to mend it.

use std::path::Path;

use sqlx::postgres::PgPool;

use super::connect::Connector;
use super::rights::Rights;
use super::{catalog, tools};
use crate::model::{Check, CheckState};

pub(super) async fn run(
    pool: &PgPool,
    connector: &Connector,
    product: &str,
    pg_bin: Option<&Path>,
) -> Vec<Check> {
    vec![
        server(pool, product).await,
        dump_tool(connector, pg_bin).await,
        right_to_write(pool, connector).await,
        writable(pool).await,
    ]
}

async fn server(pool: &PgPool, product: &str) -> Check {
    match sqlx::query_scalar::<_, String>("select current_database()::text").fetch_one(pool).await {
        Ok(database) => passed("Database", format!("{product}, database {database}")),
        Err(error) => failed(
            "Database",
            error.to_string(),
            "Check that the server runs and that DATABASE_URL is right.",
        ),
    }
}

async fn dump_tool(connector: &Connector, pg_bin: Option<&Path>) -> Check {
    let major = connector.server_version / 10_000;
    match tools::pg_dump(pg_bin, major).await {
        Ok(tool) => passed("pg_dump", format!("version {} at {}", tool.version, tool.path.display())),
        Err(reason) => Check {
            name: "pg_dump".to_owned(),
            state: CheckState::Warning,
            text: format!("{reason}; tables are read with COPY instead"),
            fix: format!(
                "Install the client tools of PostgreSQL {major}: apt-get install postgresql-client-{major}, or set TANDEM_PG_BIN"
            ),
        },
    }
}

/// How triggers and foreign keys will be kept out of the way when this database is written to.
async fn right_to_write(pool: &PgPool, connector: &Connector) -> Check {
    const NAME: &str = "Right to write";
    let looked = async {
        let mut connection = pool.acquire().await.map_err(|cause| super::error::connecting(&cause))?;
        let tables = catalog::names(&mut connection).await?;
        Rights::of(&mut connection, connector.server_version, &tables).await
    };
    match looked.await {
        Ok(rights) => match rights.warning() {
            None => passed(NAME, format!("{}, {}", rights.role, rights.way())),
            Some(text) => Check {
                name: NAME.to_owned(),
                state: CheckState::Warning,
                text: format!("{} ({})", text.replace(&rights.better, "").trim_end(), rights.way()),
                fix: rights.better,
            },
        },
        Err(error) => failed(NAME, error.to_string(), "Check the connection to the database."),
    }
}

async fn writable(pool: &PgPool) -> Check {
    match sqlx::query_scalar::<_, String>("select current_setting('transaction_read_only')")
        .fetch_one(pool)
        .await
    {
        Ok(setting) if setting == "off" => passed("Writable", "the database takes writes".to_owned()),
        Ok(_) => failed(
            "Writable",
            "the database is read-only".to_owned(),
            "Connect Tandem to the primary server.",
        ),
        Err(error) => failed("Writable", error.to_string(), "Check the connection to the database."),
    }
}

fn passed(name: &str, text: String) -> Check {
    Check { name: name.to_owned(), state: CheckState::Passed, text, fix: String::new() }
}

fn failed(name: &str, text: String, fix: &str) -> Check {
    Check { name: name.to_owned(), state: CheckState::Failed, text, fix: fix.to_owned() }
}
