//! Triggers and foreign keys of the target, kept out of the way as the rights allow and put back before the commit.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::affected::Affected;
use super::connect::Connector;
use super::error::doing;
use super::foreign_keys::{self, Key};
use super::live_keys::LiveKeys;
use super::locks;
use super::rebuild::Rebuild;
use super::rights::{Mode, Rights};
use super::triggers::{self, Switch};
use crate::catalog::{Table, TableName};

/// How often it is tried to lock readers out, each time for as long as `lock_timeout`.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Bypass {
    rights: Rights,
    /// Foreign keys that the server checks row by row all the same.
    pub(super) live: LiveKeys,
    /// What fires all the same, by the table whose rows it sees.
    firing: Vec<(TableName, Switch)>,
    /// What was taken off and is to be put back.
    keys: Vec<Key>,
    switches: Vec<Switch>,
    /// The tables that are ready to be written to.
    opened: Vec<TableName>,
}

impl Bypass {
    /// Refuses tables that cannot be written in any order with the rights at hand.
    pub(super) async fn prepare(
        connection: &mut PgConnection,
        connector: &Connector,
        tables: &[Table],
    ) -> Result<Self, DatabaseError> {
        let names: Vec<TableName> = tables.iter().map(|table| table.name.clone()).collect();
        let rights = Rights::of(connection, connector.server_version, &names).await?;
        let mut bypass = Self {
            rights,
            live: LiveKeys::default(),
            firing: Vec::new(),
            keys: Vec::new(),
            switches: Vec::new(),
            opened: Vec::new(),
        };
        bypass.look(connection, &names).await?;
        match bypass.live.cycle(tables) {
            Some(cycle) => Err(bypass.locked_in(&cycle)),
            None => Ok(bypass),
        }
    }

    /// In the transaction that writes, with the tables locked: what was found before may have changed.
    pub(super) async fn begin(
        &mut self,
        connection: &mut PgConnection,
        tables: &[TableName],
    ) -> Result<(), DatabaseError> {
        self.look(connection, tables).await?;
        let text = match self.rights.mode {
            // Triggers do not fire and foreign keys are not enforced row by row: they are checked at the end.
            Mode::Replica => "set local session_replication_role = replica",
            // What waited for the commit would stand in the way of putting foreign keys back.
            Mode::Owner => "set constraints all immediate",
            Mode::Plain => "set constraints all deferred",
        };
        run(connection, text).await
    }

    async fn look(
        &mut self,
        connection: &mut PgConnection,
        tables: &[TableName],
    ) -> Result<(), DatabaseError> {
        if self.rights.mode == Mode::Replica {
            return Ok(());
        }
        let are_ours = self.rights.mode == Mode::Owner;
        let mut keys = foreign_keys::touching(connection, tables).await?;
        keys.retain(|key| key.is_enforced && !(are_ours && key.can_be_remade));
        self.live = LiveKeys(keys);
        self.firing = triggers::firing(connection, tables, are_ours).await?;
        Ok(())
    }

