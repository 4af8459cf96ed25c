//! Which staged rows does the target refuse? Tried in a transaction that is always rolled back: a statement that fails
//! is repeated on halves of its rows until the refused ones stand alone.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::{DatabaseError, Merge};
use super::counts;
use super::error::doing;
use super::foreign_keys::{self, Key};
use super::foresee::references;
use super::live_keys::LiveKeys;
use super::merge::{PostgresMerge, run};
use super::moved;
use super::set_aside::{MOST, Refused};
use super::statements::{self, Target};
use crate::catalog::TableName;
use crate::model::ConflictPolicy;
use crate::sql::{Sql, sql};

/// The rows of each table that cannot come in, by the table's place. `order` is parents first; with `mirror`, rows
/// that only the target has go first, and with `replace`, those that are in conflict.
pub(super) async fn find(
    merge: &mut PostgresMerge,
    order: &[usize],
    mirror: bool,
    replace: bool,
) -> Result<Vec<(usize, Vec<Refused>)>, DatabaseError> {
    merge.begin().await?;
    let keys = foreign_keys::holding(&mut merge.connection, &merge.names).await?;
    merge.open_all().await?;
    if mirror {
        for &index in order.iter().rev() {
            let target = &merge.targets[index];
            let statement = statements::delete_surplus(target);
            if let Some(statement) = merge.bypass.live.unreferenced(&target.table.name, statement) {
                execute(&mut merge.connection, target, statement).await?;
            }
        }
    }
    if replace {
        merge.resolve(order, ConflictPolicy::Source).await?;
    }
    let mut found: Vec<(usize, Vec<Refused>)> = Vec::new();
    for &index in order {
        let refused = table(&mut merge.connection, &merge.bypass.live, &merge.targets[index]).await?;
        if !refused.is_empty() {
            found.push((index, refused));
        }
    }
    // A row that is refused takes its children with it in the next round: only then it is sure to stay away.
    if found.is_empty() {
        for &index in order {
            let refused = without_parent(&mut merge.connection, &keys, &merge.targets[index]).await?;
            if !refused.is_empty() {
                found.push((index, refused));
            }
        }
    }
    Ok(found)
}

async fn table(
    connection: &mut PgConnection,
    live: &LiveKeys,
    target: &Target,
) -> Result<Vec<Refused>, DatabaseError> {
    let Some(part) = Part::of(connection, live, target).await? else { return Ok(Vec::new()) };
    let refused = part.split(connection).await?;
    run(connection, "try rows", "drop table pg_temp.tandem_part, pg_temp.tandem_unlike").await?;
    Ok(refused)
}

/// Some of a table's staged rows, as if they were all.
struct Part {
    target: Target,
    all: TableName,
    /// So many rows are to be tried. Their places stand in a table, numbered from 1: of a first sync they are all rows.
    rows: i64,
}

impl Part {
    /// None when the table holds every staged row already.
    async fn of(
        connection: &mut PgConnection,
        live: &LiveKeys,
        target: &Target,
    ) -> Result<Option<Self>, DatabaseError> {
        run(
            connection,
            "try rows",
            "create temporary table tandem_unlike (number bigint generated always as identity primary key, place tid)
             on commit drop",
        )
        .await?;
        let places = sql("insert into pg_temp.tandem_unlike (place) {}", &[&counts::unlike(target)]);
        let rows = execute(connection, target, places).await?;
        if rows == 0 {
            run(connection, "try rows", "drop table pg_temp.tandem_unlike").await?;
            return Ok(None);
        }
        // Rows that trade unique values leave together, or each would meet the other's old value.
        let moved = moved::delete(target);
        if let Some(moved) = moved.and_then(|moved| live.movable(&target.table.name, moved)) {
            execute(connection, target, moved).await?;
        }
        let statement = sql(
            "create temporary table tandem_part on commit drop as select * from {} with no data",
            &[&target.stage],
        );
        execute(connection, target, statement).await?;
        let all = target.stage.clone();
        let target = Target { stage: TableName::new("pg_temp", "tandem_part"), ..target.clone() };
        Ok(Some(Self { target, all, rows: i64::try_from(rows).unwrap_or(i64::MAX) }))
    }

