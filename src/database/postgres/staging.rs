//! Staging: unlogged tables with the target's column types, filled by COPY, invisible to everybody else.

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use sqlx::postgres::{PgPool, PgPoolOptions};

use super::super::{
    DatabaseError, Foreseen, Incoming, Loader, Merge, Met, OwnRows, Resolved, Staging, Surplus, Usage,
};
use super::conflicts::Resolver;
use super::connect::{Connector, SETTINGS, session_name};
use super::error::doing;
use super::fit::FitLoader;
use super::foresee::Foresight;
use super::images::Images;
use super::load::{Ending, PooledLoader};
use super::merge::{self, PostgresMerge, run};
use super::stages::{self, Staged, prefix};
use super::statements::Target;
use super::{bad_keys, choose, conflicts, foreign_keys, isolate, locks, preflight, preview, set_aside};
use crate::catalog::{Making, Table, TableName};
use crate::model::{ConflictPolicy, SessionId, TablePreview};
use crate::sql::{names, quoted, sql};

/// Tables that are loaded at the same time.
const LOADS: u32 = 4;

/// A table that is so many times larger than what is staged for it is not read whole.
const FEW: i64 = 20;

pub(super) struct PostgresStaging {
    connector: Connector,
    session: SessionId,
    usage: Usage,
    pool: PgPool,
    tables: Vec<Staged>,
    /// For each of them, whether its rows go straight in: it has no staging table.
    direct: Vec<bool>,
    images: Option<Images>,
    /// Loads whose last word is waited for: the next table begins meanwhile.
    ending: Ending,
    /// None once it has begun, until another one is needed.
    pub(super) merge: Option<PostgresMerge>,
}

impl PostgresStaging {
    pub(super) async fn create(
        connector: &Connector,
        session: &SessionId,
        tables: &[Incoming],
        making: &Making,
        usage: Usage,
    ) -> Result<Self, DatabaseError> {
        // Its own pool: the connections must carry the session's name to be ended by it.
        let options = connector.options.clone().application_name(&session_name(session)).options(SETTINGS);
        // What is staged is read whole or by its keys: a small sample tells enough of it.
        let options = options.options([("default_statistics_target", "10")]);
        let pool = PgPoolOptions::new()
            .max_connections(LOADS)
            .after_connect({
                let connector = connector.clone();
                move |_, _| {
                    connector.send_at_once();
                    Box::pin(async { Ok(()) })
                }
            })
            .connect_with(options)
            .await
            .map_err(|cause| super::error::connecting(&cause))?;
        let names: Vec<TableName> = tables.iter().map(|incoming| incoming.table.name.clone()).collect();
        let name = |index, end| TableName::new("tandem", format!("{}{index}{end}", prefix(session)));
        let staged = |(index, incoming): (usize, &Incoming)| Staged {
            incoming: incoming.clone(),
            stage: name(index, ""),
            outdated: incoming.partial.then(|| name(index, "_old")),
            refused: usage.set_aside.then(|| name(index, "_out")),
        };
        let tables: Vec<Staged> = tables.iter().enumerate().map(staged).collect();
        let may_write = async {
            let mut connection = pool.acquire().await.map_err(doing("read the rights"))?;
            preflight::demand_write(&mut connection, &names).await?;
            locks::demand_room(&mut connection, &names).await
        };
        let prepare = async {
            let images = match usage.undo {
                true => Some(Images::create(&pool, session, &prefix(session)).await?),
                false => None,
            };
            let straight = usage.straight;
            let merge = PostgresMerge::prepare(connector, session, &tables, making, straight, images.clone());
            Ok((merge.await?, images))
        };
        // The rows of a part never go straight in.
        let parts: Vec<&Staged> = tables.iter().filter(|staged| staged.incoming.partial).collect();
        // All at once; a right that is missing, or room for the locks, is the better reason for whatever else fails then.
        let (may_write, prepared, made) = tokio::join!(may_write, prepare, stages::make(&pool, &parts));
        may_write?;
        let (merge, images) = match made.and(prepared) {
            Ok(prepared) => prepared,
            Err(error) => return Err(named(error, &pool).await),
        };
        let direct: Vec<bool> = (0..tables.len()).map(|index| merge.is_direct(index)).collect();
        let others =
            tables.iter().zip(&direct).filter(|(staged, direct)| !staged.incoming.partial && !**direct);
        if let Err(error) = stages::make(&pool, &others.map(|(staged, _)| staged).collect::<Vec<_>>()).await {
            return Err(named(error, &pool).await);
        }
        let (connector, session) = (connector.clone(), session.clone());
        Ok(Self {
            connector,
            session,
            usage,
            pool,
            tables,
            direct,
            images,
            ending: Ending::default(),
            merge: Some(merge),
        })
    }