    /// Before the first row of `table` is written. Without a row to write it must not be called: it locks readers out.
    pub(super) async fn open(
        &mut self,
        connection: &mut PgConnection,
        rebuild: &mut Rebuild,
        table: &TableName,
    ) -> Result<(), DatabaseError> {
        if self.rights.mode != Mode::Owner || self.opened.contains(table) {
            return Ok(());
        }
        let mut keys = foreign_keys::touching(connection, std::slice::from_ref(table)).await?;
        keys.retain(|key| key.is_enforced && key.can_be_remade);
        for attempt in 1.. {
            run(connection, "savepoint open_table").await?;
            match take_off(connection, table, &keys).await {
                Ok(switches) => {
                    self.switches.extend(switches);
                    break;
                }
                Err(DatabaseError::Locked { what, .. }) => {
                    run(connection, "rollback to open_table").await?;
                    if attempt == ATTEMPTS {
                        let holder = locks::holder_of(connection, table, &keys).await?;
                        return Err(DatabaseError::Locked { what, holder });
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        run(connection, "release open_table").await?;
        for key in &keys {
            rebuild.remember_key(key);
        }
        self.keys.extend(keys);
        self.opened.push(table.clone());
        Ok(())
    }

    /// Foreign keys of the `touched` tables that lead nowhere. Those that were taken off are asked before they are put
    /// back, because the server would name one row of one of them only.
    pub(super) async fn orphans(
        &mut self,
        connection: &mut PgConnection,
        rebuild: &mut Rebuild,
        affected: &Affected<'_>,
    ) -> Result<Vec<String>, DatabaseError> {
        let touched = &affected.names();
        if self.rights.mode != Mode::Replica {
            let asked = self.keys.drain(..);
            let asked = asked.filter(|key| key.is_valid && key.is_readable && !rebuild.has_proven(key));
            let mut found = foreign_keys::sentences(connection, &asked.collect::<Vec<_>>()).await?;
            found.extend(foreign_keys::orphans_beside_checks(connection, touched).await?);
            if !found.is_empty() {
                return Ok(found);
            }
            run(connection, "set constraints all immediate").await?;
        }
        let remade = rebuild.put_back_foreign_keys(connection).await?;
        triggers::put_back(connection, std::mem::take(&mut self.switches)).await?;
        if self.rights.mode == Mode::Replica || remade.iter().any(|key| !key.is_proven) {
            return foreign_keys::orphans(connection, touched, &remade, affected).await;
        }
        Ok(Vec::new())
    }

    /// Triggers and rules that are simply switched on fire while we write.
    pub(super) fn fires(&self) -> bool {
        self.rights.mode == Mode::Plain
    }

    /// The server's own checks are on and cannot all be taken out of the way.
    pub(super) fn may_load_unordered(&self) -> bool {
        self.rights.mode != Mode::Plain && self.live.is_empty()
    }

    /// Writing nothing must cost nothing: it is found out before anything is taken off.
    pub(super) fn looks_first(&self) -> bool {
        self.rights.mode == Mode::Owner
    }

    pub(super) fn way(&self) -> &'static str {
        self.rights.way()
    }

    /// For the log: what another right would make better, and what happens without it.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Self { rights, live, firing, .. } = self;
        let mut warnings: Vec<String> = rights.warning().into_iter().collect();
        if rights.mode == Mode::Owner {
            warnings.extend(live.0.iter().map(|key| {
                format!(
                    "The foreign key {} of {} to {} cannot be taken off and made again by the role {}: it is checked row by row, and rows that it would change or delete are refused.",
                    key.name, key.child, key.parent, rights.role
                )
            }));
        }
        warnings.extend(firing.iter().map(|(_, switch)| switch.sentence()));
        warnings
    }

    /// What may have changed rows of `table` on their way.
    pub(super) fn suspects(&self, table: &TableName) -> Vec<String> {
        self.firing.iter().filter(|(of, _)| of == table).map(|(_, switch)| switch.title()).collect()
    }

    fn locked_in(&self, cycle: &[TableName]) -> DatabaseError {
        let names: Vec<String> = cycle.iter().map(ToString::to_string).collect();
        DatabaseError::MissingRight {
            what: format!(
                "these tables reference each other by foreign keys that are not deferrable, so no order of writing them fits: {}. The role {} may not set session_replication_role and does not own them",
                names.join(", "),
                self.rights.role
            ),
            remedy: format!("{} Or make one of these keys deferrable.", self.rights.better),
        }
    }
}

async fn take_off(
    connection: &mut PgConnection,
    table: &TableName,
    keys: &[Key],
) -> Result<Vec<Switch>, DatabaseError> {
    for key in keys {
        Rebuild::drop_key(connection, key).await?;
    }
    triggers::switch_off(connection, table).await
}

async fn run(connection: &mut PgConnection, text: &'static str) -> Result<(), DatabaseError> {
    let done = sqlx::query(text).execute(connection).await;
    done.map(|_| ()).map_err(doing("keep triggers and foreign keys out of the way"))
}
