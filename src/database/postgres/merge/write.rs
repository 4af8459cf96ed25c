//! The writing of one table: set by set, and what is replaced kept.

use super::super::super::{DatabaseError, Written};
use super::super::error::doing;
use super::super::images::{Fate, Imaged};
use super::super::statements::{self, Target};
use super::super::{counts, direct, moved};
use super::{PostgresMerge, run};
use crate::sql::{Sql, sql};

/// Staged rows from which on it pays to build the indexes of an empty table anew.
const MANY_ROWS: u64 = 10_000;

impl PostgresMerge {
    /// Takes the indexes off an empty table into which `rows` will go, when nobody is in the way.
    pub(super) async fn take_off_indexes(&mut self, index: usize, rows: u64) -> Result<(), DatabaseError> {
        if rows < MANY_ROWS || !self.bypass.may_load_unordered() {
            return Ok(());
        }
        if !direct::fit(&mut self.connection, &self.targets[index..=index]).await?[0] {
            return Ok(());
        }
        run(&mut self.connection, "prepare a rebuild", "savepoint take_off").await?;
        // It is not worth waiting for a reader.
        run(&mut self.connection, "prepare a rebuild", "set local lock_timeout = 100").await?;
        let taken =
            self.rebuild.take_off(&mut self.connection, &self.targets[index].table.name, &self.names).await;
        match taken {
            Ok(_) => {
                run(&mut self.connection, "prepare a rebuild", "set local lock_timeout = 5000").await?;
                run(&mut self.connection, "prepare a rebuild", "release take_off").await
            }
            // A reader has the table, and the rows go in beside the indexes.
            Err(DatabaseError::Locked { .. }) => {
                self.rebuild.forget(&self.targets[index].table.name);
                run(&mut self.connection, "leave the indexes", "rollback to take_off").await?;
                // Rows written under a savepoint would carry another number than the transaction's.
                run(&mut self.connection, "leave the indexes", "release take_off").await
            }
            Err(error) => Err(error),
        }
    }

    /// Makes `table` ready to be written to, unless nothing is to be written there.
    pub(super) async fn open(
        &mut self,
        index: usize,
        pending: fn(&Target) -> Sql,
    ) -> Result<bool, DatabaseError> {
        if self.bypass.looks_first() && !self.is_direct(index) {
            let pending = pending(&self.targets[index]);
            if self.count(index, pending).await? == 0 {
                return Ok(false);
            }
            self.bypass.open(&mut self.connection, &mut self.rebuild, &self.names[index]).await?;
        }
        Ok(true)
    }

    /// Makes every table ready to be written to.
    pub(in super::super) async fn open_all(&mut self) -> Result<(), DatabaseError> {
        for name in &self.names {
            self.bypass.open(&mut self.connection, &mut self.rebuild, name).await?;
        }
        Ok(())
    }

