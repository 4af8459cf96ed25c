//! Incoming rows that reference a row which is left out reference the target's own instead.

use futures::TryStreamExt;

use super::super::super::{DatabaseError, Repointed, Resolved};
use super::super::error::doing;
use super::super::foreign_keys::Key;
use super::super::foresee::references;
use super::super::set_aside;
use super::super::statements::Target;
use super::Resolver;
use super::pairs::{INCOMING, OWN, Pairs, inherited, is_taken, paired, repoint};
use crate::archive::TableHasher;
use crate::model::text;
use crate::sql::{Sql, sql};

impl Resolver<'_> {
    /// Those that reference the incoming rows of `pairs` of table `index`. They are hashed before and after that, so that
    /// it can be proven that nothing else has become of them.
    pub(super) async fn repoint_incoming(
        &mut self,
        index: usize,
        pairs: Pairs,
    ) -> Result<Resolved, DatabaseError> {
        let mut resolved = Resolved::default();
        for (key, child) in self.children(index) {
            let parent = &self.targets[index];
            // Of rows that do not come in nothing changes, nor does the target's own value.
            let Some(child) = child.filter(|&child| references::concerns(key, &self.targets[child])) else {
                continue;
            };
            let target = &self.targets[child];
            let Some(met) = self.met(key, parent).await? else { continue };
            let rows = (&target.stage_relation(), &pairs.relation(), &met);
            let theirs = pairs.inherited(key, target)?;
            let mut have_others = false;
            if let Some(theirs) = theirs {
                let inherited = inherited((key, parent, target), rows, (INCOMING, OWN));
                have_others = self.run(target, theirs.create(&inherited)).await? > 0;
                resolved.notes.extend(self.leave_out_taken(target, theirs).await?);
            }
            let columns = set_aside::of("c", &target.columns);
            let came = sql(
                "select {} from {} c where exists (select from {} met where {})",
                &[&columns, rows.0, rows.1, rows.2],
            );
            let turn = sql("{} returning {}", &[&repoint(key, parent, rows, OWN), &columns]);
            let (_, before) = self.hashed(target, &came).await?;
            let (references, after) = self.hashed(target, &turn).await?;
            if references > 0 {
                resolved.repointed.push(Repointed { index: child, references, before, after });
                resolved.notes.push(format!(
                    "{} of {} made to reference the target's own rows of {} instead",
                    text::counted(references, "incoming row", "incoming rows"),
                    key.child,
                    key.parent
                ));
            }
            if let Some(theirs) = theirs {
                if have_others {
                    resolved.extend(Box::pin(self.repoint_incoming(child, theirs)).await?);
                }
                self.run(target, theirs.drop()).await?;
            }
        }
        Ok(resolved)
    }

    /// The staged row `c` references the incoming row of the pair `met`, by a key that the other row fulfils too. None
    /// when that is not known.
    async fn met(&mut self, key: &Key, parent: &Target) -> Result<Option<Sql>, DatabaseError> {
        let met = key.met_by("met", INCOMING, parent.table.key(), "c");
        let is_bound = references::is_bound(self.connection, key, "c").await?;
        let parents = references::parents(self.connection, key, parent, &sql("true", &[])).await?;
        Ok(parents.map(|parents| {
            let other = sql("select from {} t where {}", &[&parents, &paired(parent, "t", OWN)]);
            sql("{} and {} and exists ({})", &[&met, &is_bound, &other])
        }))
    }

    /// Rows whose key would be that of another row are left out: that one stays.
    async fn leave_out_taken(
        &mut self,
        target: &Target,
        pairs: Pairs,
    ) -> Result<Option<String>, DatabaseError> {
        let gone = sql(
            "delete from {} s using {} met where s.ctid = met.place and {}",
            &[&target.stage, &pairs.relation(), &is_taken(target, OWN)],
        );
        let reason = "its key would be that of the target's own row";
        let rows = set_aside::all(self.connection, target, &gone, "23505", reason).await?;
        let counted = text::counted(rows, "incoming row", "incoming rows");
        Ok((rows > 0)
            .then(|| format!("{}: {counted} left out, whose key another row has", target.table.name)))
    }

    /// Runs a statement that gives rows of `target`: how many they are, and the sum of their hashes.
    async fn hashed(&mut self, target: &Target, rows: &Sql) -> Result<(u64, u128), DatabaseError> {
        let what = || format!("resolve conflicts in {}", target.table.name);
        let copy = sql("copy ({}) to stdout", &[rows]);
        let mut rows = self.connection.copy_out_raw(copy.as_str()).await.map_err(doing(what()))?;
        let mut hasher = TableHasher::new(&target.columns);
        while let Some(chunk) = rows.try_next().await.map_err(doing(what()))? {
            hasher.update(&chunk).map_err(|cause| DatabaseError::Statement {
                what: what(),
                reason: cause.to_string(),
                sqlstate: String::new(),
            })?;
        }
        Ok(hasher.finish())
    }
}
