//! Foreign keys: which staged rows would point to a row that the target will not have.

use sqlx::postgres::PgConnection;

use super::super::super::{DatabaseError, Stricter};
use super::super::foreign_keys::{self, Key};
use super::super::statements::Target;
use super::demands::part;
use super::{Foresight, Rule};
use crate::sql::{Sql, names, sql};

impl Foresight<'_> {
    /// The keys that the source does not have alike, whose parents are not all there any more, or that only a part of the
    /// table has.
    pub(super) async fn references(
        &mut self,
        target: &Target,
        stricter: &Stricter,
    ) -> Result<Vec<Rule>, DatabaseError> {
        let table = &target.table;
        if table.foreign_keys.is_empty() && !table.partitioned {
            return Ok(Vec::new());
        }
        let mut keys = foreign_keys::holding(self.connection, std::slice::from_ref(&table.name)).await?;
        keys.retain(|key| {
            let is_doubtful = key.child != table.name
                || stricter.references.contains(&key.name)
                || self.thinned.contains(&key.parent_root);
            is_doubtful && key.is_readable && concerns(key, target)
        });
        let mut rules = Vec::new();
        for key in &keys {
            let Some(parents) = self.parents(key).await? else { continue };
            let refuses = is_orphan(self.connection, key, &parents).await?;
            rules.push(Rule {
                why: format!("it points to a row that {} does not have ({})", key.parent.display(), key.name),
                sqlstate: "23503",
                refuses,
            });
        }
        Ok(rules)
    }

    /// The rows that `key` may point to after the merge, as a relation; None when that is not known.
    async fn parents(&mut self, key: &Key) -> Result<Option<Sql>, DatabaseError> {
        let place = self.targets.iter().position(|target| target.table.name == key.parent_root);
        let Some(place) = place.filter(|&place| !self.direct[place]) else {
            return Ok(Some(key.parent_relation()));
        };
        let parent = &self.targets[place];
        let stays = parent.stays("t").filter(|_| self.mirror);
        parents(self.connection, key, parent, &stays.unwrap_or_else(|| sql("true", &[]))).await
    }
}

/// The rows of `parent` that `key` may point to, as a relation: those `t` that are there and of which `stays` is true,
/// and the staged ones. None when some are not known.
pub(in super::super) async fn parents(
    connection: &mut PgConnection,
    key: &Key,
    parent: &Target,
    stays: &Sql,
) -> Result<Option<Sql>, DatabaseError> {
    let is_part = key.parent != key.parent_root;
    if key.parent_columns.iter().any(|column| !parent.columns.contains(column))
        || is_part && !parent.is_whole()
    {
        return Ok(None);
    }
    let within = if is_part { part(connection, &key.parent).await? } else { sql("true", &[]) };
    let columns = names(&key.parent_columns);
    Ok(Some(sql(
        "(select {} from {} t where {} union all select {} from {} t where {})",
        &[&columns, &key.parent_relation(), stays, &columns, &parent.stage, &within],
    )))
}

/// The staged rows of `target` can be asked whether they are orphans by `key`, one of its own or of a part of it.
pub(in super::super) fn concerns(key: &Key, target: &Target) -> bool {
    // To know the part that a row belongs to, all of its columns are needed.
    let is_known = key.child == target.table.name || key.child_root == target.table.name && target.is_whole();
    is_known && key.columns.iter().all(|column| target.columns.contains(column))
}

/// The row `row` of the table that `key` belongs to is in the part that has it.
pub(in super::super) async fn is_bound(
    connection: &mut PgConnection,
    key: &Key,
    row: &'static str,
) -> Result<Sql, DatabaseError> {
    if key.child == key.child_root {
        return Ok(sql("true", &[]));
    }
    // In a query of its own: bounds name bare columns.
    let within = part(connection, &key.child).await?;
    Ok(sql("exists (select from (select {}.*) part where {})", &[&sql(row, &[]), &within]))
}

/// The staged row `s` falls under `key` and points to none of `parents`, a relation.
pub(in super::super) async fn is_orphan(
    connection: &mut PgConnection,
    key: &Key,
    parents: &Sql,
) -> Result<Sql, DatabaseError> {
    let is_bound = is_bound(connection, key, "s").await?;
    Ok(sql("{} and ({}) and not {}", &[&is_bound, &key.is_set("s"), &key.is_met_by_any_of(parents, "s")]))
}