    async fn split(&self, connection: &mut PgConnection) -> Result<Vec<Refused>, DatabaseError> {
        let mut waiting = vec![(1, self.rows + 1)];
        let mut refused = Vec::new();
        while let Some((from, to)) = waiting.pop() {
            match self.write(connection, from, to).await {
                Ok(()) => {}
                Err(error) => match (error.refusal()?, to - from) {
                    ((sqlstate, reason), 1) => {
                        let place = self.place(connection, from).await?;
                        refused.push(Refused { place, sqlstate, reason });
                        if refused.len() > MOST {
                            let table = self.target.table.name.clone();
                            return Err(DatabaseError::TooMany { table, most: MOST as u64 });
                        }
                    }
                    (_, rows) => {
                        let middle = from + rows / 2;
                        waiting.extend([(middle, to), (from, middle)]);
                    }
                },
            }
        }
        Ok(refused)
    }

    async fn place(&self, connection: &mut PgConnection, number: i64) -> Result<String, DatabaseError> {
        let place = sqlx::query_scalar("select place::text from pg_temp.tandem_unlike where number = $1")
            .bind(number)
            .fetch_one(connection)
            .await;
        place.map_err(doing(format!("try rows of {}", self.target.table.name)))
    }

    /// Writes the rows with these numbers, without the one at `to`; after a refusal it is as if nothing had been tried.
    async fn write(&self, connection: &mut PgConnection, from: i64, to: i64) -> Result<(), DatabaseError> {
        run(connection, "try rows", "savepoint part").await?;
        let written = self.write_rows(connection, from, to).await;
        if written.is_err() {
            run(connection, "try rows", "rollback to part").await?;
        }
        run(connection, "try rows", "release part").await?;
        written
    }

    async fn write_rows(
        &self,
        connection: &mut PgConnection,
        from: i64,
        to: i64,
    ) -> Result<(), DatabaseError> {
        let target = &self.target;
        let choose = sql(
            "insert into {} select s.* from pg_temp.tandem_unlike u join {} s on s.ctid = u.place
             where u.number >= $1 and u.number < $2",
            &[&target.stage, &self.all],
        );
        sqlx::query(choose.into_query())
            .bind(from)
            .bind(to)
            .execute(&mut *connection)
            .await
            .map_err(doing(format!("try rows of {}", target.table.name)))?;
        if target.table.key().is_empty() {
            execute(connection, target, statements::insert_all(target)).await?;
        } else {
            if let Some(update) = statements::update(target) {
                execute(connection, target, update).await?;
            }
            execute(connection, target, statements::insert(target)).await?;
        }
        super::deferred::check(connection, target).await?;
        execute(connection, target, sql("delete from {}", &[&target.stage])).await.map(|_| ())
    }
}

/// The staged rows whose parent will not be there.
async fn without_parent(
    connection: &mut PgConnection,
    keys: &[Key],
    target: &Target,
) -> Result<Vec<Refused>, DatabaseError> {
    let mut refused = Vec::new();
    for key in keys.iter().filter(|key| references::concerns(key, target)) {
        let orphan = references::is_orphan(connection, key, &key.parent_relation()).await?;
        let statement = sql("select s.ctid::text from {} s where {}", &[&target.stage, &orphan]);
        let rows = sqlx::query(statement.into_query())
            .fetch_all(&mut *connection)
            .await
            .map_err(doing(format!("look for the parents of rows of {}", target.table.name)))?;
        refused.extend(rows.iter().map(|row| Refused {
            place: row.get(0),
            sqlstate: "23503".to_owned(),
            reason: format!("{} does not have the row that it references ({})", key.parent, key.name),
        }));
    }
    Ok(refused)
}

async fn execute(
    connection: &mut PgConnection,
    target: &Target,
    statement: Sql,
) -> Result<u64, DatabaseError> {
    let done = sqlx::query(statement.into_query()).execute(connection).await;
    done.map(|done| done.rows_affected()).map_err(doing(format!("write rows of {}", target.table.name)))
}
