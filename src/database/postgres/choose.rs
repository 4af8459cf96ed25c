//! Only some rows, named by their keys: everything else that was staged is dropped.

use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::set_aside::of;
use super::statements::Target;
use crate::sql::{Ident, join, names, sql};

/// Keeps the staged rows with these keys; target rows with one of them that the source does not have count as outdated.
pub(super) async fn rows(
    connection: &mut PgConnection,
    target: &Target,
    keys: &[Vec<String>],
) -> Result<(), DatabaseError> {
    let Some(outdated) = &target.outdated else { return Ok(()) };
    let what = || doing(format!("choose rows of {}", target.table.name));
    if keys.is_empty() {
        let statement = sql("truncate {}, {}", &[&target.stage, outdated]);
        return sqlx::query(statement.into_query()).execute(connection).await.map(|_| ()).map_err(what());
    }
    let chosen = serde_json::to_string(keys).expect("texts have a JSON form");
    let key = |alias: &'static str| {
        let alias = sql(alias, &[]);
        let texts = target.table.key().iter().map(|column| sql("{}.{}::text", &[&alias, &Ident(column)]));
        sql("jsonb_build_array({}) in (select jsonb_array_elements($1::jsonb))", &[&join(", ", texts)])
    };
    // What the source has must not count as outdated, so this comes before its rows go.
    let refill = sql(
        "with other as (delete from {})
         insert into {} ({}) select {} from {} t where {} and not exists (select from {} s where {})",
        &[
            outdated,
            outdated,
            &names(&target.columns),
            &of("t", &target.columns),
            &target.relation(),
            &key("t"),
            &target.stage,
            &target.same_key(),
        ],
    );
    let drop_others = sql("delete from {} s where not {}", &[&target.stage, &key("s")]);
    for statement in [refill, drop_others] {
        sqlx::query(statement.into_query()).bind(&chosen).execute(&mut *connection).await.map_err(what())?;
    }
    Ok(())
}
