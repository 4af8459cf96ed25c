//! Typed descriptions of sequences and keys -> the words that say the same.

use crate::catalog::{Action, ForeignKey, IntegerSize, KeyPlan, SequencePlan, TableName, Terms};
use crate::sql::{Ident, Sql, names, sql};

pub(super) fn sequence_terms(plan: &SequencePlan) -> Sql {
    let cycle = sql(if plan.cycle { "cycle" } else { "no cycle" }, &[]);
    sql(
        "start with {} increment by {} minvalue {} maxvalue {} {}",
        &[&plan.start, &plan.increment, &plan.minimum, &plan.maximum, &cycle],
    )
}

pub(super) fn size(size: IntegerSize) -> &'static str {
    match size {
        IntegerSize::Small => "smallint",
        IntegerSize::Normal => "integer",
        IntegerSize::Big => "bigint",
    }
}

pub(super) fn add_key(table: &TableName, key: &KeyPlan) -> Sql {
    let nulls = sql(if key.nulls_not_distinct { " nulls not distinct" } else { "" }, &[]);
    let (name, columns) = (Ident(&key.name), names(&key.columns));
    if !key.constraint {
        return sql("create unique index {} on {} ({}){}", &[&name, table, &columns, &nulls]);
    }
    let kind = sql(if key.primary { "primary key" } else { "unique" }, &[]);
    let wait = deferrable(key.deferrable, key.deferred);
    sql("alter table {} add constraint {} {}{} ({}){}", &[table, &name, &kind, &nulls, &columns, &wait])
}

pub(super) fn deferrable(deferrable: bool, deferred: bool) -> Sql {
    sql(
        match (deferrable, deferred) {
            (false, _) => "",
            (true, false) => " deferrable",
            (true, true) => " deferrable initially deferred",
        },
        &[],
    )
}

pub(super) fn refer(key: &ForeignKey) -> Sql {
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
