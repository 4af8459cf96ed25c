//! Rows whose secondary unique values change: they leave first and come back with the new ones, so that swaps and
//! rotations meet no old value.

use super::statements::Target;
use crate::sql::{Ident, Sql, join, names, sql};

/// The condition that the unique values of `t` change into those of the staged row `s`. None where that cannot happen.
fn moves(target: &Target) -> Option<Sql> {
    let contended = target.contended();
    let can_happen = !target.key.is_empty() && !contended.is_empty();
    can_happen.then(|| sql("{} and {}", &[&target.same_key(), &target.differ(&contended)]))
}

/// Deletes these rows; the insert of all rows that are lacking brings them back, or `insert`. None where there can be none.
pub(super) fn delete(target: &Target) -> Option<Sql> {
    let moves = moves(target)?;
    Some(sql("delete from {} t using {} s where {}", &[&target.relation(), &target.stage, &moves]))
}

/// Notes the rows that `delete` deletes, where not every column comes in. None where all do, or none can move.
pub(super) fn note(target: &Target) -> Option<Sql> {
    let moves = (!target.is_whole()).then(|| moves(target))??;
    let columns = join(", ", target.stored.iter().map(|column| sql("t.{}", &[&Ident(column)])));
    Some(sql(
        "create temporary table tandem_moved on commit drop as select {} from {} t, {} s where {}",
        &[&columns, &target.relation(), &target.stage, &moves],
    ))
}

/// Inserts the rows that were noted, with the values that come in and those that stay.
pub(super) fn insert(target: &Target) -> Sql {
    let values = target.stored.iter().map(|column| {
        let from = if target.columns.contains(column) { "s" } else { "m" };
        sql("{}.{}", &[&sql(from, &[]), &Ident(column)])
    });
    sql(
        "insert into {} ({}) overriding system value select {} from pg_temp.tandem_moved m join {} s on {}",
        &[
            &target.table.name,
            &names(&target.stored),
            &join(", ", values),
            &target.stage,
            &target.same_key_of("m", "s"),
        ],
    )
}