    async fn loader(&self, incoming: &Incoming, into: &TableName) -> Result<PooledLoader, DatabaseError> {
        let what = format!("load rows for {}", incoming.table.name);
        let statement = sql("copy {} ({}) from stdin", &[into, &names(&incoming.columns)]);
        PooledLoader::start(&self.pool, &statement, what, &self.ending).await
    }

    /// The merge, with all rows there, prepared anew when one has failed.
    async fn merge(&mut self) -> Result<&mut PostgresMerge, DatabaseError> {
        self.ending.all().await?;
        if self.merge.is_none() {
            let images = self.images.clone();
            let (connector, none) = (&self.connector, Making::default());
            let merge = PostgresMerge::prepare(connector, &self.session, &self.tables, &none, false, images);
            self.merge = Some(merge.await?);
        }
        self.merge.as_mut().ok_or_else(begun)
    }

    /// For each table, whether little is staged beside what it holds: that is looked up by the key. Asked on the merge's
    /// connection, which may have locked others out.
    async fn come_in_few(&mut self) -> Result<Vec<bool>, DatabaseError> {
        let with_key =
            |index: &usize| !self.direct[*index] && !self.tables[*index].incoming.table.key().is_empty();
        let places: Vec<usize> = (0..self.tables.len()).filter(with_key).collect();
        let staged = places.iter().map(|index| &self.tables[*index]);
        let names: Vec<String> = staged.clone().map(|staged| quoted(&staged.incoming.table.name)).collect();
        let stages: Vec<String> = staged.clone().map(|staged| quoted(&staged.stage)).collect();
        let outdated: Vec<Option<String>> =
            staged.map(|staged| staged.outdated.as_ref().map(quoted)).collect();
        let few: Vec<bool> = sqlx::query_scalar(
            "select (pg_relation_size(u.stage::regclass) + coalesce(pg_relation_size(u.outdated::regclass), 0)) * $4
                        < (select sum(pg_relation_size(p.relid))
                           from (select u.name::regclass union select relid from pg_partition_tree(u.name::regclass)) p(relid))
             from unnest($1::text[], $2::text[], $3::text[]) with ordinality u(name, stage, outdated, place)
             order by u.place",
        )
        .bind(names)
        .bind(stages)
        .bind(outdated)
        .bind(FEW)
        .fetch_all(&mut self.merge().await?.connection)
        .await
        .map_err(doing("measure the staged rows"))?;
        let mut all = vec![false; self.tables.len()];
        places.into_iter().zip(few).for_each(|(index, few)| all[index] = few);
        Ok(all)
    }

    /// Tells the planner about what is staged, where that is not `few`: there it has no choice.
    async fn analyze(&self, few: &[bool]) -> Result<(), DatabaseError> {
        let many = self.tables.iter().enumerate().filter(|(index, _)| !self.direct[*index] && !few[*index]);
        let stages = many.flat_map(|(_, staged)| [&staged.stage].into_iter().chain(&staged.outdated));
        let analyzed: Vec<BoxFuture<'_, _>> = stages
            .map(|stage| sqlx::query(sql("analyze {}", &[stage]).into_query()).execute(&self.pool).boxed())
            .collect();
        let analyzed = stream::iter(analyzed).buffered(LOADS as usize).try_collect::<Vec<_>>().await;
        analyzed.map(|_| ()).map_err(doing("analyze the staged rows"))
    }
}

