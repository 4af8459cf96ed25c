//! The statements that only look: how many rows would be written, differ or are left over, and which.

use super::statements::{Target, deletable_rows, image};
use crate::sql::{Ident, Literal, Sql, join, sql};

/// A condition.
pub(super) fn is_empty(target: &Target) -> Sql {
    sql("not exists (select from {})", &[&target.relation()])
}

/// The rows that the target has with other values, as `t` beside what they become as `s`. For tables with a key.
pub(super) fn unequal(target: &Target) -> Sql {
    let columns: Vec<&String> = target.columns.iter().collect();
    target.pairs_unlike(&columns)
}

/// The places of the staged rows that the target does not hold exactly so.
pub(super) fn unlike(target: &Target) -> Sql {
    if target.key.is_empty() && target.outdated.is_some() {
        return sql("select s.ctid from {} s", &[&target.stage]);
    }
    if target.key.is_empty() {
        return sql(
            "select s.place
             from (select s.ctid as place, {} as image, row_number() over (partition by {}) as copy from {} s) s
             left join (select {} as image, count(*) as held from {} t group by 1) t on t.image = s.image
             where s.copy > coalesce(t.held, 0)",
            &[&image("s", target), &image("s", target), &target.stage, &image("t", target), &target.relation()],
        );
    }
    sql("select s.ctid from {}", &[&rows_unlike(target)])
}

/// Counts the staged rows that the target does not hold exactly so.
pub(super) fn missing(target: &Target) -> Sql {
    if target.key.is_empty() {
        return balance(target, "greatest(s.held - coalesce(t.held, 0), 0)");
    }
    sql("select count(*) from {}", &[&rows_unlike(target)])
}

/// The staged rows that the target does not hold exactly so, as `s`. For tables with a key.
fn rows_unlike(target: &Target) -> Sql {
    let columns: Vec<&String> = target.columns.iter().collect();
    sql(
        "{} s where not exists (select from {} t where {} and not ({}))",
        &[&target.stage, &target.relation(), &target.same_key(), &target.differ(&columns)],
    )
}

/// Counts the target's rows that the source does not have. Of a partial table without a key, the count of all rows
/// tells.
pub(super) fn surplus(target: &Target) -> Sql {
    if target.key.is_empty() && target.outdated.is_some() {
        return sql("select 0::bigint", &[]);
    }
    if target.key.is_empty() {
        return balance(target, "greatest(coalesce(t.held, 0) - coalesce(s.held, 0), 0)");
    }
    sql("select count(*) from {}", &[&deletable_rows(target)])
}

/// Counts the rows that `delete_surplus` deletes.
pub(super) fn deletable_count(target: &Target) -> Sql {
    match &target.outdated {
        Some(outdated) if target.table.key().is_empty() => sql("select count(*) from {}", &[outdated]),
        _ => surplus(target),
    }
}

/// Counts the staged rows that `insert` inserts.
pub(super) fn lacking_count(target: &Target) -> Sql {
    if target.key.is_empty() && target.outdated.is_some() {
        return sql("select count(*) from {}", &[&target.stage]);
    }
    if target.key.is_empty() {
        return balance(target, "greatest(s.held - coalesce(t.held, 0), 0)");
    }
    sql("select count(*) from {} s where {}", &[&target.stage, &target.is_lacking()])
}

/// `id 7, part 2`: how people are told which row is meant; a row without a key by all of it.
pub(super) fn key_text(target: &Target, alias: &'static str) -> Sql {
    if target.key.is_empty() {
        return sql("left({}, 200)", &[&image(alias, target)]);
    }
    let alias = sql(alias, &[]);
    // A row that is left out may come without a key.
    let part = |column: &String| {
        sql("{} || ' ' || coalesce({}.{}::text, 'null')", &[&Literal(column), &alias, &Ident(column)])
    };
    let parts = target.key.iter().map(|(column, _)| part(column));
    join(" || ', ' || ", parts)
}

pub(super) fn row_count(target: &Target) -> Sql {
    sql("select count(*) from {}", &[&target.relation()])
}

/// Both sides as multisets of row images; `excess` says what counts.
fn balance(target: &Target, excess: &'static str) -> Sql {
    sql(
        "select coalesce(sum({}), 0)::bigint
         from (select {} as image, count(*) as held from {} s group by 1) s
         full join (select {} as image, count(*) as held from {} t group by 1) t on t.image = s.image",
        &[&sql(excess, &[]), &image("s", target), &target.stage, &image("t", target), &target.relation()],
    )
}
