//! Which staged rows will the target refuse? Asked of the rows where they wait, before any table is locked. What
//! triggers refuse is known only when they fire.

mod demands;
pub(super) mod references;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::{DatabaseError, Foreseen, Stricter};
use super::error::doing;
use super::merge::{SETTINGS, run};
use super::set_aside::{MOST, Refused};
use super::statements::Target;
use super::{counts, set_aside, uniques};
use crate::catalog::TableName;
use crate::sql::{Sql, join, sql};

/// Rows that are named.
const SHOWN: i64 = 3;

/// Something that the target demands of its rows.
struct Rule {
    /// Why a row is refused, for people: `it contradicts …`.
    why: String,
    sqlstate: &'static str,
    /// The staged row `s` does not come in.
    refuses: Sql,
}

pub(super) struct Foresight<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) targets: &'a [Target],
    /// For each of them, whether it has no staging table.
    pub(super) direct: &'a [bool],
    /// Rows that only the target has go first.
    pub(super) mirror: bool,
    /// Refused rows are left out: they are set aside here already, so that they are counted as nothing else.
    pub(super) leaves_out: bool,
    /// Tables of which rows are left out: what points to these goes with them.
    pub(super) thinned: Vec<TableName>,
}

impl Foresight<'_> {
    /// Of the staged rows of table `index`; parents come before children.
    pub(super) async fn of(
        &mut self,
        index: usize,
        stricter: &Stricter,
    ) -> Result<Vec<Foreseen>, DatabaseError> {
        let target = &self.targets[index];
        let is_thinned = set_aside::has_any(self.connection, target).await?;
        let mut found = if is_thinned { left_out(self.connection, target).await? } else { Vec::new() };
        let mut rules = Vec::new();
        if !stricter.values.is_empty() || !stricter.checks.is_empty() || target.table.partitioned {
            rules.extend(stricter.values.iter().map(|column| demands::must_hold(target, column)));
            rules.extend(demands::checks(self.connection, target, &stricter.checks).await?);
            rules.extend(demands::partitions(self.connection, target).await?);
            let (broken, raised) = self.broken(target, rules).await?;
            rules = broken;
            found.extend(raised);
        }
        rules.extend(self.references(target, stricter).await?);
        if target.table.key().is_empty() && !self.mirror {
            rules.extend(
                uniques::of(self.connection, target)
                    .await?
                    .iter()
                    .map(|unique| demands::taken(target, unique)),
            );
        }
        let mut refused = Vec::new();
        for rule in rules {
            let (foreseen, places) = self.refused(target, &rule).await?;
            if foreseen.rows > 0 {
                found.push(foreseen);
            }
            let (sqlstate, reason) = (rule.sqlstate.to_owned(), rule.why);
            refused.extend(places.into_iter().map(|place| Refused {
                place,
                sqlstate: sqlstate.clone(),
                reason: reason.clone(),
            }));
        }
        if refused.len() > MOST {
            return Err(DatabaseError::TooMany { table: target.table.name.clone(), most: MOST as u64 });
        }
        set_aside::refuse(&mut *self.connection, target, &refused).await?;
        if is_thinned || found.iter().any(|rows| rows.is_left_out) {
            self.thinned.push(target.table.name.clone());
        }
        Ok(found)
    }

    /// Those of `rules` that refuse any staged row: seldom one does, and then the target's rows need not be read. Beside
    /// them what cannot be counted, because the rule itself fails on a row.
    async fn broken(
        &mut self,
        target: &Target,
        rules: Vec<Rule>,
    ) -> Result<(Vec<Rule>, Vec<Foreseen>), DatabaseError> {
        let error = match any_refused(self.connection, target, &rules).await {
            Ok(is_broken) => {
                let broken = rules.into_iter().zip(is_broken).filter(|(_, is_broken)| *is_broken);
                return Ok((broken.map(|(rule, _)| rule).collect(), Vec::new()));
            }
            Err(error) => error,
        };
        if !error.is_about_a_row() {
            return Err(error);
        }
        let (mut broken, mut raised) = (Vec::new(), Vec::new());
        for rule in rules {
            match any_refused(self.connection, target, std::slice::from_ref(&rule)).await {
                Ok(is_broken) if is_broken == [true] => broken.push(rule),
                Ok(_) => {}
                Err(error) => {
                    let (_, reason) = error.refusal()?;
                    raised.push(Foreseen {
                        table: target.table.name.display(),
                        rows: 1,
                        why: format!(
                            "asking whether {} fails ({reason}); there may be more such rows",
                            rule.why
                        ),
                        first: Vec::new(),
                        is_left_out: self.leaves_out,
                    });
                }
            }
        }
        Ok((broken, raised))
    }

    /// The rows that a merge would write and `rule` refuses, and, when they are to be left out, their places.
    async fn refused(
        &mut self,
        target: &Target,
        rule: &Rule,
    ) -> Result<(Foreseen, Vec<String>), DatabaseError> {
        let most = if self.leaves_out { MOST as i64 + 1 } else { 0 };
        // As text: PostgreSQL 13 cannot hash places.
        let statement = sql(
            "with refused as (
                 select s.ctid::text as place, {} as row
                 from {} s
                 where {} and s.ctid::text in (select place::text from ({}) u(place))
             )
             select count(*), array(select row from refused limit {}), array(select place from refused limit {})
             from refused",
            &[
                &counts::key_text(target, "s"),
                &target.stage,
                &rule.refuses,
                &counts::unlike(target),
                &SHOWN,
                &most,
            ],
        );
        let row = one(self.connection, target, statement).await?;
        let rows = row.get::<i64, _>(0).unsigned_abs();
        let table = target.table.name.display();
        Ok((
            Foreseen { table, rows, why: rule.why.clone(), first: row.get(1), is_left_out: self.leaves_out },
            row.get(2),
        ))
    }
}

