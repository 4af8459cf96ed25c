//! An empty database -> the sample shop: 28 tables and about 50,000 rows, the same on every machine.

use sqlx::{Connection, PgConnection};

/// What `tandem demo` calls its sample databases.
pub const DATABASE: &str = "shop";

const SCHEMA: &str = include_str!("shop/schema.sql");
const DATA: &str = include_str!("shop/data.sql");

/// Makes the tables, without rows.
pub async fn load_schema(url: &str) -> Result<(), sqlx::Error> {
    run(url, SCHEMA).await
}

/// Fills the tables that [`load_schema`] made; all or nothing.
pub async fn load_data(url: &str) -> Result<(), sqlx::Error> {
    run(url, DATA).await
}

async fn run(url: &str, script: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(script).execute(&mut connection).await?;
    // A template can be copied, and statistics be read, only after this session has ended.
    connection.close().await
}
