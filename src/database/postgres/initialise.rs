//! A description of tables -> the tables, in the transaction that fills them: a sync that fails leaves none behind.
//!
//! Every statement is our own. A peer's names are quoted, its types are looked up by the server and written as the
//! server prints them, and everything else it says is a number or one of a few words.

use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::preflight;
use crate::catalog::{
    Action, Blueprint, Column, ColumnPlan, ForeignKey, Identity, IntegerSize, KeyPlan, Making, SequencePlan,
    Strategy, Table, TableName, Terms, TypeForm, TypePlan, TypeRef,
};
use crate::sql::{Definition, Ident, Literal, Sql, join, names, sql};

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
    for (_, plan) in pairs().filter(|(column, _)| by_default(column)) {
        if let Some(sequence) = &plan.sequence
            && !relation_exists(connection, &sequence.name).await?
        {
            let (kind, terms) = (sql(size(sequence.size), &[]), sequence_terms(sequence));
            let statement = sql("create sequence {} as {} {}", &[&sequence.name, &kind, &terms]);
            made.run(connection, what.clone(), statement).await?;
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
        if let Some(sequence) = plan.sequence.as_ref().filter(|sequence| sequence.owned) {
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

async fn create_type(connection: &mut PgConnection, plan: &TypePlan) -> Result<Sql, DatabaseError> {
    let place = plan.name.to_string();
    Ok(match &plan.form {
        TypeForm::Enum(labels) => {
            let labels = join(", ", labels.iter().map(|label| sql("{}", &[&Literal(label)])));
            sql("create type {} as enum ({})", &[&plan.name, &labels])
        }
        TypeForm::Domain { base, not_null } => {
            let base = resolve(connection, &place, base).await?;
            let end = sql(if *not_null { " not null" } else { "" }, &[]);
            sql("create domain {} as {}{}", &[&plan.name, &base, &end])
        }
        TypeForm::Range(subtype) => {
            let subtype = resolve(connection, &place, subtype).await?;
            sql("create type {} as range (subtype = {})", &[&plan.name, &subtype])
        }
        TypeForm::Composite(fields) => {
            let mut list = Vec::with_capacity(fields.len());
            for (field, kind) in fields {
                list.push(sql("{} {}", &[&Ident(field), &resolve(connection, &place, kind).await?]));
            }
            sql("create type {} as ({})", &[&plan.name, &join(", ", list)])
        }
    })
}

async fn define(
    connection: &mut PgConnection,
    table: &TableName,
    column: &Column,
    plan: &ColumnPlan,
) -> Result<Sql, DatabaseError> {
    let place = format!("{table}.{}", column.name);
    let kind = resolve(connection, &place, &plan.kind).await?;
    if kind.0 != column.type_name {
        return Err(unknown(&column.type_name, &place));
    }
    let mut text = sql("{} {}", &[&Ident(&column.name), &kind]);
    if let Some(collation) = &plan.collation {
        demand_collation(connection, collation, &place).await?;
        text = sql("{} collate {}", &[&text, collation]);
    }
    if column.not_null {
        text = sql("{} not null", &[&text]);
    }
    let Some(sequence) = &plan.sequence else { return Ok(text) };
    Ok(match column.identity {
        Some(identity) => {
            let when = sql(if identity == Identity::Always { "always" } else { "by default" }, &[]);
            let terms = sequence_terms(sequence);
            sql("{} generated {} as identity (sequence name {} {})", &[&text, &when, &sequence.name, &terms])
        }
        None => {
            let name = sql("{}", &[&sequence.name]);
            sql("{} default nextval({}::regclass)", &[&text, &Literal(name.as_str())])
        }
    })
}

/// The type as this server prints it; its name is looked up as a value.
async fn resolve(
    connection: &mut PgConnection,
    place: &str,
    kind: &TypeRef,
) -> Result<Definition, DatabaseError> {
    let found: Result<Option<String>, _> = sqlx::query_scalar(
        "select format_type(t.oid, $2) from pg_type t where t.oid = to_regtype($1) and format_type(t.oid, null) = $1",
    )
    .bind(&kind.name)
    .bind(kind.modifier)
    .fetch_optional(connection)
    .await;
    match found {
        Ok(Some(printed)) => Ok(Definition(printed)),
        // Before PostgreSQL 16 a name that is none is an error.
        Ok(None) | Err(sqlx::Error::Database(_)) => Err(unknown(&kind.name, place)),
        Err(cause) => Err(doing(format!("look for the type of {place}"))(cause)),
    }
}

fn unknown(kind: &str, place: &str) -> DatabaseError {
    DatabaseError::Refused {
        reason: format!("{place} cannot be made: the target knows no type `{}`", kind.escape_debug()),
        remedy: "Install the extension that brings this type on the target, or make the table with pg_dump --schema-only.".to_owned(),
    }
}

async fn demand_collation(
    connection: &mut PgConnection,
    collation: &TableName,
    place: &str,
) -> Result<(), DatabaseError> {
    let exists: bool = sqlx::query_scalar(
        "select exists (select from pg_collation l join pg_namespace n on n.oid = l.collnamespace
                        where n.nspname = $1 and l.collname = $2
                          and l.collencoding in (-1, pg_char_to_encoding(getdatabaseencoding())))",
    )
    .bind(&collation.schema)
    .bind(&collation.name)
    .fetch_one(connection)
    .await
    .map_err(doing(format!("look for the collation of {place}")))?;
    if exists {
        return Ok(());
    }
    Err(DatabaseError::Refused {
        reason: format!("{place} cannot be made: the target has no collation {collation}"),
        remedy: format!("Create the collation {collation} there."),
    })
}

fn sequence_terms(plan: &SequencePlan) -> Sql {
    let cycle = sql(if plan.cycle { "cycle" } else { "no cycle" }, &[]);
    sql(
        "start with {} increment by {} minvalue {} maxvalue {} {}",
        &[&plan.start, &plan.increment, &plan.minimum, &plan.maximum, &cycle],
    )
}

fn size(size: IntegerSize) -> &'static str {
    match size {
        IntegerSize::Small => "smallint",
        IntegerSize::Normal => "integer",
        IntegerSize::Big => "bigint",
    }
}

fn add_key(table: &TableName, key: &KeyPlan) -> Sql {
    let nulls = sql(if key.nulls_not_distinct { " nulls not distinct" } else { "" }, &[]);
    let (name, columns) = (Ident(&key.name), names(&key.columns));
    if !key.constraint {
        return sql("create unique index {} on {} ({}){}", &[&name, table, &columns, &nulls]);
    }
    let kind = sql(if key.primary { "primary key" } else { "unique" }, &[]);
    let wait = deferrable(key.deferrable, key.deferred);
    sql("alter table {} add constraint {} {}{} ({}){}", &[table, &name, &kind, &nulls, &columns, &wait])
}

fn deferrable(deferrable: bool, deferred: bool) -> Sql {
    sql(
        match (deferrable, deferred) {
            (false, _) => "",
            (true, false) => " deferrable",
            (true, true) => " deferrable initially deferred",
        },
        &[],
    )
}

fn refer(key: &ForeignKey) -> Sql {
    let Terms { on_delete, on_update, full, deferrable: may_wait, deferred, .. } = key.terms;
    let action = |action| {
        sql(
            match action {
                Action::NoAction => "no action",
                Action::Restrict => "restrict",
                Action::Cascade => "cascade",
                Action::SetNull => "set null",
                Action::SetDefault => "set default",
            },
            &[],
        )
    };
    sql(
        "foreign key ({}) references {} ({}){} on delete {} on update {}{}",
        &[
            &names(&key.columns),
            &key.parent,
            &names(&key.parent_columns),
            &sql(if full { " match full" } else { "" }, &[]),
            &action(on_delete),
            &action(on_update),
            &deferrable(may_wait, deferred),
        ],
    )
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

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;
    use crate::demo::{Cluster, ClusterOptions, Purpose};

    fn making(kind: &str) -> Making {
        let name = TableName::new("public", "made");
        let column = Column {
            name: "a".to_owned(),
            type_name: kind.to_owned(),
            not_null: false,
            has_default: false,
            generated: false,
            expression: None,
            folds: false,
            identity: None,
        };
        let kind = TypeRef { name: kind.to_owned(), modifier: -1 };
        let plan = ColumnPlan { name: "a".to_owned(), kind, ..ColumnPlan::default() };
        let blueprint = Blueprint { table: name.clone(), columns: vec![plan], ..Blueprint::default() };
        let table = Table {
            name,
            columns: vec![column],
            primary_key: Vec::new(),
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            partitioned: false,
            checks: Vec::new(),
            triggers: Vec::new(),
            unstoppable: Vec::new(),
            row_security: false,
            estimated_rows: 0,
        };
        Making { tables: vec![(table, blueprint)], ..Making::default() }
    }

    #[tokio::test]
    async fn a_type_that_is_a_piece_of_sql_is_no_type() {
        let options = ClusterOptions { purpose: Purpose::Test, ..ClusterOptions::default() };
        let cluster = Cluster::start(options).await.unwrap();
        let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
        for statement in ["create schema tandem", "create table victim (id int)"] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        for kind in [
            "integer); drop table public.victim; --",
            "integer, b integer",
            "integer default pg_catalog.pg_reload_conf()",
            "integer not null",
            "\"integer\"",
            "integer;",
            "public.victim; drop table public.victim",
            "",
            "integer\0",
            "nothing.like_this",
        ] {
            let mut transaction = connection.begin().await.unwrap();
            let refused = make(&mut transaction, &making(kind)).await;
            transaction.rollback().await.unwrap();
            assert!(matches!(refused, Err(DatabaseError::Refused { .. })), "{kind}: {refused:?}");
        }
        let made = rehearse(&mut connection, &making("integer[]")).await.unwrap();
        assert_eq!(made, [r#"create table "public"."made" ("a" integer[])"#]);
        let there: bool = sqlx::query_scalar("select to_regclass('public.victim') is not null")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!(there);
        connection.close().await.unwrap();
        cluster.stop().await;
    }
}
