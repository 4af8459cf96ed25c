//! Incoming rows whose unique value another row of the target holds, and what the admin wants done about them.

mod follow;
mod incoming;
mod own;
pub(super) mod pairs;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, OwnRows, Resolved};
use super::counts;
use super::error::doing;
use super::foreign_keys::Key;
use super::images::{Fate, Images};
use super::live_keys::LiveKeys;
use super::merge::PostgresMerge;
use super::set_aside;
use super::statements::Target;
use super::uniques::{self, Unique};
use crate::model::{ConflictPolicy, text};
use crate::sql::{Literal, Sql, join, sql};
use pairs::{INCOMING, OWN, Pairs, numbered_key, paired};

/// Conflicts that are named.
const SHOWN: i64 = 10;

/// The first conflicts of a table, as sentences.
pub(super) async fn sentences(
    connection: &mut PgConnection,
    target: &Target,
) -> Result<Vec<String>, DatabaseError> {
    let mut found = Vec::new();
    if target.table.key().is_empty() {
        return Ok(found);
    }
    for unique in uniques::of(connection, target).await? {
        let statement = sql(
            "select {} as ours, {} as theirs from {} limit {}",
            &[
                &counts::key_text(target, "s"),
                &counts::key_text(target, "t"),
                &unique.conflicts(target),
                &SHOWN,
            ],
        );
        let rows = sqlx::query(statement.into_query())
            .fetch_all(&mut *connection)
            .await
            .map_err(doing(format!("look for conflicts in {}", target.table.name)))?;
        found.extend(rows.iter().map(|row| {
            let (ours, theirs): (String, String) = (row.get("ours"), row.get("theirs"));
            format!(
                "{} ({ours}) needs the value in {} that the target's own row ({theirs}) holds",
                target.table.name, unique.name
            )
        }));
    }
    Ok(found)
}

/// Everything that a conflict touches.
pub(super) struct Resolver<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) targets: &'a [Target],
    pub(super) keys: &'a [Key],
    pub(super) live: &'a LiveKeys,
    pub(super) images: Option<&'a Images>,
}

impl<'a> Resolver<'a> {
    /// Of a connection that changes none of the target's rows.
    pub(super) fn of_staged(
        connection: &'a mut PgConnection,
        merge: &'a PostgresMerge,
        keys: &'a [Key],
    ) -> Self {
        Self { connection, targets: &merge.targets, keys, live: &merge.bypass.live, images: None }
    }

    /// Clears the conflicts of the tables `order`, parents first, away, with what references rows that are left out.
    pub(super) async fn resolve(
        &mut self,
        order: &[usize],
        policy: ConflictPolicy,
    ) -> Result<Resolved, DatabaseError> {
        let mut resolved = Resolved::default();
        for &index in order {
            resolved.extend(self.table(index, policy).await?);
        }
        let followed = follow::follow(self.connection, self.targets, self.keys).await?;
        if followed > 0 {
            let rows = text::counted(followed, "row", "rows");
            resolved.notes.push(format!("{rows} left out too, with what they reference"));
        }
        Ok(resolved)
    }

    async fn table(&mut self, index: usize, policy: ConflictPolicy) -> Result<Resolved, DatabaseError> {
        let (target, pairs) = (&self.targets[index], Pairs::of(index));
        let mut resolved = Resolved::default();
        if target.table.key().is_empty() || policy == ConflictPolicy::Abort {
            return Ok(resolved);
        }
        for unique in uniques::of(self.connection, target).await? {
            if !self.pair(target, &unique, pairs).await? {
                continue;
            }
            let done = match policy {
                ConflictPolicy::Abort | ConflictPolicy::Skip => {
                    self.leave_out(target, &unique, pairs).await?
                }
                ConflictPolicy::Target => {
                    // First, by their places: those that reference each other would get new ones.
                    let left_out = self.leave_out(target, &unique, pairs).await?;
                    resolved.extend(self.repoint_incoming(index, pairs).await?);
                    left_out
                }
                ConflictPolicy::Source => {
                    resolved.extend(self.repoint_own(index, pairs).await?);
                    let deleted = self.replace(index, pairs).await?;
                    resolved.own.push(OwnRows { index, deleted, updated: 0 });
                    let rows = text::counted(deleted, "row", "rows");
                    format!("{rows} of the target's own replaced because of a conflict")
                }
            };
            resolved.notes.push(format!("{}: {done} in {}", target.table.name, unique.name));
            self.run(target, pairs.drop()).await?;
        }
        Ok(resolved)
    }

