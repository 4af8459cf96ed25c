//! Indexes taken off a table before many rows go into it, and built again afterwards, all in the writing transaction.
//!
//! A row that goes into five indexes one by one costs about five times a row that is sorted into each of them once at
//! the end, which is also what `pg_restore` does. Only what can be put back exactly as it was is taken off.

use std::collections::BTreeSet;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::error::doing;
use super::foreign_keys::{Key, Remade};
use super::statements::relation;
use crate::catalog::{self, Table, TableName};
use crate::sql::{Definition, Ident, Literal, Sql, quoted, sql};

/// What has been taken off so far.
#[derive(Default)]
pub(super) struct Rebuild {
    /// By table.
    indexes: Vec<(TableName, Sql)>,
    /// Tables whose indexes could not be built before the others were there.
    late: Vec<TableName>,
    foreign_keys: Vec<ForeignKey>,
    /// Those that were put back while more rows were on their way, and so are proven.
    back: Vec<ForeignKey>,
}

struct ForeignKey {
    name: String,
    child: TableName,
    child_partitioned: bool,
    parent: TableName,
    /// Rows contradicted it before the others were there.
    is_late: bool,
    definition: Definition,
    comment: Option<String>,
}

impl ForeignKey {
    fn of(key: &Key) -> Self {
        Self {
            name: key.name.clone(),
            child: key.child.clone(),
            child_partitioned: key.child_partitioned,
            parent: key.parent.clone(),
            is_late: false,
            definition: key.definition.clone(),
            comment: key.comment.clone(),
        }
    }

    fn relation(&self) -> Sql {
        relation(&self.child, self.child_partitioned)
    }

    fn drop(&self) -> Sql {
        sql("alter table {} drop constraint {}", &[&self.relation(), &Ident(&self.name)])
    }

    fn add(&self) -> Sql {
        let (relation, name) = (self.relation(), Ident(&self.name));
        sql("alter table {} add constraint {} {}", &[&relation, &name, &self.definition])
    }

    async fn comment(&self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let Some(comment) = &self.comment else { return Ok(()) };
        let (name, comment) = (Ident(&self.name), Literal(comment));
        run(connection, sql("comment on constraint {} on {} is {}", &[&name, &self.child, &comment])).await
    }

    fn remade(self, is_proven: bool) -> Remade {
        Remade { child: self.child, name: self.name, is_proven }
    }
}

