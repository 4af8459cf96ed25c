//! Only some rows, named by their keys: everything else that was staged is dropped.

use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, Surplus};
use super::error::doing;
use super::set_aside::of;
use super::statements::{Target, relation};
use crate::catalog::{Table, TableName};
use crate::sql::{Ident, Sql, join, names, sql};

/// The keys that neither the table has nor what is staged for it.
pub(super) async fn unknown(
    connection: &mut PgConnection,
    table: &Table,
    staged: Option<&Target>,
    keys: &[Vec<String>],
) -> Result<Vec<Vec<String>>, DatabaseError> {
    let relations = [relation(&table.name, table.partitioned)];
    let relations = relations.into_iter().chain(staged.map(Target::stage_relation));
    let there = relations.map(|relation| {
        sql("except select {} from {} t where {}", &[&key_of(table, "t"), &relation, &is_one_of(table, "t")])
    });
    let statement = sql(
        "select k.key::text from (select jsonb_array_elements($1::jsonb) as key {}) k order by k.key",
        &[&join(" ", there)],
    );
    let unknown: Vec<String> = sqlx::query_scalar(statement.into_query())
        .bind(json(keys))
        .fetch_all(connection)
        .await
        .map_err(doing(format!("look for chosen rows of {}", table.name)))?;
    let read = |key: &String| serde_json::from_str(key).expect("it is one of the keys that we have sent");
    Ok(unknown.iter().map(read).collect())
}

/// Keeps the staged rows with these keys; target rows with one of them that the source does not have count as outdated.
pub(super) async fn rows(
    connection: &mut PgConnection,
    target: &Target,
    keys: &[Vec<String>],
    surplus: Surplus,
) -> Result<(), DatabaseError> {
    let Some(outdated) = &target.outdated else { return Ok(()) };
    let what = || doing(format!("choose rows of {}", target.table.name));
    if keys.is_empty() {
        let statement = sql("truncate {}, {}", &[&target.stage, outdated]);
        return sqlx::query(statement.into_query()).execute(connection).await.map(|_| ()).map_err(what());
    }
    let drop_others =
        |rows: &TableName| sql("delete from {} s where not {}", &[rows, &is_one_of(&target.table, "s")]);
    let outdated = match surplus {
        Surplus::Known => drop_others(outdated),
        // What the source has must not count as outdated, so this comes before its rows go.
        Surplus::Sought => sql(
            "insert into {} ({}) select {} from {} t where {} and not exists (select from {} s where {})",
            &[
                outdated,
                &names(&target.columns),
                &of("t", &target.columns),
                &target.relation(),
                &is_one_of(&target.table, "t"),
                &target.stage,
                &target.same_key(),
            ],
        ),
    };
    for statement in [outdated, drop_others(&target.stage)] {
        sqlx::query(statement.into_query())
            .bind(json(keys))
            .execute(&mut *connection)
            .await
            .map_err(what())?;
    }
    Ok(())
}

/// The key of the row as a preview names it: the texts of its values.
fn key_of(table: &Table, alias: &'static str) -> Sql {
    let alias = sql(alias, &[]);
    let texts = table.key().iter().map(|column| sql("{}.{}::text", &[&alias, &Ident(column)]));
    sql("jsonb_build_array({})", &[&join(", ", texts)])
}

/// The condition that the row has one of the keys in `$1`.
fn is_one_of(table: &Table, alias: &'static str) -> Sql {
    sql("{} in (select jsonb_array_elements($1::jsonb))", &[&key_of(table, alias)])
}

fn json(keys: &[Vec<String>]) -> String {
    serde_json::to_string(keys).expect("texts have a JSON form")
}
