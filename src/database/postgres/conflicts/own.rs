//! Rows of the target that reference a row which is replaced reference the one that comes.

use super::super::super::{DatabaseError, OwnRows, Resolved};
use super::super::foreign_keys::{self, Key};
use super::super::images::Fate;
use super::Resolver;
use super::pairs::{INCOMING, OWN, Pairs, inherited, is_identifying, is_taken, paired, repoint};
use crate::model::text;
use crate::sql::{Sql, sql};

impl Resolver<'_> {
    /// Those that reference the target's own rows of `pairs` of table `index`.
    pub(super) async fn repoint_own(
        &mut self,
        index: usize,
        pairs: Pairs,
    ) -> Result<Resolved, DatabaseError> {
        let mut resolved = Resolved::default();
        for (key, child) in self.children(index) {
            let parent = &self.targets[index];
            let Some(child) = child else {
                demand_unreferenced(key, self.referencing(index, key, &pairs.relation()).await?)?;
                continue;
            };
            self.demand_parents(index, key, &pairs.relation()).await?;
            let (target, relation) = (&self.targets[child], key.child_relation());
            let met = key.met_by("met", OWN, parent.table.key(), "c");
            let rows = (&relation, &pairs.relation(), &met);
            let theirs = pairs.inherited().filter(|_| is_identifying(key, target));
            let mut deleted = 0;
            if let Some(theirs) = theirs {
                let inherited = inherited((key, parent, target), rows, (OWN, INCOMING));
                if self.run(target, theirs.create(&inherited)).await? > 0 {
                    resolved.extend(Box::pin(self.repoint_own(child, theirs)).await?);
                    deleted = self.make_room(child, theirs).await?;
                }
                self.run(target, theirs.drop()).await?;
            } else if let Some(images) = self.images {
                let met = key.met_by("met", OWN, parent.table.key(), "t");
                let rows = sql("{} t cross join {} met where {}", &[rows.0, rows.1, &met]);
                let keep = images.keeping(child, target, &rows);
                self.run(target, keep).await?;
            }
            let updated = self.run(target, repoint(key, parent, rows, INCOMING)).await?;
            if deleted + updated > 0 {
                resolved.own.push(OwnRows { index: child, deleted, updated });
            }
            if updated > 0 {
                resolved.notes.push(format!(
                    "{} of {}, the target's own, made to reference the incoming rows of {} instead",
                    text::counted(updated, "row", "rows"),
                    key.child,
                    key.parent
                ));
            }
            if deleted > 0 {
                resolved.notes.push(format!(
                    "{} of {}, the target's own, replaced with what they reference",
                    text::counted(deleted, "row", "rows"),
                    key.child
                ));
            }
        }
        Ok(resolved)
    }

    /// Rows whose key would be that of another row go; the others' keys are about to change.
    async fn make_room(&mut self, index: usize, pairs: Pairs) -> Result<u64, DatabaseError> {
        let (target, pairs) = (&self.targets[index], pairs.relation());
        let mut gone = sql(
            "delete from {} t using {} met where {} and {}",
            &[&target.relation(), &pairs, &paired(target, "t", OWN), &is_taken(target, INCOMING)],
        );
        if let Some(images) = self.images {
            gone = images.deleting(index, target, Fate::Deleted, &gone);
        }
        let deleted = self.run(target, gone).await?;
        if let Some(images) = self.images {
            let keep = images.rekeying(index, target, &pairs, &paired(target, "t", OWN));
            self.run(target, keep).await?;
        }
        Ok(deleted)
    }

    /// What `repoint_own` would do: `pairs` is any relation.
    pub(super) async fn would_repoint_own(
        &mut self,
        index: usize,
        pairs: &Sql,
        step: Pairs,
    ) -> Result<Vec<OwnRows>, DatabaseError> {
        let mut found = Vec::new();
        for (key, child) in self.children(index) {
            let (parent, rows) = (&self.targets[index], self.referencing(index, key, pairs).await?);
            let Some(child) = child else {
                demand_unreferenced(key, rows)?;
                continue;
            };
            self.demand_parents(index, key, pairs).await?;
            let target = &self.targets[child];
            let mut deleted = 0;
            if let Some(step) = step.inherited().filter(|_| rows > 0 && is_identifying(key, target)) {
                let met = key.met_by("met", OWN, parent.table.key(), "c");
                let rows = (&key.child_relation(), pairs, &met);
                let theirs = sql("({})", &[&inherited((key, parent, target), rows, (OWN, INCOMING))]);
                let taken =
                    sql("select count(*) from {} met where {}", &[&theirs, &is_taken(target, INCOMING)]);
                deleted = foreign_keys::count(self.connection, key, taken).await?;
                found.extend(Box::pin(self.would_repoint_own(child, &theirs, step)).await?);
            }
            found.push(OwnRows { index: child, deleted, updated: rows - deleted });
        }
        Ok(found)
    }

    /// Rows of the target that reference the own row of one of `pairs`.
    async fn referencing(&mut self, index: usize, key: &Key, pairs: &Sql) -> Result<u64, DatabaseError> {
        if !key.is_readable {
            return Ok(0);
        }
        let met = key.met_by("met", OWN, self.targets[index].table.key(), "c");
        let statement = sql(
            "select count(*) from {} c where exists (select from {} met where {})",
            &[&key.child_relation(), pairs, &met],
        );
        foreign_keys::count(self.connection, key, statement).await
    }

    /// Rows can reference one that has yet to come, unless the server checks at once.
    async fn demand_parents(&mut self, index: usize, key: &Key, pairs: &Sql) -> Result<(), DatabaseError> {
        let target = &self.targets[index];
        let is_it = |live: &Key| live.name == key.name && live.child == key.child;
        if key.is_deferrable || !self.live.from(&key.child_root).any(is_it) {
            return Ok(());
        }
        let statement = sql(
            "select count(*) from {} c join {} met on {} where not exists (select from {} t where {})",
            &[
                &key.child_relation(),
                pairs,
                &key.met_by("met", OWN, target.table.key(), "c"),
                &target.relation(),
                &paired(target, "t", INCOMING),
            ],
        );
        let rows = foreign_keys::count(self.connection, key, statement).await?;
        if rows == 0 {
            return Ok(());
        }
        Err(DatabaseError::Refused {
            reason: format!(
                "incoming rows would replace what {} of {} reference in {}, and the foreign key {} does not let them wait for these",
                text::counted(rows, "row", "rows"),
                key.child,
                key.parent,
                key.name
            ),
            remedy: format!(
                "Let the owner of {} make {} deferrable or run the sync, or choose another policy for conflicts.",
                key.child, key.name
            ),
        })
    }
}

fn demand_unreferenced(key: &Key, rows: u64) -> Result<(), DatabaseError> {
    if rows == 0 {
        return Ok(());
    }
    let rows = text::counted(rows, "row", "rows");
    Err(DatabaseError::Refused {
        reason: format!(
            "{rows} of {} reference what incoming rows would replace in {} ({}), and {} is not part of this sync",
            key.child, key.parent, key.name, key.child_root
        ),
        remedy: format!("Sync {} too, or choose another policy for conflicts.", key.child_root),
    })
}
