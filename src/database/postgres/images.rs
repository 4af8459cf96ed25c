//! Before-images: what a merge replaces, deletes and inserts, kept so that it can be taken back.
//!
//! A row is kept as the text of a record of all its stored columns. What was inserted is kept as its key alone, and
//! not at all in a table that was empty or has no key: there every row that carries the transaction's number is new.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnection, PgPool};

use super::super::{DatabaseError, Kept};
use super::error::doing;
use super::set_aside::of;
use super::statements::Target;
use crate::catalog::TableName;
use crate::clock::now_us;
use crate::model::SessionId;
use crate::sql::{Ident, Sql, join, names, quoted, sql};

/// Of one session: the images of all tables.
#[derive(Debug, Clone)]
pub(super) struct Images {
    session: SessionId,
    table: TableName,
}

/// What is remembered of a table beside its rows.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Imaged {
    pub(super) table: TableName,
    /// The stored columns, in the order of the images.
    pub(super) columns: Vec<String>,
    /// The columns by which rows that were inserted are known.
    pub(super) key: Vec<String>,
    /// All that the transaction wrote was inserted, and no key of it was kept.
    pub(super) all_new: bool,
    /// How many were inserted: without a key, that tells whether all are still as they came.
    #[serde(default)]
    pub(super) inserted: u64,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Replaced,
    Deleted,
    Inserted,
}

impl Fate {
    pub(super) fn literal(self) -> Sql {
        match self {
            Fate::Replaced => sql("'u'", &[]),
            Fate::Deleted => sql("'d'", &[]),
            Fate::Inserted => sql("'i'", &[]),
        }
    }
}

/// Where the images of a session are kept after its commit.
pub(super) fn table(session: &SessionId) -> TableName {
    TableName::new("tandem", format!("undo_{}", session.short()))
}

impl Images {
    /// Makes a place for the images, named like a staging table, so that it goes with them unless it is kept.
    pub(super) async fn create(
        pool: &PgPool,
        session: &SessionId,
        prefix: &str,
    ) -> Result<Self, DatabaseError> {
        let table = TableName::new("tandem", format!("{prefix}images"));
        sqlx::query(
            sql(
                r#"create table {} (place int not null, kind "char" not null, image text not null)"#,
                &[&table],
            )
            .into_query(),
        )
        .execute(pool)
        .await
        .map_err(doing("make a place for the rows that are replaced"))?;
        Ok(Self { session: session.clone(), table })
    }

    /// `statement` deletes rows and keeps what they were.
    pub(super) fn deleting(&self, place: usize, target: &Target, fate: Fate, statement: &Sql) -> Sql {
        let columns = of("t", &target.stored);
        let image = image("gone", &target.stored);
        sql(
            "with gone as ({} returning {}) insert into {} select {}, {}, {} from gone",
            &[statement, &columns, &self.table, &number(place), &fate.literal(), &image],
        )
    }

    /// Keeps the rows of `rows`, a relation `t` with whatever joins, and a condition. A row that this transaction has
    /// written before has been kept as it was.
    pub(super) fn keeping(&self, place: usize, target: &Target, rows: &Sql) -> Sql {
        let image = image("t", &target.stored);
        sql(
            "insert into {} select {}, {}, {} from {} and t.xmin <> pg_current_xact_id()::xid",
            &[&self.table, &number(place), &Fate::Replaced.literal(), &image, rows],
        )
    }

    /// Keeps the rows of `rows`, a relation `t` with whatever joins, whose key is about to become `key`: what they were is
    /// taken for deleted and what they become for inserted.
    pub(super) fn rekeying(&self, place: usize, target: &Target, rows: &Sql, key: &Sql) -> Sql {
        sql(
            "with old as (select {} as image, row({})::text as key from {})
             insert into {} select {}, {}, image from old union all select {}, {}, key from old",
            &[
                &image("t", &target.stored),
                key,
                rows,
                &self.table,
                &number(place),
                &Fate::Deleted.literal(),
                &number(place),
                &Fate::Inserted.literal(),
            ],
        )
    }

