//! Pairs of rows: the key of the incoming one as `new_0`, `new_1`, …, that of the target's own as `old_0`, `old_1`, …

use super::super::super::DatabaseError;
use super::super::foreign_keys::Key;
use super::super::statements::Target;
use crate::sql::{Ident, Sql, join, sql};

pub(super) const INCOMING: &str = "new_";
pub(super) const OWN: &str = "old_";

/// Keys that inherit from keys that inherit…: more such steps are a circle.
const MOST_STEPS: u32 = 16;

/// A temporary table of pairs. Those that meet in a unique value come first; where the key of a child is that of its
/// parent, in whole or in part, the pairs of the parent make pairs of the child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs {
    /// The place of the table in which rows meet.
    pub(super) first: usize,
    steps: u32,
}

impl Pairs {
    pub(super) fn of(first: usize) -> Self {
        Self { first, steps: 0 }
    }

    /// Those that all others come from.
    pub(super) fn origin(self) -> Self {
        Self::of(self.first)
    }

    /// Those of the table `child`, if its own key has columns of `key`.
    pub(super) fn inherited(self, key: &Key, child: &Target) -> Result<Option<Self>, DatabaseError> {
        if !child.key.iter().any(|(column, _)| key.columns.contains(column)) {
            return Ok(None);
        }
        if self.steps == MOST_STEPS {
            return Err(DatabaseError::Refused {
                reason: format!("the key of {} is, over others, its own ({})", key.child, key.name),
                remedy: "Choose skip or abort for conflicts.".to_owned(),
            });
        }
        Ok(Some(Self { steps: self.steps + 1, ..self }))
    }

    pub(super) fn relation(self) -> Sql {
        sql("pg_temp.tandem_pairs_{}", &[&i64::from(self.steps)])
    }

    pub(super) fn create(self, rows: &Sql) -> Sql {
        sql("create temporary table tandem_pairs_{} on commit drop as {}", &[&i64::from(self.steps), rows])
    }

    pub(super) fn drop(self) -> Sql {
        sql("drop table {}", &[&self.relation()])
    }
}

/// The pairs that rows of `relation`, of the table `child`, are in because their key changes when they reference the
/// other row (`to`) of a pair of `parent` instead of the one (`from`). `met` is the condition that the row `c` does so.
pub(super) fn inherited(
    (key, parent, child): (&Key, &Target, &Target),
    (relation, pairs, met): (&Sql, &Sql, &Sql),
    (from, to): (&'static str, &'static str),
) -> Sql {
    let (mut then, mut same) = (Vec::new(), Vec::new());
    for (place, (column, equals)) in child.key.iter().enumerate() {
        let (now, name) = (sql("c.{}", &[&Ident(column)]), numbered(to, place));
        let value = match key.columns.iter().zip(&key.parent_columns).find(|(name, _)| *name == column) {
            Some((_, name)) => sql("met.{}", &[&numbered(to, place_of(name, parent.table.key()))]),
            None => now.clone(),
        };
        same.push(sql("{} {} {}", &[&now, equals, &value]));
        then.push(sql("{} as {}", &[&value, &name]));
    }
    sql(
        "select distinct on (c.tableoid, c.ctid) c.ctid as place, {}, {} from {} c join {} met on {} and not ({})",
        &[&numbered_key(child, "c", from), &join(", ", then), relation, pairs, met, &join(" and ", same)],
    )
}

/// Lets rows `c` of `relation` reference the one row (`to`) of the pair that they have `met`.
pub(super) fn repoint(
    key: &Key,
    parent: &Target,
    (relation, pairs, met): (&Sql, &Sql, &Sql),
    to: &'static str,
) -> Sql {
    let sets = key.columns.iter().zip(&key.parent_columns).map(|(column, name)| {
        sql("{} = met.{}", &[&Ident(column), &numbered(to, place_of(name, parent.table.key()))])
    });
    sql("update {} c set {} from {} met where {}", &[relation, &join(", ", sets), pairs, met])
}

/// `s.id as new_0, …`
pub(super) fn numbered_key(target: &Target, alias: &'static str, prefix: &'static str) -> Sql {
    let (alias, key) = (sql(alias, &[]), target.table.key().iter().enumerate());
    let named = |(place, column): (usize, &String)| {
        sql("{}.{} as {}", &[&alias, &Ident(column), &numbered(prefix, place)])
    };
    join(", ", key.map(named))
}

/// The row `alias` has the one key of the pair `met`.
pub(super) fn paired(target: &Target, alias: &'static str, prefix: &'static str) -> Sql {
    let alias = sql(alias, &[]);
    let parts = target.key.iter().enumerate().map(|(place, (column, equals))| {
        sql("{}.{} {} met.{}", &[&alias, &Ident(column), equals, &numbered(prefix, place)])
    });
    join(" and ", parts)
}

/// The row whose key is the one of the pair `met` is there, or staged.
pub(super) fn is_taken(target: &Target, prefix: &'static str) -> Sql {
    sql(
        "(exists (select from {} o where {}) or exists (select from {} o where {}))",
        &[&target.relation(), &paired(target, "o", prefix), &target.stage, &paired(target, "o", prefix)],
    )
}

/// Where a column stands in the key whose columns a pair numbers.
pub(in super::super) fn place_of(column: &str, key: &[String]) -> usize {
    key.iter().position(|name| name == column).unwrap_or_default()
}

pub(in super::super) fn numbered(prefix: &'static str, place: usize) -> Sql {
    sql("{}{}", &[&sql(prefix, &[]), &i64::try_from(place).unwrap_or(i64::MAX)])
}
