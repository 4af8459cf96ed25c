//! Staged rows beside the target's: what a merge would do, counted and shown without a write.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::{DatabaseError, Met};
use super::counts;
use super::error::doing;
use super::merge::SETTINGS;
use super::statements::{Target, deletable_rows};
use super::{set_aside, uniques};
use crate::catalog::Table;
use crate::model::{Change, RowPreview, TablePreview, ValuePreview};
use crate::sql::{Ident, Sql, join, sql};

/// Characters that are shown of a value.
const WIDTH: i64 = 200;
/// Columns whose value tells when a row was changed last, by usual names.
const CHANGED_AT: [&str; 9] = [
    "updated_at",
    "modified_at",
    "changed_at",
    "last_update",
    "last_updated",
    "last_modified",
    "updated_on",
    "updated",
    "modified",
];

/// See `Staging::preview`.
pub(super) async fn table(
    connection: &mut PgConnection,
    target: &Target,
    rows: u64,
    most: u32,
    (mirror, met): (bool, Met),
) -> Result<TablePreview, DatabaseError> {
    let doing = || doing(format!("look at the rows of {}", target.table.name));
    sqlx::query("begin transaction read only").execute(&mut *connection).await.map_err(doing())?;
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await.map_err(doing())?;
    let mut look = Look { connection, target, most: i64::from(most), mirror, met };
    let preview = look.at(rows).await;
    sqlx::query("rollback").execute(connection).await.map_err(doing())?;
    preview
}

/// Of a table that is made for the rows that come.
pub(super) fn made(table: &Table, rows: u64) -> TablePreview {
    let key = table.key().to_vec();
    TablePreview { name: table.name.display(), key, inserted: rows, ..TablePreview::default() }
}

struct Look<'a> {
    connection: &'a mut PgConnection,
    target: &'a Target,
    most: i64,
    mirror: bool,
    met: Met,
}

impl Look<'_> {
    async fn at(&mut self, rows: u64) -> Result<TablePreview, DatabaseError> {
        let target = self.target;
        let newer_by = newer_by(target);
        let newer = newer_by.map_or(sql("false", &[]), |column| is_newer(column));
        let counted = self.one(counted(target, &newer)).await?;
        let count = |name: &str| counted.get::<i64, _>(name).unsigned_abs();
        let (inserted, updated, refused) = (count("inserted"), count("updated"), count("refused"));
        let rows = rows.saturating_sub(refused);
        let mut preview = TablePreview {
            name: target.table.name.display(),
            key: target.table.key().to_vec(),
            inserted,
            updated,
            newer: count("newer"),
            unchanged: rows.saturating_sub(inserted + updated),
            target_only: (count("held") + inserted).saturating_sub(rows),
            newer_by: newer_by.cloned(),
            ..TablePreview::default()
        };
        if self.mirror {
            // The old version of a row that is left out is not the target's own.
            preview.deleted = match refused {
                0 => preview.target_only,
                _ => self.count(counts::surplus(target)).await?,
            };
            preview.target_only -= preview.deleted;
        }
        if preview.updated > 0 {
            let rows = self.updates(&newer).await?;
            preview.rows.extend(rows);
        }
        if !target.table.key().is_empty() {
            if preview.inserted > 0 {
                let rows = sql("{} s where {}", &[&target.stage, &target.is_lacking()]);
                preview.rows.extend(self.whole_rows("s", Change::Insert, &rows).await?);
            }
            if preview.deleted > 0 {
                preview.rows.extend(self.whole_rows("t", Change::Delete, &deletable_rows(target)).await?);
            } else if preview.target_only > 0 {
                preview.rows.extend(self.whole_rows("t", Change::Keep, &deletable_rows(target)).await?);
            }
            if preview.target_only > 0 && !self.mirror {
                self.conflicts(&mut preview).await?;
            }
        }
        Ok(preview)
    }

    /// Rows that meet a unique value of the target's own, each once, and what becomes of both.
    async fn conflicts(&mut self, preview: &mut TablePreview) -> Result<(), DatabaseError> {
        let target = self.target;
        if let (Met::LeftOut, Some(refused)) = (self.met, &target.refused) {
            let left_out = sql("{} s where {}", &[refused, &set_aside::is_in_conflict()]);
            preview.conflicts = self.count(sql("select count(*) from {}", &[&left_out])).await?;
            preview.rows.extend(self.whole_rows("s", Change::Conflict, &left_out).await?);
            return Ok(());
        }
        let mut met = Vec::new();
        for unique in uniques::of(self.connection, target).await? {
            let conflicts = unique.conflicts(target);
            preview.rows.extend(self.whole_rows("s", Change::Conflict, &conflicts).await?);
            if self.met == Met::Replaces {
                let replaced = self.whole_rows("t", Change::Delete, &conflicts).await?;
                let stays = |row: &RowPreview| replaced.iter().all(|gone| gone.key != row.key);
                preview.rows.retain(stays);
                preview.rows.extend(replaced);
            }
            met.push(sql(
                "select s.tandem_place as place, t.tandem_part as part, t.tandem_place as own from {}",
                &[&conflicts],
            ));
        }
        if met.is_empty() {
            return Ok(());
        }
        let counted = self
            .one(sql(
                "select count(distinct place), count(distinct (part, own)) from ({}) met",
                &[&join(" union all ", met)],
            ))
            .await?;
        let count = |place: usize| counted.get::<i64, _>(place).unsigned_abs();
        preview.conflicts = count(0);
        if self.met == Met::Replaces {
            preview.deleted = count(1);
            preview.target_only = preview.target_only.saturating_sub(count(1));
        }
        Ok(())
    }

    /// The first rows that would change, with the columns that would.
    async fn updates(&mut self, newer: &Sql) -> Result<Vec<RowPreview>, DatabaseError> {
        let target = self.target;
        let differs = target.columns.iter().map(|column| target.differ(&[column]));
        let rows = self
            .all(sql("select {} as key, {} as before, {} as after, array[{}] as differs, {} as newer from {} limit {}", &[
                &whole("t", target.table.key()),
                &texts("t", &target.columns),
                &texts("s", &target.columns),
                &join(", ", differs),
                newer,
                &counts::unequal(target),
                &self.most,
            ]))
            .await?;
        Ok(rows.iter().map(|row| self.update(row)).collect())
    }

    fn update(&self, row: &PgRow) -> RowPreview {
        let (before, after): (Vec<Option<String>>, Vec<Option<String>>) =
            (row.get("before"), row.get("after"));
        let differs: Vec<bool> = row.get("differs");
        let values = self.target.columns.iter().zip(before).zip(after).zip(differs);
        let values = values
            .filter(|(_, differs)| *differs)
            .map(|(((column, before), after), _)| ValuePreview { column: column.clone(), before, after });
        RowPreview {
            change: Change::Update,
            key: key(row),
            values: values.collect(),
            // Null when one of the two is not set.
            newer: row.get::<Option<bool>, _>("newer").unwrap_or_default(),
        }
    }

    /// The first of `rows`, a relation named `alias`, with all columns.
    async fn whole_rows(
        &mut self,
        alias: &'static str,
        change: Change,
        rows: &Sql,
    ) -> Result<Vec<RowPreview>, DatabaseError> {
        let target = self.target;
        let found = self
            .all(sql(
                "select {} as key, {} as row from {} limit {}",
                &[&whole(alias, target.table.key()), &texts(alias, &target.columns), rows, &self.most],
            ))
            .await?;
        let shown = |row: &PgRow| {
            let values = target.columns.iter().zip(row.get::<Vec<Option<String>>, _>("row"));
            let values = values.map(|(column, value)| match change {
                Change::Delete | Change::Keep => {
                    ValuePreview { column: column.clone(), before: value, after: None }
                }
                _ => ValuePreview { column: column.clone(), before: None, after: value },
            });
            RowPreview { change, key: key(row), values: values.collect(), newer: false }
        };
        Ok(found.iter().map(shown).collect())
    }

    async fn count(&mut self, statement: Sql) -> Result<u64, DatabaseError> {
        Ok(self.one(statement).await?.get::<i64, _>(0).unsigned_abs())
    }

    async fn one(&mut self, statement: Sql) -> Result<PgRow, DatabaseError> {
        let what = doing(format!("look at the rows of {}", self.target.table.name));
        sqlx::query(statement.into_query()).fetch_one(&mut *self.connection).await.map_err(what)
    }

    /// Rows to show, of which there may have been enough.
    async fn all(&mut self, statement: Sql) -> Result<Vec<PgRow>, DatabaseError> {
        if self.most == 0 {
            return Ok(Vec::new());
        }
        let what = doing(format!("look at the rows of {}", self.target.table.name));
        sqlx::query(statement.into_query()).fetch_all(&mut *self.connection).await.map_err(what)
    }
}

