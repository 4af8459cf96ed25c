//! Types by the names that a peer gives them -> types as this server prints them, or a refusal.

use sqlx::postgres::PgConnection;

use super::super::super::DatabaseError;
use super::super::error::doing;
use super::words::sequence_terms;
use crate::catalog::{Column, ColumnPlan, Identity, TableName, TypeForm, TypePlan, TypeRef};
use crate::sql::{Definition, Ident, Literal, Sql, join, sql};

pub(super) async fn create_type(
    connection: &mut PgConnection,
    plan: &TypePlan,
) -> Result<Sql, DatabaseError> {
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

pub(in super::super) async fn define(
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sqlx::Connection;

    use super::super::rehearse;
    use super::*;
    use crate::catalog::{Blueprint, Making, Table};
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
            functions: BTreeMap::new(),
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
            let refused = rehearse(&mut transaction, &making(kind)).await;
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
