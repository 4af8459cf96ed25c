//! Rows of the target that reference a row which is replaced reference the one that comes.

use super::super::super::{DatabaseError, OwnRows, Resolved};
use super::super::foreign_keys::{self, Key};
use super::super::images::Fate;
use super::Resolver;
use super::pairs::{INCOMING, OWN, Pairs, inherited, is_taken, numbered, paired, repoint};
use crate::model::text;
use crate::sql::{Sql, join, sql};

impl Resolver<'_> {
    /// Those that reference the target's own rows of `pairs` of table `index`.
    pub(super) async fn repoint_own(
        &mut self,
        index: usize,
        pairs: Pairs,
    ) -> Result<Resolved, DatabaseError> {
        let mut resolved = Resolved::default();
        let (relation, origin) = (pairs.relation(), pairs.origin().relation());
        for (key, child) in self.children(index) {
            let Some(child) = child else {
                self.demand_unreferenced(index, key, &relation).await?;
                continue;
            };
            let (parent, target) = (&self.targets[index], &self.targets[child]);
            let met = |row| self.met_own(key, (index, child), (pairs.first, &origin), row);
            let (met, image) = (met("c"), met("t"));
            self.demand_parents(index, key, (&relation, &met)).await?;
            let rows = (&key.child_relation(), &relation, &met);
            let theirs = pairs.inherited(key, target)?;
            let (mut deleted, mut keeps_key) = (0, sql("true", &[]));
            if let Some(theirs) = theirs {
                let inherited = inherited((key, parent, target), rows, (OWN, INCOMING));
                if self.run(target, theirs.create(&inherited)).await? > 0 {
                    resolved.extend(Box::pin(self.repoint_own(child, theirs)).await?);
                    deleted = self.make_room(child, theirs).await?;
                }
                let is_in = paired(target, "t", OWN);
                keeps_key = sql("not exists (select from {} met where {})", &[&theirs.relation(), &is_in]);
            }
            if let Some(images) = self.images {
                let rows =
                    sql("{} t cross join {} met where {} and {}", &[rows.0, rows.1, &image, &keeps_key]);
                self.run(target, images.keeping(child, target, &rows)).await?;
            }
            let updated = self.run(target, repoint(key, parent, rows, INCOMING)).await?;
            if let Some(theirs) = theirs {
                self.run(target, theirs.drop()).await?;
            }
            resolved.notes.extend(notes(key, deleted, updated));
            resolved.own.push(OwnRows { index: child, deleted, updated });
        }
        Ok(resolved)
    }

    /// Rows whose key would be that of another row go; the others' keys are about to change.
    async fn make_room(&mut self, index: usize, pairs: Pairs) -> Result<u64, DatabaseError> {
        let (target, pairs) = (&self.targets[index], pairs.relation());
        let met = paired(target, "t", OWN);
        let mut gone = sql(
            "delete from {} t using {} met where {} and {}",
            &[&target.relation(), &pairs, &met, &is_taken(target, INCOMING)],
        );
        if let Some(images) = self.images {
            gone = images.deleting(index, target, Fate::Deleted, &gone);
        }
        let deleted = self.run(target, gone).await?;
        if let Some(images) = self.images {
            let rows = sql("{} t join {} met on {}", &[&target.relation(), &pairs, &met]);
            let places = 0..target.table.key().len();
            let key = join(", ", places.map(|place| sql("met.{}", &[&numbered(INCOMING, place)])));
            self.run(target, images.rekeying(index, target, &rows, &key)).await?;
        }
        Ok(deleted)
    }

    /// What `repoint_own` would do: `pairs` and those that all come from, `origin`, are any relations.
    pub(super) async fn would_repoint_own(
        &mut self,
        index: usize,
        (pairs, origin): (&Sql, &Sql),
        step: Pairs,
    ) -> Result<Vec<OwnRows>, DatabaseError> {
        let mut found = Vec::new();
        for (key, child) in self.children(index) {
            let Some(child) = child else {
                self.demand_unreferenced(index, key, pairs).await?;
                continue;
            };
            let (parent, target) = (&self.targets[index], &self.targets[child]);
            let met = self.met_own(key, (index, child), (step.first, origin), "c");
            self.demand_parents(index, key, (pairs, &met)).await?;
            let referencing = self.count_met(key, pairs, &met).await?;
            let mut deleted = 0;
            if referencing > 0
                && let Some(step) = step.inherited(key, target)?
            {
                let rows = (&key.child_relation(), pairs, &met);
                let theirs = sql("({})", &[&inherited((key, parent, target), rows, (OWN, INCOMING))]);
                let taken =
                    sql("select count(*) from {} met where {}", &[&theirs, &is_taken(target, INCOMING)]);
                deleted = foreign_keys::count(self.connection, key, taken).await?;
                found.extend(Box::pin(self.would_repoint_own(child, (&theirs, origin), step)).await?);
            }
            found.push(OwnRows { index: child, deleted, updated: referencing - deleted });
        }
        Ok(found)
    }

    /// The row `row` of table `child` references the target's own row of the pair `met` of table `parent`, and is not one
    /// of those that are replaced themselves, in the pairs `origin` of table `first`.
    fn met_own(
        &self,
        key: &Key,
        (parent, child): (usize, usize),
        (first, origin): (usize, &Sql),
        row: &'static str,
    ) -> Sql {
        let met = key.met_by("met", OWN, self.targets[parent].table.key(), row);
        if child != first {
            return met;
        }
        let replaced = paired(&self.targets[child], row, OWN);
        sql("{} and not exists (select from {} met where {})", &[&met, origin, &replaced])
    }

    /// Rows of the target that reference a row of one of `pairs`, as `met` says of the row `c`.
    async fn count_met(&mut self, key: &Key, pairs: &Sql, met: &Sql) -> Result<u64, DatabaseError> {
        let statement = sql(
            "select count(*) from {} c where exists (select from {} met where {})",
            &[&key.child_relation(), pairs, met],
        );
        foreign_keys::count(self.connection, key, statement).await
    }

    /// What does not come in cannot be led to another row.
    async fn demand_unreferenced(
        &mut self,
        index: usize,
        key: &Key,
        pairs: &Sql,
    ) -> Result<(), DatabaseError> {
        if !key.is_readable {
            return Ok(());
        }
        let met = key.met_by("met", OWN, self.targets[index].table.key(), "c");
        let rows = self.count_met(key, pairs, &met).await?;
        if rows == 0 {
            return Ok(());
        }
        Err(DatabaseError::Refused {
            reason: format!(
                "incoming rows would replace in {} what is referenced by {} of {} ({}), and {} is not part of this sync",
                key.parent,
                text::counted(rows, "row", "rows"),
                key.child,
                key.name,
                key.child_root
            ),
            remedy: format!("Sync {} too, or choose another policy for conflicts.", key.child_root),
        })
    }

    /// Rows can reference one that has yet to come, unless the server checks at once.
    async fn demand_parents(
        &mut self,
        index: usize,
        key: &Key,
        (pairs, met): (&Sql, &Sql),
    ) -> Result<(), DatabaseError> {
        let target = &self.targets[index];
        let is_it = |live: &Key| live.name == key.name && live.child == key.child;
        if key.is_deferrable || !self.live.from(&key.child_root).any(is_it) {
            return Ok(());
        }
        let statement = sql(
            "select count(*) from {} c join {} met on {} where not exists (select from {} t where {})",
            &[&key.child_relation(), pairs, met, &target.relation(), &paired(target, "t", INCOMING)],
        );
        let rows = foreign_keys::count(self.connection, key, statement).await?;
        if rows == 0 {
            return Ok(());
        }
        Err(DatabaseError::Refused {
            reason: format!(
                "incoming rows would replace in {} what is referenced by {} of {}, and the foreign key {} does not let these wait",
                key.parent,
                text::counted(rows, "row", "rows"),
                key.child,
                key.name
            ),
            remedy: format!(
                "Let the owner of {} make {} deferrable or run the sync, or choose another policy for conflicts.",
                key.child, key.name
            ),
        })
    }
}

/// What was done, in sentences.
fn notes(key: &Key, deleted: u64, updated: u64) -> impl Iterator<Item = String> {
    let (child, parent) = (&key.child, &key.parent);
    let rows = |count| text::counted(count, "row", "rows");
    let repointed = (updated > 0).then(|| {
        let rows = rows(updated);
        format!(
            "{rows} of {child}, the target's own, made to reference the incoming rows of {parent} instead"
        )
    });
    let replaced = (deleted > 0).then(|| {
        format!("{} of {child}, the target's own, replaced with what they reference", rows(deleted))
    });
    repointed.into_iter().chain(replaced)
}