/// All counts by one statement: of thousands of tables each statement counts.
fn counted(target: &Target, newer: &Sql) -> Sql {
    let changed = match target.table.key().is_empty() {
        true => sql("select 0::bigint as updated, 0::bigint as newer", &[]),
        false => sql(
            "select count(*) as updated, count(*) filter (where {}) as newer from {}",
            &[newer, &counts::unequal(target)],
        ),
    };
    let refused = match &target.refused {
        Some(refused) => sql("select count(*) from {}", &[refused]),
        None => sql("0::bigint", &[]),
    };
    sql(
        "select ({}) as inserted, ({}) as held, ({}) as refused, changed.* from ({}) changed",
        &[&counts::lacking_count(target), &counts::row_count(target), &refused, &changed],
    )
}

fn key(row: &PgRow) -> Vec<String> {
    row.get::<Vec<Option<String>>, _>("key").into_iter().map(Option::unwrap_or_default).collect()
}

/// `array[left(t.a::text, 200), …]`
fn texts(alias: &'static str, columns: &[String]) -> Sql {
    let alias = sql(alias, &[]);
    let values = columns.iter().map(|column| sql("left({}.{}::text, {})", &[&alias, &Ident(column), &WIDTH]));
    sql("array[{}]::text[]", &[&join(", ", values)])
}

/// `array[t.a::text, …]`: a key names a row, so nothing is cut off.
fn whole(alias: &'static str, columns: &[String]) -> Sql {
    let alias = sql(alias, &[]);
    let values = columns.iter().map(|column| sql("{}.{}::text", &[&alias, &Ident(column)]));
    sql("array[{}]::text[]", &[&join(", ", values)])
}

/// The column that tells when a row was changed last.
fn newer_by(target: &Target) -> Option<&String> {
    let is_time = |name: &&String| {
        target.table.column(name).is_some_and(|column| column.type_name.starts_with("timestamp"))
    };
    let named = |name: &str| target.columns.iter().find(|column| column.as_str() == name);
    CHANGED_AT.into_iter().filter_map(named).find(is_time)
}

fn is_newer(column: &str) -> Sql {
    sql("t.{} operator(pg_catalog.>) s.{}", &[&Ident(column), &Ident(column)])
}