    /// What would become of the target's own rows that reference rows of table `index`, if these were replaced.
    pub(super) async fn would_repoint(&mut self, index: usize) -> Result<Vec<OwnRows>, DatabaseError> {
        let target = &self.targets[index];
        let uniques = uniques::of(self.connection, target).await?;
        if uniques.is_empty() || target.table.key().is_empty() {
            return Ok(Vec::new());
        }
        let keys = sql("{}, {}", &[&numbered_key(target, "s", INCOMING), &numbered_key(target, "t", OWN)]);
        let pairs =
            uniques.iter().map(|unique| sql("select {} from {}", &[&keys, &unique.conflicts(target)]));
        let pairs = sql("({})", &[&join(" union all ", pairs)]);
        self.would_repoint_own(index, (&pairs, &pairs), Pairs::of(index)).await
    }

    /// Notes which staged row meets which of the target's own, if any does.
    async fn pair(&mut self, target: &Target, unique: &Unique, pairs: Pairs) -> Result<bool, DatabaseError> {
        let conflicts = unique.conflicts(target);
        // A table is locked until the commit, even when it is dropped: none is made for nothing.
        let any = sqlx::query_scalar(sql("select exists (select from {})", &[&conflicts]).into_query());
        let what = || doing(format!("look for conflicts in {}", target.table.name));
        if !any.fetch_one(&mut *self.connection).await.map_err(what())? {
            return Ok(false);
        }
        let rows = sql(
            "select distinct on (s.tandem_place) s.tandem_place as place, {} as other, {}, {} from {}",
            &[
                &counts::key_text(target, "t"),
                &numbered_key(target, "s", INCOMING),
                &numbered_key(target, "t", OWN),
                &conflicts,
            ],
        );
        self.run(target, pairs.create(&rows)).await?;
        Ok(true)
    }

    /// The incoming rows are set aside; the target's rows stay.
    async fn leave_out(
        &mut self,
        target: &Target,
        unique: &Unique,
        pairs: Pairs,
    ) -> Result<String, DatabaseError> {
        let pairs = pairs.relation();
        let gone = sql("delete from {} s using {} met where s.ctid = met.place", &[&target.stage, &pairs]);
        let because = format!("{} holds its value in {}: ", "the target's own row", unique.name);
        let reason = sql("{} || gone.other", &[&Literal(&because)]);
        let Some(statement) = set_aside::moving(target, &gone, &sql(", met.other", &[]), "23505", &reason)
        else {
            return Ok(String::new());
        };
        let rows = text::counted(self.run(target, statement).await?, "incoming row", "incoming rows");
        Ok(format!("{rows} left out because of a conflict"))
    }

    /// The target's rows go; those that come take their place.
    async fn replace(&mut self, index: usize, pairs: Pairs) -> Result<u64, DatabaseError> {
        let target = &self.targets[index];
        let mut statement = sql(
            "delete from {} t using {} met where {}",
            &[&target.relation(), &pairs.relation(), &paired(target, "t", OWN)],
        );
        if let Some(images) = self.images {
            statement = images.deleting(index, target, Fate::Deleted, &statement);
        }
        self.run(target, statement).await
    }

    /// The foreign keys that lead to the key of table `index`, each with the place of its table, if that comes in. Not
    /// those over periods: a row's own period does not change with what it references.
    fn children(&self, index: usize) -> Vec<(&'a Key, Option<usize>)> {
        let (targets, parent) = (self.targets, &self.targets[index].table);
        let leads =
            |key: &&Key| key.parent_root == parent.name && key.leads_to(parent.key()) && !key.is_period;
        let place = |key: &Key| targets.iter().position(|target| target.table.name == key.child_root);
        self.keys.iter().filter(leads).map(|key| (key, place(key))).collect()
    }

    async fn run(&mut self, target: &Target, statement: Sql) -> Result<u64, DatabaseError> {
        let done = sqlx::query(statement.into_query()).execute(&mut *self.connection).await;
        let what = doing(format!("resolve conflicts in {}", target.table.name));
        done.map(|done| done.rows_affected()).map_err(what)
    }
}
