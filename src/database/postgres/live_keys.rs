//! Foreign keys that the server goes on to check row by row, because they cannot be taken out of the way: what they
//! would do to rows that nobody wants changed, and how that is kept from happening.

use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::foreign_keys::{self, Key};
use super::statements::{self, Target};
use crate::catalog::{Table, TableName, parents_first};
use crate::model::text;
use crate::sql::{Sql, join, quoted, sql};

#[derive(Default)]
pub(super) struct LiveKeys(pub(super) Vec<Key>);

impl LiveKeys {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn to<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(move |key| key.parent_root == *table)
    }

    pub(super) fn from<'a>(&'a self, table: &'a TableName) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(move |key| key.child_root == *table)
    }

    pub(super) fn point_to(&self, table: &TableName) -> bool {
        self.to(table).next().is_some()
    }

    /// The first group of `tables` that no order helps: each waits for another one's rows.
    pub(super) fn cycle(&self, tables: &[Table]) -> Option<Vec<TableName>> {
        let strict = tables.iter().map(|table| {
            let is_strict =
                |name: &String| self.from(&table.name).any(|key| key.name == *name && !key.is_deferrable);
            let mut table = table.clone();
            table.foreign_keys.retain(|key| is_strict(&key.name));
            table
        });
        parents_first(&strict.collect::<Vec<_>>()).cycles.into_iter().next()
    }

    /// Restricts `statement`, which deletes rows `t` of `table`, to rows that no other row points to. None when it
    /// cannot be told which these are.
    pub(super) fn unreferenced(&self, table: &TableName, statement: Sql) -> Option<Sql> {
        if self.to(table).any(|key| !key.is_readable) {
            return None;
        }
        let conditions: Vec<Sql> = self.to(table).map(referenced).collect();
        if conditions.is_empty() {
            return Some(statement);
        }
        Some(sql("{} and not ({})", &[&statement, &join(" or ", conditions)]))
    }

    /// The same for rows that leave only to come back: where their children would go with them, none may leave.
    pub(super) fn movable(&self, table: &TableName, statement: Sql) -> Option<Sql> {
        if self.to(table).any(|key| key.deletes_act) { None } else { self.unreferenced(table, statement) }
    }

    /// Refuses to delete the surplus rows of `target` while rows that stay point to them, whatever the key would do
    /// with these. `others` are all targets: a row that is surplus itself does not stay.
    pub(super) async fn demand_unreferenced(
        &self,
        connection: &mut PgConnection,
        target: &Target,
        others: &[Target],
    ) -> Result<(), DatabaseError> {
        let mut reasons = Vec::new();
        let has_key = !target.table.key().is_empty();
        for key in self.to(&target.table.name) {
            if !has_key && key.deletes_act {
                return Err(DatabaseError::Refused {
                    reason: format!(
                        "rows of {}, which has no key, would be deleted, and the foreign key {} would change rows of {} with them",
                        target.table.name, key.name, key.child
                    ),
                    remedy: String::new(),
                });
            }
            // Of a table without a key the server refuses by itself.
            if !has_key {
                continue;
            }
            if !key.is_readable && key.deletes_act {
                return Err(unreadable(key, "deleted"));
            }
            if !key.is_readable {
                continue;
            }
            let child = others.iter().find(|other| other.table.name == key.child_root);
            let stays = child.and_then(|child| child.stays("c")).unwrap_or_else(|| sql("true", &[]));
            let statement = sql(
                "select count(*) from {} c where {} and exists (select from {} and {})",
                &[&key.child_relation(), &stays, &target.surplus_rows(), &key.met("t", "c")],
            );
            reasons.extend(key.sentence(foreign_keys::count(connection, key, statement).await?));
        }
        if reasons.is_empty() { Ok(()) } else { Err(DatabaseError::Orphans { reasons }) }
    }

    /// Refuses to change values of `target` that other rows refer to, where the key would change these rows too.
    pub(super) async fn demand_unchanged(
        &self,
        connection: &mut PgConnection,
        target: &Target,
    ) -> Result<(), DatabaseError> {
        for key in self.to(&target.table.name).filter(|key| key.updates_act) {
            let Some(changing) = statements::count_changing(target, &key.parent_columns) else { continue };
            let statement = match key.is_readable {
                true => sql("{} and {}", &[&changing, &referenced(key)]),
                false => changing,
            };
            let rows = foreign_keys::count(connection, key, statement).await?;
            if rows > 0 && !key.is_readable {
                return Err(unreadable(key, "changed"));
            }
            if rows > 0 {
                return Err(DatabaseError::Refused {
                    reason: format!(
                        "values of ({}) would change in {} of {}, and the foreign key {} would change the rows of {} with them",
                        key.parent_columns.join(", "),
                        text::counted(rows, "row", "rows"),
                        target.table.name,
                        key.name,
                        key.child
                    ),
                    remedy: String::new(),
                });
            }
        }
        Ok(())
    }

    /// After the server has refused the rows of `target`: which of the staged ones point to nothing.
    pub(super) async fn staged_orphans(
        &self,
        connection: &mut PgConnection,
        target: &Target,
    ) -> Result<Vec<String>, DatabaseError> {
        let mut reasons = Vec::new();
        for key in self.from(&target.table.name).filter(|key| key.is_readable) {
            let mut statement = key.count_orphans_among(&sql("{}", &[target.stage()]));
            if key.parent_root == target.table.name {
                // The parent may come in the same statement.
                statement = sql(
                    "{} and not exists (select from {} o where {})",
                    &[&statement, target.stage(), &key.met("o", "c")],
                );
            }
            reasons.extend(key.sentence(foreign_keys::count(connection, key, statement).await?));
        }
        Ok(reasons)
    }
}

/// Whether a row of the key's child points to the row `t`.
fn referenced(key: &Key) -> Sql {
    sql("exists (select from {} c where {})", &[&key.child_relation(), &key.met("t", "c")])
}

fn unreadable(key: &Key, verb: &str) -> DatabaseError {
    let (child, parent) = (&key.child, &key.parent);
    DatabaseError::MissingRight {
        what: format!(
            "rows of {parent} would be {verb}, the foreign key {} does the same to rows of {child}, and this role cannot see which",
            key.name
        ),
        remedy: format!(
            "Let the owner run: GRANT SELECT ON TABLE {} TO the role in DATABASE_URL, or leave {parent} out of the sync.",
            quoted(child)
        ),
    }
}