impl Rebuild {
    /// Takes off the indexes of `table` that nothing hangs on but foreign keys of `locked` tables; those go too. Locks
    /// the tables against readers. Returns how many indexes went.
    pub(super) async fn take_off(
        &mut self,
        connection: &mut PgConnection,
        table: &TableName,
        locked: &[TableName],
    ) -> Result<usize, DatabaseError> {
        let locked: Vec<String> = locked.iter().map(quoted).collect();
        let indexes = indexes_of(connection, table, &locked).await?;
        let oids: Vec<i64> = indexes.iter().map(|row| row.get("oid")).collect();
        let foreign_keys = foreign_keys_to(connection, &oids).await?;
        for row in &foreign_keys {
            let key = ForeignKey {
                name: row.get("name"),
                child: TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("child")),
                child_partitioned: false,
                parent: table.clone(),
                is_late: false,
                definition: Definition(row.get("definition")),
                comment: None,
            };
            run(connection, key.drop()).await?;
            self.back.retain(|back| (&back.child, &back.name) != (&key.child, &key.name));
            self.foreign_keys.push(key);
        }
        for row in &indexes {
            let (name, definition) = (row.get::<String, _>("name"), Definition(row.get("definition")));
            let (drop, create) = if row.get("is_constraint") {
                (
                    sql("alter table only {} drop constraint {}", &[table, &Ident(&name)]),
                    sql("alter table only {} add constraint {} {}", &[table, &Ident(&name), &definition]),
                )
            } else {
                let index = TableName::new(&*table.schema, &*name);
                (sql("drop index {}", &[&index]), sql("{}", &[&definition]))
            };
            run(connection, drop).await?;
            self.indexes.push((table.clone(), create));
        }
        Ok(indexes.len())
    }

    /// Takes off a foreign key that this role can make again. It must be remembered once that lasts.
    pub(super) async fn drop_key(connection: &mut PgConnection, key: &Key) -> Result<(), DatabaseError> {
        run(connection, ForeignKey::of(key).drop()).await
    }

    pub(super) fn remember_key(&mut self, key: &Key) {
        self.foreign_keys.push(ForeignKey::of(key));
    }

    /// A foreign key of a table that was just made: it comes with the others, when the rows are there.
    pub(super) fn remember_new(&mut self, child: &Table, key: &catalog::ForeignKey, definition: &Sql) {
        self.foreign_keys.push(ForeignKey {
            name: key.name.clone(),
            child: child.name.clone(),
            child_partitioned: child.partitioned,
            parent: key.parent.clone(),
            is_late: false,
            definition: Definition(definition.as_str().to_owned()),
            comment: None,
        });
    }

    /// For a table whose indexes have come back.
    pub(super) fn forget(&mut self, table: &TableName) {
        self.indexes.retain(|(of, _)| of != table);
    }

    /// Makes ready for more rows of `current`, and puts back what belongs to the other `loaded` tables meanwhile: their
    /// indexes, and the foreign keys between them.
    pub(super) async fn put_back_others(
        &mut self,
        connection: &mut PgConnection,
        current: &TableName,
        loaded: &[&TableName],
    ) -> Result<(), DatabaseError> {
        self.reopen(connection, current).await?;
        let waiting = self.indexes.iter().map(|(table, _)| table);
        let waiting: BTreeSet<TableName> =
            waiting.filter(|table| *table != current && !self.late.contains(table)).cloned().collect();
        for table in waiting {
            match tried(connection, async |it| self.build(it, &table).await).await? {
                true => self.forget(&table),
                // They are built later, where the reason belongs.
                false => self.late.push(table),
            }
        }
        let is_there = |table: &TableName| {
            table != current && loaded.contains(&table) && self.indexes.iter().all(|(of, _)| of != table)
        };
        let ready = |key: &mut ForeignKey| !key.is_late && is_there(&key.child) && is_there(&key.parent);
        let ready: Vec<ForeignKey> = self.foreign_keys.extract_if(.., ready).collect();
        for mut key in ready {
            match tried(connection, async |it| run(it, key.add()).await).await? {
                true => {
                    key.comment(connection).await?;
                    self.back.push(key);
                }
                false => {
                    key.is_late = true;
                    self.foreign_keys.push(key);
                }
            }
        }
        Ok(())
    }

    /// More rows come into `child`: no key of its own may stand in their way, or hold unproven.
    async fn reopen(
        &mut self,
        connection: &mut PgConnection,
        child: &TableName,
    ) -> Result<(), DatabaseError> {
        let again: Vec<ForeignKey> = self.back.extract_if(.., |key| key.child == *child).collect();
        for mut key in again {
            run(connection, key.drop()).await?;
            key.is_late = true;
            self.foreign_keys.push(key);
        }
        Ok(())
    }

    /// The key is in its place again, and holds.
    pub(super) fn has_proven(&self, key: &Key) -> bool {
        self.back.iter().any(|back| (&back.child, &back.name) == (&key.child, &key.name))
    }

    /// Builds the indexes of `table` again; a value that stands twice in a unique one is an error.
    pub(super) async fn put_back_indexes(
        &mut self,
        connection: &mut PgConnection,
        table: &TableName,
    ) -> Result<(), DatabaseError> {
        self.build(connection, table).await?;
        self.forget(table);
        Ok(())
    }

    async fn build(&self, connection: &mut PgConnection, table: &TableName) -> Result<(), DatabaseError> {
        for (_, statement) in self.indexes.iter().filter(|(of, _)| of == table) {
            let done = sqlx::query(statement.clone().into_query()).execute(&mut *connection).await;
            done.map_err(doing(format!("build the indexes of {table} again")))?;
        }
        Ok(())
    }

    /// Makes the foreign keys again, which proves them. One that rows contradict is made without the proof, so that
    /// the check of all foreign keys finds and counts the rows.
    pub(super) async fn put_back_foreign_keys(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Remade>, DatabaseError> {
        let mut remade: Vec<Remade> = self.back.drain(..).map(|key| key.remade(true)).collect();
        for key in self.foreign_keys.drain(..) {
            let add = key.add();
            let is_proven = if key.child_partitioned {
                // PostgreSQL makes none of a partitioned table without the proof: then its own words must do.
                run(connection, add).await?;
                true
            } else {
                let is_proven = tried(connection, async |it| run(it, add.clone()).await).await?;
                if !is_proven {
                    run(connection, sql("{} not valid", &[&add])).await?;
                }
                is_proven
            };
            key.comment(connection).await?;
            remade.push(key.remade(is_proven));
        }
        Ok(remade)
    }
}