#[async_trait]
impl Staging for PostgresStaging {
    fn way(&self) -> String {
        let direct = self.direct.iter().filter(|direct| **direct).count();
        match (direct, self.tables.len() - direct) {
            (0, staged) => format!("{staged} staging tables made from the target's definitions"),
            (direct, staged) if self.merge.as_ref().is_some_and(PostgresMerge::makes_tables) => format!(
                "{direct} tables are made in the transaction that fills them; {staged} staging tables for the others"
            ),
            (direct, staged) => format!(
                "The target is empty: rows go straight into {direct} tables, whose readers wait for the commit, and into {staged} staging tables"
            ),
        }
    }

    async fn load<'a>(&'a mut self, index: usize) -> Result<Box<dyn Loader + 'a>, DatabaseError> {
        if self.direct[index] {
            let merge = self.merge.as_mut().ok_or_else(begun)?;
            let loader = merge.loader(index).await?.ok_or_else(begun)?;
            return Ok(Box::new(loader));
        }
        let Staged { incoming, stage, .. } = &self.tables[index];
        if self.usage.set_aside {
            let statement = sql("copy {} ({}) from stdin", &[stage, &names(&incoming.columns)]);
            return Ok(Box::new(FitLoader::new(self.pool.clone(), incoming.table.name.clone(), statement)));
        }
        Ok(Box::new(self.loader(incoming, stage).await?))
    }

    async fn load_outdated(&mut self, index: usize) -> Result<Box<dyn Loader>, DatabaseError> {
        let Staged { incoming, outdated, .. } = &self.tables[index];
        match outdated {
            Some(table) => Ok(Box::new(self.loader(incoming, table).await?)),
            None => Err(DatabaseError::Statement {
                what: format!("stage outdated rows of {}", incoming.table.name),
                reason: "the table is not partial".to_owned(),
                sqlstate: String::new(),
            }),
        }
    }

    async fn refusals(&mut self) -> Result<Vec<String>, DatabaseError> {
        self.ending.all().await?;
        if self.usage.set_aside {
            let merge = self.merge().await?;
            for target in merge.targets.iter().filter(|target| !target.keys_are_unique) {
                bad_keys::leave_out(&mut merge.connection, target).await?;
            }
            return Ok(Vec::new());
        }
        let unsure = |(staged, direct): &(&Staged, &bool)| {
            !staged.incoming.unique && !staged.incoming.table.key().is_empty() && !**direct
        };
        let mut found = Vec::new();
        for (staged, _) in self.tables.iter().zip(&self.direct).filter(unsure) {
            found.extend(bad_keys::sentences(&self.pool, staged).await?);
        }
        Ok(found)
    }

    async fn foresee(
        &mut self,
        order: &[usize],
        mirror: bool,
        leaves_out: bool,
    ) -> Result<Vec<Foreseen>, DatabaseError> {
        let mut connection = self.pool.acquire().await.map_err(doing("look at the staged rows"))?;
        self.merge().await?;
        let targets = self.merge.as_ref().map(|merge| &merge.targets[..]).unwrap_or_default();
        let (connection, direct) = (&mut *connection, &self.direct[..]);
        let mut foresight =
            Foresight { connection, targets, direct, mirror, leaves_out, thinned: Vec::new() };
        let mut found = Vec::new();
        for &index in order.iter().filter(|&&index| !direct[index]) {
            found.extend(foresight.of(index, &self.tables[index].incoming.stricter).await?);
        }
        Ok(found)
    }

    async fn preview(
        &mut self,
        index: usize,
        rows: u64,
        most: u32,
        mirror: bool,
        met: Met,
    ) -> Result<TablePreview, DatabaseError> {
        if self.direct[index] {
            return Ok(preview::made(&self.tables[index].incoming.table, rows));
        }
        // Not the merge's connection: its transaction may be open already.
        let mut connection = self.pool.acquire().await.map_err(doing("look at the rows"))?;
        let merge = self.merge().await?;
        preview::table(&mut connection, &merge.targets[index], rows, most, (mirror, met)).await
    }

    async fn resolve(&mut self, order: &[usize], policy: ConflictPolicy) -> Result<Resolved, DatabaseError> {
        let mut transaction = self.pool.begin().await.map_err(doing("resolve conflicts"))?;
        run(&mut transaction, "resolve conflicts", merge::SETTINGS).await?;
        let merge = self.merge().await?;
        let keys = foreign_keys::holding(&mut transaction, &merge.names).await?;
        let mut resolver = Resolver::of_staged(&mut transaction, merge, &keys);
        let resolved = resolver.resolve(order, policy).await?;
        transaction.commit().await.map_err(doing("resolve conflicts"))?;
        Ok(resolved)
    }

    async fn repointed(&mut self, tables: &[usize]) -> Result<Vec<OwnRows>, DatabaseError> {
        let mut connection = self.pool.acquire().await.map_err(doing("look for conflicts"))?;
        let merge = self.merge().await?;
        let keys = foreign_keys::holding(&mut connection, &merge.names).await?;
        let mut resolver = Resolver::of_staged(&mut connection, merge, &keys);
        let mut found = Vec::new();
        for &index in tables {
            found.extend(resolver.would_repoint(index).await?);
        }
        Ok(found)
    }

    async fn isolate(&mut self, order: &[usize], mirror: bool, replace: bool) -> Result<u64, DatabaseError> {
        let merge = self.merge().await?;
        let found = isolate::find(merge, order, mirror, replace).await?;
        run(&mut merge.connection, "end the trial", "rollback").await?;
        let mut refused = 0;
        for (index, rows) in found {
            refused += set_aside::refuse(&mut merge.connection, &merge.targets[index], &rows).await?;
        }
        // Another transaction is begun for what is left.
        self.merge = None;
        Ok(refused)
    }

    async fn unknown(
        &mut self,
        table: &Table,
        keys: &[Vec<String>],
    ) -> Result<Vec<Vec<String>>, DatabaseError> {
        let merge = self.merge().await?;
        let staged = merge.targets.iter().find(|target| target.table.name == table.name);
        choose::unknown(&mut merge.connection, table, staged, keys).await
    }

    async fn choose(
        &mut self,
        index: usize,
        keys: &[Vec<String>],
        surplus: Surplus,
    ) -> Result<(), DatabaseError> {
        let merge = self.merge().await?;
        choose::rows(&mut merge.connection, &merge.targets[index], keys, surplus).await
    }

    async fn conflicts(&mut self, order: &[usize]) -> Result<Vec<String>, DatabaseError> {
        let mut connection = self.pool.acquire().await.map_err(doing("look for conflicts"))?;
        let mut sentences = Vec::new();
        // Rows that went straight in are gone with the transaction, and so is a table that was made in it. Neither had
        // rows of its own to be in conflict with.
        let staged = order.iter().filter(|&&index| !self.direct[index]);
        let staged: Vec<Staged> = staged.map(|&index| self.tables[index].clone()).collect();
        for target in Target::all(&mut connection, &staged).await? {
            sentences.extend(conflicts::sentences(&mut connection, &target).await?);
        }
        Ok(sentences)
    }

    fn mode(&self) -> String {
        self.merge.as_ref().map(Merge::mode).unwrap_or_default()
    }

    fn warnings(&self) -> Vec<String> {
        self.merge.as_ref().map(Merge::warnings).unwrap_or_default()
    }

    async fn begin(&mut self) -> Result<Box<dyn Merge>, DatabaseError> {
        let few = self.come_in_few().await?;
        self.analyze(&few).await?;
        let merge = self.merge().await?;
        for (target, few) in merge.targets.iter_mut().zip(few) {
            target.comes_in_few = few;
        }
        merge.begin().await?;
        match self.merge.take() {
            Some(merge) => Ok(Box::new(merge)),
            None => Err(begun()),
        }
    }
}

/// A defect: nothing is loaded once the merge has begun, and it begins once.
fn begun() -> DatabaseError {
    DatabaseError::Unavailable { reason: "the transaction has begun before".to_owned() }
}

/// Says who holds a lock that was waited for too long.
async fn named(error: DatabaseError, pool: &PgPool) -> DatabaseError {
    match pool.acquire().await {
        Ok(mut connection) => locks::named(error, &mut connection, &[]).await,
        Err(cause) => super::error::connecting(&cause),
    }
}
