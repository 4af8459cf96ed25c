//! Before-images -> staged rows: what a sync replaced and deleted comes back, what it inserted goes.
//!
//! A row that still carries the number of the sync's transaction is as the sync left it. Any other has been changed
//! since and is left alone, unless it is to be overwritten.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Row as _, query_scalar};

use super::super::{DatabaseError, Incoming, Stricter, Undoing};
use super::counts;
use super::error::doing;
use super::images::{self, Fate, Imaged};
use super::set_aside::of;
use super::staging::PostgresStaging;
use super::statements::Target;
use crate::catalog::{Catalog, TableName};
use crate::model::{SessionId, SetAside};
use crate::sql::{Literal, Sql, join, names, sql};

/// Rows that are shown of those that were left alone.
const SHOWN: i64 = 100;

/// What was kept of a sync.
pub(super) struct Kept {
    images: TableName,
    /// The numbers that the transaction's rows carry.
    writers: String,
    /// Whatever was written after it carries this number or a later one.
    since: String,
    tables: BTreeMap<usize, Imaged>,
}

/// Finds what was kept.
pub(super) async fn kept(pool: &PgPool, undone: &SessionId) -> Result<Kept, DatabaseError> {
    let row = sqlx::query(
        "select tables, since, writers, pg_current_xact_id()::text::bigint - transaction < 2000000000 as is_young
         from tandem.undo
         where session = $1",
    )
    .bind(undone.as_str())
    .fetch_optional(pool)
    .await
    .map_err(doing("look for what was kept"))?;
    let gone = |reason: &str| DatabaseError::Gone {
        what: format!("the rows that session {undone} replaced {reason}"),
    };
    let Some(row) = row else { return Err(gone("are not kept any more")) };
    // After that many transactions their numbers come again.
    if !row.get::<bool, _>("is_young") {
        return Err(gone("were kept too long ago to be told apart from newer ones"));
    }
    let tables = serde_json::from_str(row.get("tables"))
        .map_err(|cause| gone(&format!("cannot be read ({cause})")))?;
    Ok(Kept { images: images::table(undone), writers: row.get("writers"), since: row.get("since"), tables })
}

/// The tables that were written to, as they are now; refuses when one of them cannot take its rows back.
pub(super) fn incoming(catalog: &Catalog, kept: &Kept) -> Result<Vec<Incoming>, DatabaseError> {
    let incoming = kept.tables.values().map(|imaged| {
        let changed = || DatabaseError::Changed { table: imaged.table.clone() };
        let table = catalog.table(&imaged.table).ok_or_else(changed)?;
        if table.key() != imaged.key {
            return Err(changed());
        }
        if !imaged.columns.iter().all(|column| table.column(column).is_some_and(|column| !column.generated)) {
            return Err(changed());
        }
        Ok(Incoming {
            table: table.clone(),
            columns: imaged.columns.clone(),
            unique: true,
            partial: true,
            stricter: Stricter::default(),
        })
    });
    incoming.collect()
}

/// Opens the writing transaction and fills the staging tables in it, so that nobody changes a row between the look at
/// it and the writing.
pub(super) async fn stage(
    mut staging: PostgresStaging,
    incoming: Vec<Incoming>,
    kept: &Kept,
    force: bool,
) -> Result<Undoing, DatabaseError> {
    let Some(merge) = staging.merge.as_mut() else {
        return Err(DatabaseError::Unavailable { reason: "the undo has begun before".to_owned() });
    };
    merge.begin().await?;
    let (mut rows, mut left_alone, mut left_alone_rows) = (Vec::new(), 0, Vec::new());
    for (target, (&place, imaged)) in merge.targets.iter().zip(&kept.tables) {
        let table = Table { kept, place: i64::try_from(place).unwrap_or(i64::MAX), imaged, target };
        table.make_keys(&mut merge.connection).await?;
        table.bring_back(&mut merge.connection, force).await?;
        table.mark_inserted(&mut merge.connection, force).await?;
        // Without a key nobody can say which row to overwrite.
        if !force || !table.has_key() {
            left_alone += table.left_alone(&mut merge.connection, &mut left_alone_rows).await?;
        }
        rows.push(table.rows_afterwards(&mut merge.connection).await?);
    }
    Ok(Undoing { staging: Box::new(staging), incoming, rows, left_alone, left_alone_rows })
}