/// Does `what` unless a row is in its way: then nothing of it has happened, and this is false.
async fn tried(
    connection: &mut PgConnection,
    what: impl AsyncFnOnce(&mut PgConnection) -> Result<(), DatabaseError>,
) -> Result<bool, DatabaseError> {
    run(connection, sql("savepoint tried", &[])).await?;
    let done = match what(&mut *connection).await {
        Ok(()) => true,
        Err(error) if error.is_about_a_row() => {
            run(connection, sql("rollback to tried", &[])).await?;
            false
        }
        Err(error) => return Err(error),
    };
    run(connection, sql("release tried", &[])).await?;
    Ok(done)
}

async fn run(connection: &mut PgConnection, statement: Sql) -> Result<(), DatabaseError> {
    let done = sqlx::query(statement.into_query()).execute(connection).await;
    done.map(|_| ()).map_err(doing("rebuild indexes and keys"))
}

/// The indexes that can be built again exactly as they are, by what the catalog says. Left where they are: what was
/// commented, clustered on, given a tablespace, options or statistics of its own, and what a view, a publication or a
/// foreign key that is not plain hangs on.
async fn indexes_of(
    connection: &mut PgConnection,
    table: &TableName,
    locked: &[String],
) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        "select i.indexrelid::bigint as oid, c.relname::text as name, k.oid is not null as is_constraint,
                coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) as definition
         from pg_index i
         join pg_class c on c.oid = i.indexrelid
         left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
         where i.indrelid = $1::text::regclass
           -- An index is made only by who may make things in its schema, the table's owner or not.
           and has_schema_privilege(c.relnamespace, 'create')
           and i.indisvalid and not i.indisclustered and not i.indisreplident
           and c.reltablespace = 0 and c.reloptions is null
           and not exists (select from pg_attribute a where a.attrelid = i.indexrelid and a.attstattarget >= 0)
           and not exists (select from pg_description d where d.objoid in (i.indexrelid, k.oid))
           and not exists (select from pg_shdepend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid)
           and not exists (
               select from pg_depend d
               where (d.refclassid = 'pg_class'::regclass and d.refobjid = i.indexrelid
                      or d.refclassid = 'pg_constraint'::regclass and d.refobjid = k.oid)
                 and not (d.classid = 'pg_class'::regclass and d.objid = i.indexrelid)
                 and not exists (select from pg_constraint f
                                 where d.classid = 'pg_constraint'::regclass and f.oid = d.objid and f.contype = 'f')
           )
           and not exists (
               select from pg_constraint f
               join pg_class child on child.oid = f.conrelid
               where f.contype = 'f' and f.conindid = i.indexrelid
                 and (f.conparentid <> 0 or child.relkind <> 'r' or child.relispartition
                      or not f.conrelid = any($2::text[]::regclass[])
                      or not pg_has_role(child.relowner, 'usage')
                      or exists (select from pg_description d where d.objoid = f.oid)
                      or exists (select from pg_trigger t where t.tgconstraint = f.oid and t.tgenabled <> 'O'))
           )
         order by i.indisprimary, c.relname",
    )
    .bind(quoted(table))
    .bind(locked)
    .fetch_all(connection)
    .await
    .map_err(doing(format!("read the indexes of {table}")))
}

async fn foreign_keys_to(
    connection: &mut PgConnection,
    indexes: &[i64],
) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(
        "select k.conname::text as name, n.nspname::text as schema, c.relname::text as child,
                pg_get_constraintdef(k.oid) as definition
         from pg_constraint k
         join pg_class c on c.oid = k.conrelid
         join pg_namespace n on n.oid = c.relnamespace
         where k.contype = 'f' and k.conindid = any($1::bigint[]::oid[])",
    )
    .bind(indexes)
    .fetch_all(connection)
    .await
    .map_err(doing("read the foreign keys to rebuild"))
}
