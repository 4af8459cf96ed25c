//! Staged rows whose key comes twice or is not set: no row of the target is theirs.

use sqlx::postgres::{PgConnection, PgPool};

use super::super::DatabaseError;
use super::error::doing;
use super::set_aside::{self, TWICE};
use super::stages::Staged;
use super::statements::Target;
use crate::catalog::TableName;
use crate::model::text;
use crate::sql::{Ident, Sql, join, names, sql};

/// Sets aside the staged rows whose key comes twice, all of them, because choosing one would be a guess, and those
/// without a key.
pub(super) async fn leave_out(connection: &mut PgConnection, target: &Target) -> Result<(), DatabaseError> {
    let key = target.table.key();
    let twice = sql(
        "delete from {} s using (select {} from {} group by {} having count(*) > 1) t where {}",
        &[&target.stage, &names(key), &target.stage, &names(key), &target.same_key()],
    );
    let unset = sql("delete from {} s where {}", &[&target.stage, &is_unset(key)]);
    let found = [(twice, "23505", TWICE), (unset, "23502", "it comes without a key")];
    for (gone, sqlstate, reason) in found {
        set_aside::all(connection, target, &gone, sqlstate, reason).await?;
    }
    Ok(())
}

/// How many there are in one table, as sentences.
pub(super) async fn sentences(pool: &PgPool, staged: &Staged) -> Result<Vec<String>, DatabaseError> {
    let (table, key) = (&staged.incoming.table.name, staged.incoming.table.key());
    let mut found = Vec::new();
    let twice = sql(
        "select count(*) from (select from {} group by {} having count(*) > 1) twice",
        &[&staged.stage, &names(key)],
    );
    let twice = count(pool, table, twice).await?;
    if twice > 0 {
        let keys = text::counted(twice, "key", "keys");
        found.push(format!("{keys} of {table} ({}) more than once", key.join(", ")));
    }
    let unset = sql("select count(*) from {} s where {}", &[&staged.stage, &is_unset(key)]);
    let unset = count(pool, table, unset).await?;
    if unset > 0 {
        let rows = text::counted(unset, "row", "rows");
        found.push(format!("{rows} of {table} without a key ({})", key.join(", ")));
    }
    Ok(found)
}

/// The staged row `s` has no key.
fn is_unset(key: &[String]) -> Sql {
    join(" or ", key.iter().map(|column| sql("s.{} is not distinct from null", &[&Ident(column)])))
}

async fn count(pool: &PgPool, table: &TableName, statement: Sql) -> Result<u64, DatabaseError> {
    let count: Result<i64, _> = sqlx::query_scalar(statement.into_query()).fetch_one(pool).await;
    count.map(i64::unsigned_abs).map_err(doing(format!("check the keys for {table}")))
}