    /// Writes under foreign keys that the server checks: the rows that it refuses are named as anywhere else.
    pub(super) async fn write_checked(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError> {
        self.bypass.live.demand_unchanged(&mut self.connection, &self.targets[index]).await?;
        run(&mut self.connection, "prepare to write", "savepoint checked").await?;
        let written = self.write_rows(index, rows).await;
        let Err(DatabaseError::Statement { ref sqlstate, .. }) = written else { return written };
        if sqlstate != "23503" {
            return written;
        }
        run(&mut self.connection, "look for the reason", "rollback to checked").await?;
        let live = &self.bypass.live;
        let reasons = live.staged_orphans(&mut self.connection, &self.targets[index]).await?;
        if reasons.is_empty() { written } else { Err(DatabaseError::Orphans { reasons }) }
    }

    pub(super) async fn write_rows(&mut self, index: usize, rows: u64) -> Result<Written, DatabaseError> {
        if let Some(&Some(inserted)) = self.direct.get(index) {
            self.remember(index, true, 0, inserted);
            self.rebuild.put_back_indexes(&mut self.connection, &self.names[index]).await?;
            return Ok(Written { inserted, updated: 0 });
        }
        let target = &self.targets[index];
        if !target.comes_in_few && self.is_empty(index).await? {
            let insert_all = statements::insert_all(&self.targets[index]);
            self.take_off_indexes(index, rows).await?;
            let inserted = self.write(index, "insert", insert_all).await?;
            self.remember(index, true, 0, inserted);
            self.rebuild.put_back_indexes(&mut self.connection, &self.names[index]).await?;
            return Ok(Written { inserted, updated: 0 });
        }
        let (moved, back) = self.move_rows(index).await?;
        let target = &self.targets[index];
        let (mut update, mut insert) = (statements::update(target), statements::insert(target));
        let updated = statements::updated(target);
        let images = self.images.clone();
        let mut written = Written::default();
        if let (Some(images), Some(updated)) = (&images, updated) {
            let target = &self.targets[index];
            // By its place a row of one table is found at once, but only by one at a time.
            if target.comes_in_few && !target.table.partitioned {
                let both = images.updating(index, target, &updated, &statements::assignments(target));
                (written.updated, update) = (self.number(index, "update", both).await?, None);
            } else if self.write(index, "keep", images.keeping(index, target, &updated)).await? == 0
                && !self.beyond
            {
                // Beyond these, a row that was repointed has been kept and may differ all the same.
                update = None;
            }
        }
        if let Some(statement) = update {
            written.updated = self.write(index, "update", statement).await?;
        }
        let target = &self.targets[index];
        // Each of the staged rows has met its own, so none is left that the table lacks.
        let none_lacks = !target.key.is_empty() && written.updated == rows;
        written.updated += moved;
        if !none_lacks {
            if let (Some(images), false) = (&images, target.table.key().is_empty()) {
                insert = images.inserting(index, target, &insert);
            }
            // A trigger can have kept some from coming back: the comparison of all rows finds that.
            written.inserted =
                self.write(index, "insert", insert).await?.saturating_sub(moved.saturating_sub(back));
        }
        self.remember(index, false, written.updated, written.inserted);
        Ok(written)
    }

    /// Takes out the rows whose unique values change. Returns how many left, and how many are back already: those of which
    /// not all columns come in.
    async fn move_rows(&mut self, index: usize) -> Result<(u64, u64), DatabaseError> {
        let (target, live) = (&self.targets[index], &self.bypass.live);
        let movable = |statement| live.movable(&self.names[index], statement);
        let note = moved::note(target).and_then(movable);
        let Some(delete) = moved::delete(target).and_then(movable) else { return Ok((0, 0)) };
        let Some(note) = note else {
            return Ok((self.delete(index, "move", Fate::Replaced, delete).await?, 0));
        };
        let insert = moved::insert(target);
        let mut rows = (0, 0);
        if self.write(index, "move", note).await? > 0 {
            rows.0 = self.delete(index, "move", Fate::Replaced, delete).await?;
            rows.1 = self.write(index, "move", insert).await?;
        }
        run(&mut self.connection, "move rows", "drop table pg_temp.tandem_moved").await?;
        Ok(rows)
    }

    async fn is_empty(&mut self, index: usize) -> Result<bool, DatabaseError> {
        let target = &self.targets[index];
        let statement = sql("select {}", &[&counts::is_empty(target)]);
        let is_empty: Result<bool, _> =
            sqlx::query_scalar(statement.into_query()).fetch_one(&mut self.connection).await;
        is_empty.map_err(doing(format!("look into {}", target.table.name)))
    }

    /// Runs a statement that deletes rows, and keeps them when that is asked for.
    pub(super) async fn delete(
        &mut self,
        index: usize,
        verb: &str,
        fate: Fate,
        mut statement: Sql,
    ) -> Result<u64, DatabaseError> {
        if let Some(images) = &self.images {
            statement = images.deleting(index, &self.targets[index], fate, &statement);
        }
        let rows = self.write(index, verb, statement).await?;
        if rows > 0 && fate == Fate::Deleted {
            self.deleted.insert(index);
        }
        self.remember(index, false, rows, 0);
        Ok(rows)
    }

    /// Notes that any table may have been written to.
    pub(super) fn remember_all(&mut self) {
        for index in 0..self.targets.len() {
            self.remember(index, false, 1, 0);
        }
    }

    /// Notes that so many rows of a table were written.
    fn remember(&mut self, index: usize, all_new: bool, replaced: u64, inserted: u64) {
        if replaced + inserted > 0 {
            let target = &self.targets[index];
            let (table, columns) = (target.table.name.clone(), target.stored.clone());
            let key = target.table.key().to_vec();
            let new = Imaged { table, columns, key, all_new, inserted: 0 };
            let imaged = self.imaged.entry(index).or_insert(new);
            imaged.all_new |= all_new;
            imaged.inserted += inserted;
        }
    }

    pub(super) async fn write(
        &mut self,
        index: usize,
        verb: &str,
        statement: Sql,
    ) -> Result<u64, DatabaseError> {
        let done = sqlx::query(statement.into_query()).execute(&mut self.connection).await;
        let table = &self.targets[index].table.name;
        done.map(|done| done.rows_affected()).map_err(doing(format!("{verb} rows of {table}")))
    }

    pub(super) async fn count(&mut self, index: usize, statement: Sql) -> Result<u64, DatabaseError> {
        self.number(index, "compare the", statement).await
    }

    /// The one number that a statement answers with.
    async fn number(&mut self, index: usize, verb: &str, statement: Sql) -> Result<u64, DatabaseError> {
        let number: Result<i64, _> =
            sqlx::query_scalar(statement.into_query()).fetch_one(&mut self.connection).await;
        let table = &self.targets[index].table.name;
        number.map(i64::unsigned_abs).map_err(doing(format!("{verb} rows of {table}")))
    }
}
