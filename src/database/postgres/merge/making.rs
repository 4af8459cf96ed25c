//! The merge of rows into tables that are made in the same transaction.

use sqlx::postgres::PgConnection;

use super::super::super::DatabaseError;
use super::super::bypass::Bypass;
use super::super::connect::Connector;
use super::super::images::Images;
use super::super::rebuild::Rebuild;
use super::super::stages::Staged;
use super::super::statements::Target;
use super::super::{catalog, initialise, locks};
use super::{PostgresMerge, run};
use crate::catalog::{Making, Table};

impl PostgresMerge {
    /// Opens the transaction and makes the tables that the target lacks: nobody sees them, so rows go straight in.
    pub(super) async fn prepare_making(
        mut connection: PgConnection,
        connector: &Connector,
        staged: &[Staged],
        making: &Making,
        images: Option<Images>,
    ) -> Result<Self, DatabaseError> {
        run(&mut connection, "open the transaction", "begin").await?;
        initialise::make(&mut connection, making).await?;
        let now = catalog::read(&mut connection).await?;
        let mut rebuild = Rebuild::default();
        for (table, key, definition) in initialise::foreign_keys(making) {
            rebuild.remember_new(table, key, &definition);
        }
        let mut staged = staged.to_vec();
        for Staged { incoming, .. } in &mut staged {
            let name = incoming.table.name.clone();
            // As the database describes what was made, not as the source does.
            incoming.table = now.table(&name).cloned().ok_or(DatabaseError::Changed { table: name })?;
        }
        let targets = Target::all(&mut connection, &staged).await?;
        let tables: Vec<Table> = targets.iter().map(|target| target.table.clone()).collect();
        let direct = tables.iter().map(|table| making.makes(&table.name).then_some(0)).collect();
        let bypass = Bypass::prepare(&mut connection, connector, &tables).await?;
        let mut merge =
            Self { rebuild, direct, makes_tables: true, ..Self::new(connection, targets, bypass, images) };
        merge.set_up().await?;
        Ok(merge)
    }

    /// Locks the tables that were there before, in the transaction that is open already.
    pub(super) async fn lock_others(&mut self) -> Result<(), DatabaseError> {
        let there = self.targets.iter().zip(&self.direct).filter(|(_, direct)| direct.is_none());
        let there: Vec<&Target> = there.map(|(target, _)| target).collect();
        locks::lock_more(&mut self.connection, &there).await?;
        locks::demand_same_tables(&mut self.connection, there).await
    }
}