/// The rows that were set aside already, by the reason. Not those in conflict, each of which has a reason of its own.
async fn left_out(connection: &mut PgConnection, target: &Target) -> Result<Vec<Foreseen>, DatabaseError> {
    let Some(refused) = &target.refused else { return Ok(Vec::new()) };
    let statement = sql(
        "select s.tandem_reason as why, count(*) as rows, (array_agg({}))[:{}] as first
         from {} s where not {} group by 1 order by 1",
        &[&counts::key_text(target, "s"), &SHOWN, refused, &set_aside::is_in_conflict()],
    );
    let found = sqlx::query(statement.into_query()).fetch_all(connection).await.map_err(failed(target))?;
    let found = found.iter().map(|row| Foreseen {
        table: target.table.name.display(),
        rows: row.get::<i64, _>("rows").unsigned_abs(),
        why: row.get("why"),
        first: row.get("first"),
        is_left_out: true,
    });
    Ok(found.collect())
}

/// Whether each of `rules` refuses any staged row.
async fn any_refused(
    connection: &mut PgConnection,
    target: &Target,
    rules: &[Rule],
) -> Result<Vec<bool>, DatabaseError> {
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let any = rules.iter().map(|rule| sql("coalesce(bool_or({}), false)", &[&rule.refuses]));
    let statement = sql("select array[{}]::bool[] from {} s", &[&join(", ", any), &target.stage]);
    Ok(one(connection, target, statement).await?.get(0))
}

/// A condition of the target's own may call a function: whatever that does, it writes nothing.
async fn one(connection: &mut PgConnection, target: &Target, statement: Sql) -> Result<PgRow, DatabaseError> {
    run(connection, "look at the staged rows", "begin transaction read only").await?;
    run(connection, "look at the staged rows", SETTINGS).await?;
    let row = sqlx::query(statement.into_query()).fetch_one(&mut *connection).await.map_err(failed(target));
    run(connection, "look at the staged rows", "rollback").await?;
    row
}

fn failed(target: &Target) -> impl FnOnce(sqlx::Error) -> DatabaseError {
    doing(format!("look for rows of {} that would be refused", target.table.name))
}