struct Table<'a> {
    kept: &'a Kept,
    place: i64,
    imaged: &'a Imaged,
    target: &'a Target,
}

impl Table<'_> {
    /// The images of one kind as rows of the staging table's type, or of its keys'.
    fn images(&self, fate: Fate) -> Sql {
        let kind = if fate == Fate::Inserted { self.keys() } else { self.target.stage.clone() };
        // Without the limit of zero the text would be read once for each column.
        sql(
            "(select (i.image).* from (select image::{} as image from {} where place = {} and kind = {} offset 0) i)",
            &[&kind, &self.kept.images, &self.place, &fate.literal()],
        )
    }

    /// `t` is as the sync left it.
    fn is_untouched(&self) -> Sql {
        sql("t.xmin = any({}::text::xid[])", &[&Literal(&self.kept.writers)])
    }

    /// A table of the key's columns alone, for its type.
    fn keys(&self) -> TableName {
        TableName::new("tandem", format!("{}_key", self.target.stage.name))
    }

    async fn make_keys(&self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let statement = sql(
            "create unlogged table {} as select {} from {} with no data",
            &[&self.keys(), &names(&self.imaged.key), &self.imaged.table],
        );
        if self.has_key() { self.run(connection, statement).await } else { Ok(()) }
    }

    fn has_key(&self) -> bool {
        !self.target.table.key().is_empty()
    }

    /// Stages the rows that were replaced or deleted, those without that were changed since.
    async fn bring_back(&self, connection: &mut PgConnection, force: bool) -> Result<(), DatabaseError> {
        for fate in [Fate::Replaced, Fate::Deleted] {
            let mut rows = sql("{} s", &[&self.images(fate)]);
            if !force && self.has_key() {
                rows = sql("{} where {}", &[&rows, &self.is_free(fate)]);
            }
            let statement = sql(
                "insert into {} ({}) select {} from {}",
                &[&self.target.stage, &names(&self.imaged.columns), &of("s", &self.imaged.columns), &rows],
            );
            self.run(connection, statement).await?;
        }
        Ok(())
    }

    /// The image `s` can come back without touching what somebody has written since.
    fn is_free(&self, fate: Fate) -> Sql {
        let relation = self.target.relation();
        let same_key = self.target.same_key();
        match fate {
            Fate::Replaced => sql(
                "exists (select from {} t where {} and {})",
                &[&relation, &same_key, &self.is_untouched()],
            ),
            _ => sql("not exists (select from {} t where {})", &[&relation, &same_key]),
        }
    }

    /// Marks the rows that were inserted as outdated.
    async fn mark_inserted(&self, connection: &mut PgConnection, force: bool) -> Result<(), DatabaseError> {
        let Some(outdated) = &self.target.outdated else { return Ok(()) };
        let mine = match (self.imaged.all_new || !self.has_key(), force && self.has_key()) {
            (true, true) => sql("true", &[]),
            (true, false) => self.is_untouched(),
            (false, true) => self.was_inserted(),
            (false, false) => sql("{} and {}", &[&self.is_untouched(), &self.was_inserted()]),
        };
        let statement = sql(
            "insert into {} ({}) select {} from {} t where {}",
            &[
                outdated,
                &names(&self.imaged.columns),
                &of("t", &self.imaged.columns),
                &self.target.relation(),
                &mine,
            ],
        );
        self.run(connection, statement).await
    }

    /// `t` has the key of a row that was inserted. One that was moved has been inserted too, but replaced a row.
    fn was_inserted(&self) -> Sql {
        let same_key = self.target.same_key();
        sql(
            "exists (select from {} s where {}) and not exists (select from {} s where {})",
            &[&self.images(Fate::Inserted), &same_key, &self.images(Fate::Replaced), &same_key],
        )
    }

    /// Counts the rows that were changed since, and adds the first ones to `shown`.
    async fn left_alone(
        &self,
        connection: &mut PgConnection,
        shown: &mut Vec<SetAside>,
    ) -> Result<u64, DatabaseError> {
        let all = if self.has_key() { self.changed_by_key() } else { self.changed_without_key() };
        let rows = sqlx::query(
            sql("select row, reason, count(*) over () as found from ({}) a limit {}", &[&all, &SHOWN])
                .into_query(),
        )
        .fetch_all(connection)
        .await
        .map_err(self.doing())?;
        for row in rows.iter().take(usize::try_from(SHOWN).unwrap_or_default().saturating_sub(shown.len())) {
            shown.push(SetAside {
                table: self.imaged.table.display(),
                row: row.get("row"),
                sqlstate: String::new(),
                reason: row.get("reason"),
            });
        }
        Ok(rows.first().map_or(0, |row| row.get::<i64, _>("found").unsigned_abs()))
    }

    /// The rows that were changed since, with the reason.
    fn changed_by_key(&self) -> Sql {
        let image = |fate, reason: &'static str| {
            sql(
                "select {} as row, {} as reason from {} s where not ({})",
                &[&self.key_text("s"), &sql(reason, &[]), &self.images(fate), &self.is_free(fate)],
            )
        };
        let mut parts = vec![
            image(Fate::Replaced, "'it was changed or deleted since the sync'"),
            image(Fate::Deleted, "'a row with its key was added since the sync'"),
        ];
        let changed = sql("'it was changed or added since the sync'", &[]);
        let which = if self.imaged.all_new { sql("true", &[]) } else { self.was_inserted() };
        parts.push(sql(
            "select {} as row, {} as reason from {} t where {} and not ({})",
            &[&self.key_text("t"), &changed, &self.target.relation(), &which, &self.is_untouched()],
        ));
        join(" union all ", parts)
    }

    /// The same without a key. Some of the inserted rows do not carry the number of the sync's transaction any more: any
    /// row that was written since may be one of them.
    fn changed_without_key(&self) -> Sql {
        sql(
            "select {} as row, 'it was changed or added since the sync' as reason
             from {} t
             where age(t.xmin) between 0 and age({}::text::xid) and not ({})
               and (select count(*) from {} t where {}) < {}",
            &[
                &self.key_text("t"),
                &self.target.relation(),
                &Literal(&self.kept.since),
                &self.is_untouched(),
                &self.target.relation(),
                &self.is_untouched(),
                &i64::try_from(self.imaged.inserted).unwrap_or(i64::MAX),
            ],
        )
    }

    /// `id 7, part 2`
    fn key_text(&self, alias: &'static str) -> Sql {
        counts::key_text(self.target, alias)
    }

    /// How many rows the table will have when all is done.
    async fn rows_afterwards(&self, connection: &mut PgConnection) -> Result<u64, DatabaseError> {
        let count = |statement: Sql| query_scalar::<_, i64>(statement.into_query());
        let now =
            count(counts::row_count(self.target)).fetch_one(&mut *connection).await.map_err(self.doing())?;
        let gone = count(counts::deletable_count(self.target))
            .fetch_one(&mut *connection)
            .await
            .map_err(self.doing())?;
        let new =
            count(counts::lacking_count(self.target)).fetch_one(connection).await.map_err(self.doing())?;
        Ok((now - gone + new).unsigned_abs())
    }

    async fn run(&self, connection: &mut PgConnection, statement: Sql) -> Result<(), DatabaseError> {
        sqlx::query(statement.into_query()).execute(connection).await.map(|_| ()).map_err(self.doing())
    }

    fn doing(&self) -> impl FnOnce(sqlx::Error) -> DatabaseError {
        doing(format!("take back rows of {}", self.imaged.table))
    }
}
