//! Incoming rows whose unique value another row of the target holds, and what the admin wants done about them.

use futures::TryStreamExt;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, OwnRows, Repointed, Resolved};
use super::counts;
use super::error::doing;
use super::foreign_keys::{self, Key};
use super::images::{Fate, Images};
use super::live_keys::LiveKeys;
use super::set_aside;
use super::statements::Target;
use super::uniques::{self, Unique};
use crate::archive::TableHasher;
use crate::model::{ConflictPolicy, text};
use crate::sql::{Ident, Literal, Sql, join, sql};

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
    /// Clears the conflicts of one table away.
    pub(super) async fn resolve(
        &mut self,
        index: usize,
        policy: ConflictPolicy,
    ) -> Result<Resolved, DatabaseError> {
        let target = &self.targets[index];
        let mut resolved = Resolved::default();
        if target.table.key().is_empty() {
            return Ok(resolved);
        }
        for unique in uniques::of(self.connection, target).await? {
            if self.pair(target, &unique).await? == 0 {
                continue;
            }
            let done = match policy {
                ConflictPolicy::Abort => continue,
                ConflictPolicy::Skip => self.leave_out(target, &unique).await?,
                ConflictPolicy::Target => {
                    // First, by their places: those that reference each other would get new ones.
                    let left_out = self.leave_out(target, &unique).await?;
                    resolved.extend(self.repoint_incoming(index).await?);
                    left_out
                }
                ConflictPolicy::Source => {
                    resolved.extend(self.repoint_own(index).await?);
                    let deleted = self.replace(index).await?;
                    resolved.own.push(OwnRows { index, deleted, updated: 0 });
                    format!("{deleted} of the target's own rows were replaced because of a conflict")
                }
            };
            resolved.notes.push(format!("{}: {done} in {}", target.table.name, unique.name));
            self.run(target, sql("drop table pg_temp.tandem_pairs", &[])).await?;
        }
        Ok(resolved)
    }

    /// Notes which staged row meets which of the target's own.
    async fn pair(&mut self, target: &Target, unique: &Unique) -> Result<u64, DatabaseError> {
        let key = target.table.key();
        let columns = |alias, prefix: &'static str| {
            let (alias, prefix) = (sql(alias, &[]), prefix);
            join(
                ", ",
                key.iter().enumerate().map(|(place, column)| {
                    sql("{}.{} as {}", &[&alias, &Ident(column), &numbered(prefix, place)])
                }),
            )
        };
        let statement = sql(
            "create temporary table tandem_pairs on commit drop as
             select distinct on (s.tandem_place) s.tandem_place as place, {} as other, {}, {} from {}",
            &[
                &counts::key_text(target, "t"),
                &columns("s", "new_"),
                &columns("t", "old_"),
                &unique.conflicts(target),
            ],
        );
        let pairs = self.run(target, statement).await?;
        if pairs == 0 {
            self.run(target, sql("drop table pg_temp.tandem_pairs", &[])).await?;
        }
        Ok(pairs)
    }

    /// The incoming rows are set aside; the target's rows stay.
    async fn leave_out(&mut self, target: &Target, unique: &Unique) -> Result<String, DatabaseError> {
        let gone =
            sql("delete from {} s using pg_temp.tandem_pairs met where s.ctid = met.place", &[&target.stage]);
        let because = format!("{} holds its value in {}: ", "the target's own row", unique.name);
        let reason = sql("{} || gone.other", &[&Literal(&because)]);
        let Some(statement) = set_aside::moving(target, &gone, &sql(", met.other", &[]), "23505", &reason)
        else {
            return Ok(String::new());
        };
        let rows = self.run(target, statement).await?;
        Ok(format!("{rows} incoming rows were left out because of a conflict"))
    }

    /// The target's rows go; those that come take their place.
    async fn replace(&mut self, index: usize) -> Result<u64, DatabaseError> {
        let target = &self.targets[index];
        let mut statement = sql(
            "delete from {} t using pg_temp.tandem_pairs met where {}",
            &[&target.relation(), &paired(target, "t", "old_")],
        );
        if let Some(images) = self.images {
            statement = images.deleting(index, target, Fate::Deleted, &statement);
        }
        self.run(target, statement).await
    }

    /// Incoming rows that reference a row which is left out reference the target's own instead. They are hashed before
    /// and after that, so that it can be proven that nothing else has become of them.
    async fn repoint_incoming(&mut self, index: usize) -> Result<Resolved, DatabaseError> {
        let mut resolved = Resolved::default();
        for (key, child) in self.children(index)? {
            let (parent, target) = (&self.targets[index], &self.targets[child]);
            // The target's own value stays.
            if !key.columns.iter().all(|column| target.columns.contains(column)) {
                continue;
            }
            let (relation, columns) = (target.stage_relation(), set_aside::of("c", &target.columns));
            let met = key.met_by("met", "new_", parent.table.key(), "c");
            let came = sql(
                "select {} from {} c where exists (select from pg_temp.tandem_pairs met where {})",
                &[&columns, &relation, &met],
            );
            let turn = sql("{} returning {}", &[&repoint(key, &relation, parent, "new_", "old_"), &columns]);
            let (_, before) = self.hashed(target, &came).await?;
            let (references, after) = self.hashed(target, &turn).await?;
            if references > 0 {
                resolved.repointed.push(Repointed { index: child, references, before, after });
                resolved.notes.push(format!(
                    "{references} incoming rows of {} reference the target's own rows of {} instead",
                    key.child, key.parent
                ));
            }
        }
        Ok(resolved)
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

    /// Rows of the target that reference a row which is replaced reference the one that comes.
    async fn repoint_own(&mut self, index: usize) -> Result<Resolved, DatabaseError> {
        let mut resolved = Resolved::default();
        for (key, child) in self.children(index)? {
            self.demand_parents(index, key).await?;
            let target = &self.targets[child];
            if let Some(images) = self.images {
                let met = key.met_by("met", "old_", self.targets[index].table.key(), "t");
                let rows =
                    sql("{} t cross join pg_temp.tandem_pairs met where {}", &[&target.relation(), &met]);
                let keep = images.keeping(child, target, &rows);
                self.run(target, keep).await?;
            }
            let rows = self
                .run(target, repoint(key, &target.relation(), &self.targets[index], "old_", "new_"))
                .await?;
            if rows > 0 {
                resolved.own.push(OwnRows { index: child, deleted: 0, updated: rows });
                resolved.notes.push(format!(
                    "{rows} of the target's own rows of {} reference the incoming rows of {} instead",
                    key.child, key.parent
                ));
            }
        }
        Ok(resolved)
    }

    /// Rows can reference one that has yet to come, unless the server checks at once.
    async fn demand_parents(&mut self, index: usize, key: &Key) -> Result<(), DatabaseError> {
        let target = &self.targets[index];
        let is_it = |live: &Key| live.name == key.name && live.child == key.child;
        if key.is_deferrable || !self.live.from(&key.child_root).any(is_it) {
            return Ok(());
        }
        let statement = sql(
            "select count(*) from {} c join pg_temp.tandem_pairs met on {} where not exists (select from {} t where {})",
            &[
                &key.child_relation(),
                &key.met_by("met", "old_", target.table.key(), "c"),
                &target.relation(),
                &paired(target, "t", "new_"),
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

    /// The foreign keys that lead to the key of table `index`, each with the place of its table.
    fn children(&self, index: usize) -> Result<Vec<(&'a Key, usize)>, DatabaseError> {
        let target = &self.targets[index];
        let leads = |key: &&Key| key.parent == target.table.name && key.leads_to(target.table.key());
        let mut children = Vec::new();
        for key in self.keys.iter().filter(leads) {
            let Some(child) = self.targets.iter().position(|other| other.table.name == key.child) else {
                return Err(DatabaseError::Statement {
                    what: format!("resolve conflicts in {}", target.table.name),
                    reason: format!("{} references it and is not part of this sync", key.child),
                    sqlstate: "23503".to_owned(),
                });
            };
            children.push((key, child));
        }
        Ok(children)
    }

    async fn run(&mut self, target: &Target, statement: Sql) -> Result<u64, DatabaseError> {
        let done = sqlx::query(statement.into_query()).execute(&mut *self.connection).await;
        let what = doing(format!("resolve conflicts in {}", target.table.name));
        done.map(|done| done.rows_affected()).map_err(what)
    }
}

/// Lets rows `c` of `relation` that reference the one key of a pair reference the other.
fn repoint(key: &Key, relation: &Sql, parent: &Target, from: &'static str, to: &'static str) -> Sql {
    let key_columns = parent.table.key();
    let sets = key.columns.iter().zip(&key.parent_columns).map(|(column, parent)| {
        let place = key_columns.iter().position(|name| name == parent).unwrap_or_default();
        sql("{} = met.{}", &[&Ident(column), &numbered(to, place)])
    });
    sql(
        "update {} c set {} from pg_temp.tandem_pairs met where {}",
        &[relation, &join(", ", sets), &key.met_by("met", from, key_columns, "c")],
    )
}

/// The row `alias` has the one key of the pair `met`.
fn paired(target: &Target, alias: &'static str, prefix: &'static str) -> Sql {
    let alias = sql(alias, &[]);
    let parts = target.key.iter().enumerate().map(|(place, (column, equals))| {
        sql("{}.{} {} met.{}", &[&alias, &Ident(column), equals, &numbered(prefix, place)])
    });
    join(" and ", parts)
}

pub(super) fn numbered(prefix: &'static str, place: usize) -> Sql {
    sql("{}{}", &[&sql(prefix, &[]), &i64::try_from(place).unwrap_or(i64::MAX)])
}

/// Sets aside the staged rows whose parent was left out and is not in the target either, until there is none.
pub(super) async fn follow(
    connection: &mut PgConnection,
    targets: &[Target],
    keys: &[Key],
) -> Result<u64, DatabaseError> {
    let mut all = 0;
    loop {
        let mut moved = 0;
        for parent in targets {
            if !has_any(connection, parent).await? {
                continue;
            }
            for key in keys.iter().filter(|key| key.parent == parent.table.name) {
                let Some(child) = targets.iter().find(|other| other.table.name == key.child) else {
                    continue;
                };
                if key.is_period || !key.columns.iter().all(|column| child.columns.contains(column)) {
                    continue;
                }
                let gone = sql(
                    "delete from {} s where ({}) and not exists (select from {} p where {})
                     and not exists (select from {} p where {})",
                    &[
                        &child.stage,
                        &key.is_set("s"),
                        &parent.relation(),
                        &key.met("p", "s"),
                        &parent.stage,
                        &key.met("p", "s"),
                    ],
                );
                let reason = Literal("the row that it references was left out");
                let reason = sql("{}", &[&reason]);
                let Some(statement) = set_aside::moving(child, &gone, &sql("", &[]), "23503", &reason) else {
                    continue;
                };
                let done = sqlx::query(statement.into_query()).execute(&mut *connection).await;
                moved +=
                    done.map_err(doing(format!("set rows of {} aside", child.table.name)))?.rows_affected();
            }
        }
        all += moved;
        if moved == 0 {
            return Ok(all);
        }
    }
}

async fn has_any(connection: &mut PgConnection, target: &Target) -> Result<bool, DatabaseError> {
    let Some(refused) = &target.refused else { return Ok(false) };
    sqlx::query_scalar(sql("select exists (select from {})", &[refused]).into_query())
        .fetch_one(connection)
        .await
        .map_err(doing(format!("look at the rows of {} that were set aside", target.table.name)))
}