    /// Updates rows and keeps what they were, both with one look at each. Counts them.
    pub(super) fn updating(&self, place: usize, target: &Target, rows: &Sql, assignments: &Sql) -> Sql {
        let image = image("t", &target.stored);
        sql(
            "with new as (
                 update {} t set {}
                 from (select s.*, t.ctid as tandem_place,
                              case when t.xmin <> pg_current_xact_id()::xid then {} end as tandem_image
                       from {}) s
                 where t.ctid = s.tandem_place
                 returning s.tandem_image
             ), kept as (
                 insert into {} select {}, {}, tandem_image from new where tandem_image is not null
             )
             select count(*) from new",
            &[
                &target.relation(),
                assignments,
                &image,
                rows,
                &self.table,
                &number(place),
                &Fate::Replaced.literal(),
            ],
        )
    }

    /// `statement` inserts rows and keeps their keys. For tables with a key.
    pub(super) fn inserting(&self, place: usize, target: &Target, statement: &Sql) -> Sql {
        let key = target.table.key();
        let (columns, image) = (names(key), image("new", key));
        sql(
            "with new as ({} returning {}) insert into {} select {}, {}, {} from new",
            &[statement, &columns, &self.table, &number(place), &Fate::Inserted.literal(), &image],
        )
    }

    /// Makes the images outlive the session, unless they take more than `most_bytes`.
    pub(super) async fn keep(
        &self,
        connection: &mut PgConnection,
        tables: &BTreeMap<usize, Imaged>,
        until_us: i64,
        most_bytes: u64,
        under_savepoints: bool,
    ) -> Result<Kept, DatabaseError> {
        let what = || doing("keep the rows that were replaced");
        let bytes: i64 = sqlx::query_scalar("select pg_total_relation_size($1::regclass)")
            .bind(quoted(&self.table))
            .fetch_one(&mut *connection)
            .await
            .map_err(what())?;
        if bytes.unsigned_abs() > most_bytes {
            return Ok(Kept::TooLarge { bytes: bytes.unsigned_abs() });
        }
        let name = table(&self.session);
        sqlx::query(sql("alter table {} rename to {}", &[&self.table, &Ident(&name.name)]).into_query())
            .execute(&mut *connection)
            .await
            .map_err(what())?;
        sqlx::query(
            "insert into tandem.undo (session, transaction, since, writers, until_us, tables)
             values ($1, pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::xid::text, $4, $2, $3)",
        )
        .bind(self.session.as_str())
        .bind(until_us)
        .bind(serde_json::to_string(tables).expect("plain data has a JSON form"))
        .bind(writers(connection, tables, under_savepoints).await?)
        .execute(connection)
        .await
        .map_err(what())?;
        Ok(Kept::Until(until_us))
    }
}

/// The numbers that rows of this transaction carry: its own, and those of its savepoints. The tables have been locked
/// against other writers since before it got its number, so every later one that is seen there is one of these.
async fn writers(
    connection: &mut PgConnection,
    tables: &BTreeMap<usize, Imaged>,
    under_savepoints: bool,
) -> Result<String, DatabaseError> {
    let own = sql("select pg_current_xact_id()::xid::text as number", &[]);
    let relation = |imaged: &Imaged| {
        sql(
            "select distinct t.xmin::text from {} t
             where t.xmin::text::bigint >= pg_current_xact_id()::xid::text::bigint",
            &[&imaged.table],
        )
    };
    let others = tables.values().filter(|_| under_savepoints).map(relation);
    let all = join(" union ", std::iter::once(own).chain(others));
    sqlx::query_scalar(sql("select array_agg(number)::text from ({}) w", &[&all]).into_query())
        .fetch_one(connection)
        .await
        .map_err(doing("read the numbers of the rows that were written"))
}

/// The first of `tables` with a rule that fires all the same, or with any when the role cannot keep one from that
/// (`fires`): the server takes no statement there that writes and returns its rows.
pub(super) async fn stubborn(
    connection: &mut PgConnection,
    tables: &[TableName],
    fires: bool,
) -> Result<Option<TableName>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(quoted).collect();
    let place: Option<i64> = sqlx::query_scalar(
        "select min(u.place)
         from unnest($1::text[]) with ordinality u(name, place)
         join pg_rewrite r on r.ev_class = u.name::regclass
         where r.ev_type <> '1' and case when $2 then r.ev_enabled in ('O', 'A') else r.ev_enabled in ('A', 'R') end",
    )
    .bind(names)
    .bind(fires)
    .fetch_one(connection)
    .await
    .map_err(doing("look at the rules of the tables"))?;
    Ok(place.and_then(|place| tables.get(usize::try_from(place - 1).ok()?).cloned()))
}

/// Drops what can no longer be taken back because its time is over.
pub(super) async fn expire(pool: &PgPool) -> Result<(), DatabaseError> {
    let expired: Vec<String> = sqlx::query_scalar("select session from tandem.undo where until_us < $1")
        .bind(now_us())
        .fetch_all(pool)
        .await
        .map_err(doing("look for rows that need not be kept any more"))?;
    for session in expired.iter().filter_map(|session| SessionId::parse(session)) {
        forget(pool, &session).await?;
    }
    Ok(())
}

async fn forget(pool: &PgPool, session: &SessionId) -> Result<(), DatabaseError> {
    let what = || doing("drop rows that were kept");
    let mut transaction = pool.begin().await.map_err(what())?;
    sqlx::query(sql("drop table if exists {}", &[&table(session)]).into_query())
        .execute(&mut *transaction)
        .await
        .map_err(what())?;
    sqlx::query("delete from tandem.undo where session = $1")
        .bind(session.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(what())?;
    transaction.commit().await.map_err(what())
}

/// The text of a record.
fn image(alias: &'static str, columns: &[String]) -> Sql {
    sql("row({})::text", &[&of(alias, columns)])
}

fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}
