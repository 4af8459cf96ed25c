//! Rows straight into tables that are empty, inside the writing transaction: no staging, and no index to keep up.
//!
//! Nothing can be lost or mixed there, and nothing changes a row on its way: such a table has no trigger that fires
//! now, its types are the source's, and the server says how many rows it took. Readers of these tables wait until the
//! commit, so this is for a database in which every table is empty.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgCopyIn};

use super::super::{DatabaseError, Loaded, Loader};
use super::bypass::Bypass;
use super::counts;
use super::error::{doing, failed};
use super::rebuild::Rebuild;
use super::statements::Target;
use crate::catalog::TableName;
use crate::sql::{Sql, join, names, quoted, sql};

/// Bytes of text from which on it pays to build the indexes anew.
const MANY: usize = 512 * 1024;

/// Tables that one statement looks into.
const TOGETHER: usize = 50;

/// For each of `targets`, whether rows may go straight into it.
pub(super) async fn fit(
    connection: &mut PgConnection,
    targets: &[Target],
) -> Result<Vec<bool>, DatabaseError> {
    let names: Vec<String> = targets.iter().map(|target| quoted(&target.table.name)).collect();
    let rows = sqlx::query(
        "select c.relkind = 'r' and pg_has_role(c.relowner, 'usage')
                and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgenabled in ('A', 'R')) as fits
         from unnest($1::text[]) with ordinality u(name, place)
         join pg_class c on c.oid = u.name::regclass
         order by u.place",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(doing("look at the tables"))?;
    Ok(rows.iter().zip(targets).map(|(row, target)| row.get("fits") && target.keys_are_unique).collect())
}

/// Opens the transaction with the tables locked, the ones that `fit` against readers too. False, with no transaction
/// open, when a table holds rows or somebody else uses one.
pub(super) async fn begin(
    connection: &mut PgConnection,
    targets: &[Target],
    fit: &[bool],
) -> Result<bool, DatabaseError> {
    if !fit.contains(&true) || !all_empty(connection, targets).await? {
        return Ok(false);
    }
    let run = async |connection: &mut PgConnection, statement: Sql| {
        let done = sqlx::query(statement.into_query()).execute(connection).await;
        done.map(|_| ()).map_err(doing("lock the empty tables"))
    };
    run(connection, sql("begin", &[])).await?;
    for (locked_whole, mode) in [(true, "access exclusive"), (false, "share row exclusive")] {
        let relations = targets.iter().zip(fit).filter(|(_, fits)| **fits == locked_whole);
        let list: Vec<Sql> = relations.map(|(target, _)| target.relation()).collect();
        if list.is_empty() {
            continue;
        }
        let lock = sql("lock table {} in {} mode nowait", &[&join(", ", list), &sql(mode, &[])]);
        match run(connection, lock).await {
            Ok(()) => {}
            Err(DatabaseError::Locked { .. }) => {
                run(connection, sql("rollback", &[])).await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
    // Somebody may have written before the locks were taken.
    if all_empty(connection, targets).await? {
        return Ok(true);
    }
    run(connection, sql("rollback", &[])).await?;
    Ok(false)
}

async fn all_empty(connection: &mut PgConnection, targets: &[Target]) -> Result<bool, DatabaseError> {
    for some in targets.chunks(TOGETHER) {
        let statement = sql("select {}", &[&join(" and ", some.iter().map(counts::is_empty))]);
        let empty: Result<bool, _> =
            sqlx::query_scalar(statement.into_query()).fetch_one(&mut *connection).await;
        if !empty.map_err(doing("look whether the tables are empty"))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the indexes off once it is known that many rows come: a few are quicker without.
pub(super) struct DirectLoader<'a> {
    table: TableName,
    /// Its indexes cannot be taken off: those of its partitions hang on them.
    is_partitioned: bool,
    statement: Sql,
    state: State<'a>,
    /// The rows that went into the table, over all of its loads.
    loaded: &'a mut u64,
}

enum State<'a> {
    Waiting {
        connection: &'a mut PgConnection,
        bypass: &'a mut Bypass,
        rebuild: &'a mut Rebuild,
        locked: &'a [TableName],
        rows: Vec<Bytes>,
    },
    Copying(PgCopyIn<&'a mut PgConnection>),
    /// Only while one of the others becomes the other, and after that has failed.
    Between,
}

impl<'a> DirectLoader<'a> {
    pub(super) fn new(
        target: &Target,
        connection: &'a mut PgConnection,
        (bypass, rebuild): (&'a mut Bypass, &'a mut Rebuild),
        locked: &'a [TableName],
        loaded: &'a mut u64,
    ) -> Self {
        let table = target.table.name.clone();
        let statement = sql("copy {} ({}) from stdin", &[&table, &names(&target.columns)]);
        let state = State::Waiting { connection, bypass, rebuild, locked, rows: Vec::new() };
        Self { table, is_partitioned: target.table.partitioned, statement, state, loaded }
    }

    /// Begins to copy, with what has waited.
    async fn start(&mut self, many: bool) -> Result<(), DatabaseError> {
        let state = std::mem::replace(&mut self.state, State::Between);
        let State::Waiting { connection, bypass, rebuild, locked, rows } = state else {
            self.state = state;
            return Ok(());
        };
        if !rows.is_empty() {
            bypass.open(connection, rebuild, &self.table).await?;
        }
        if many && !self.is_partitioned {
            rebuild.take_off(connection, &self.table, locked).await?;
        }
        let copy = connection.copy_in_raw(self.statement.as_str()).await;
        let mut copy = copy.map_err(|cause| failed(self.what(), &cause))?;
        for chunk in rows {
            copy.send(chunk).await.map_err(|cause| failed(self.what(), &cause))?;
        }
        self.state = State::Copying(copy);
        Ok(())
    }

    fn broken(&self) -> DatabaseError {
        DatabaseError::Unavailable { reason: format!("a load into {} has failed before", self.table) }
    }

    fn what(&self) -> String {
        format!("load rows into {}", self.table)
    }
}

#[async_trait]
impl Loader for DirectLoader<'_> {
    async fn send(&mut self, chunk: Bytes) -> Result<(), DatabaseError> {
        let what = self.what();
        match &mut self.state {
            State::Copying(copy) => copy.send(chunk).await.map(|_| ()).map_err(|cause| failed(what, &cause)),
            State::Waiting { rows, .. } => {
                rows.push(chunk);
                let many = rows.iter().map(Bytes::len).sum::<usize>() >= MANY;
                if many { self.start(true).await } else { Ok(()) }
            }
            State::Between => Err(self.broken()),
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<Loaded, DatabaseError> {
        self.start(false).await?;
        let what = self.what();
        let State::Copying(copy) = self.state else { return Err(self.broken()) };
        let rows = copy.finish().await.map_err(|cause| failed(what, &cause))?;
        *self.loaded += rows;
        Ok(Loaded { rows, unfit: Vec::new() })
    }
}
