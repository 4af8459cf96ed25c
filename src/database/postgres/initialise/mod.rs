//! A description of tables -> the tables, in the transaction that fills them: a sync that fails leaves none behind.
//!
//! Every statement is our own. A peer's names are quoted, its types are looked up by the server and written as the
//! server prints them, and everything else it says is a number or one of a few words.

mod types;
mod words;

use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::preflight;
use crate::catalog::{Blueprint, Column, ForeignKey, Making, Strategy, Table, TableName};
use crate::sql::{Ident, Sql, join, names, sql};
use types::create_type;
pub(super) use types::define;
use words::{add_key, refer, sequence_terms, size};

/// The statements that have made something, in order.
#[derive(Default)]
struct Made(Vec<String>);

impl Made {
    async fn run(
        &mut self,
        connection: &mut PgConnection,
        what: String,
        statement: Sql,
    ) -> Result<(), DatabaseError> {
        self.0.push(statement.as_str().to_owned());
        sqlx::query(statement.into_query()).execute(connection).await.map(|_| ()).map_err(doing(what))
    }
}

/// Makes everything, foreign keys too, in a transaction that the caller takes back. Returns the statements.
pub(super) async fn rehearse(
    connection: &mut PgConnection,
    making: &Making,
) -> Result<Vec<String>, DatabaseError> {
    let mut made = Made(make(connection, making).await?);
    for (table, key, terms) in foreign_keys(making) {
        let statement = sql("alter table {} add constraint {} {}", &[&table.name, &Ident(&key.name), &terms]);
        made.run(connection, format!("make the foreign key {} of {}", key.name, table.name), statement)
            .await?;
    }
    Ok(made.0)
}

/// Makes schemas, types, sequences and tables with their keys, and returns the statements. Foreign keys come last of
/// all, when the rows are there: `foreign_keys`.
pub(super) async fn make(
    connection: &mut PgConnection,
    making: &Making,
) -> Result<Vec<String>, DatabaseError> {
    let mut made = Made::default();
    let schemas = making.schemas();
    preflight::demand_make(connection, &schemas).await?;
    for schema in &schemas {
        if !schema_exists(connection, schema).await? {
            let statement = sql("create schema {}", &[&Ident(schema)]);
            made.run(connection, format!("make the schema {schema}"), statement).await?;
        }
    }
    for plan in &making.types {
        let statement = create_type(connection, plan).await?;
        made.run(connection, format!("make the type {}", plan.name), statement).await?;
    }
    for (table, blueprint) in &making.tables {
        make_table(connection, &mut made, table, blueprint).await?;
    }
    Ok(made.0)
}

async fn make_table(
    connection: &mut PgConnection,
    made: &mut Made,
    table: &Table,
    blueprint: &Blueprint,
) -> Result<(), DatabaseError> {
    let what = format!("make the table {}", table.name);
    let by_default = |column: &Column| column.identity.is_none();
    let pairs = || table.columns.iter().zip(&blueprint.columns);
    // One that was there before stays whose it is, whatever the description says.
    let mut new_sequences = Vec::new();
    for (_, plan) in pairs().filter(|(column, _)| by_default(column)) {
        if let Some(sequence) = &plan.sequence
            && !relation_exists(connection, &sequence.name).await?
        {
            let (kind, terms) = (sql(size(sequence.size), &[]), sequence_terms(sequence));
            let statement = sql("create sequence {} as {} {}", &[&sequence.name, &kind, &terms]);
            made.run(connection, what.clone(), statement).await?;
            new_sequences.push(&sequence.name);
        }
    }
    let mut columns = Vec::with_capacity(table.columns.len());
    for (column, plan) in pairs() {
        columns.push(define(connection, &table.name, column, plan).await?);
    }
    let mut statement = sql("create table {} ({})", &[&table.name, &join(", ", columns)]);
    if let Some(by) = &blueprint.partitioning {
        let strategy = match by.strategy {
            Strategy::List => "list",
            Strategy::Range => "range",
            Strategy::Hash => "hash",
        };
        statement = sql("{} partition by {} ({})", &[&statement, &sql(strategy, &[]), &names(&by.columns)]);
    }
    made.run(connection, what.clone(), statement).await?;
    if let Some(by) = &blueprint.partitioning {
        // Bounds are expressions, which no peer may give: all rows go into one partition.
        let partition = free_name(connection, &table.name).await?;
        let rest = match by.strategy {
            Strategy::Hash => "create table {} partition of {} for values with (modulus 1, remainder 0)",
            Strategy::List | Strategy::Range => "create table {} partition of {} default",
        };
        made.run(connection, what.clone(), sql(rest, &[&partition, &table.name])).await?;
    }
    for (column, plan) in pairs().filter(|(column, _)| by_default(column)) {
        if let Some(sequence) =
            plan.sequence.as_ref().filter(|it| it.owned && new_sequences.contains(&&it.name))
        {
            let owner = sql("{}.{}", &[&table.name, &Ident(&column.name)]);
            let statement = sql("alter sequence {} owned by {}", &[&sequence.name, &owner]);
            made.run(connection, what.clone(), statement).await?;
        }
    }
    for key in &blueprint.keys {
        made.run(connection, what.clone(), add_key(&table.name, key)).await?;
    }
    Ok(())
}

/// The foreign keys of the made tables, with what follows their names.
pub(super) fn foreign_keys(making: &Making) -> Vec<(&Table, &ForeignKey, Sql)> {
    let tables = making.tables.iter().map(|(table, _)| table);
    tables.flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key, refer(key)))).collect()
}

/// A name for the one partition of `table`.
async fn free_name(connection: &mut PgConnection, table: &TableName) -> Result<TableName, DatabaseError> {
    let mut number = 0;
    loop {
        let end = if number == 0 { "_rest".to_owned() } else { format!("_rest{number}") };
        // A name has at most 63 bytes.
        let mut length = table.name.len().min(63 - end.len());
        while !table.name.is_char_boundary(length) {
            length -= 1;
        }
        let name = TableName::new(&*table.schema, format!("{}{end}", &table.name[..length]));
        if !relation_exists(connection, &name).await? {
            return Ok(name);
        }
        number += 1;
    }
}

async fn schema_exists(connection: &mut PgConnection, schema: &str) -> Result<bool, DatabaseError> {
    sqlx::query_scalar("select exists (select from pg_namespace where nspname = $1)")
        .bind(schema)
        .fetch_one(connection)
        .await
        .map_err(doing("look for a schema"))
}

async fn relation_exists(connection: &mut PgConnection, name: &TableName) -> Result<bool, DatabaseError> {
    sqlx::query_scalar(
        "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                        where n.nspname = $1 and c.relname = $2)",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_one(connection)
    .await
    .map_err(doing("look for a relation"))
}
