//! Connections: every one of a sync has a name and the same settings, so that text means the same everywhere.

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::super::DatabaseError;
use super::error;
use crate::config::Secret;
use crate::model::SessionId;

/// The settings that decide how values look as text, and how long things wait (milliseconds where no unit stands).
/// Also given to pg_dump.
pub(super) const SETTINGS: [(&str, &str); 13] = [
    ("timezone", "UTC"),
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "3"),
    ("lc_monetary", "C"),
    ("xmloption", "content"),
    // Nothing that a user made is found by accident.
    ("search_path", "pg_catalog,pg_temp"),
    // A policy becomes an error, never a short read.
    ("row_security", "off"),
    ("statement_timeout", "0"),
    ("lock_timeout", "5000"),
    // The connection that holds a snapshot is idle for as long as the export lasts.
    ("idle_in_transaction_session_timeout", "0"),
    ("standard_conforming_strings", "on"),
];

/// What ends the connections of every sync.
pub(super) const NAME_PREFIX: &str = "tandem/";

pub(super) fn session_name(session: &SessionId) -> String {
    format!("{NAME_PREFIX}{session}")
}

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) options: PgConnectOptions,
    /// sqlx does not give it back; pg_dump needs it.
    pub(super) password: Option<Secret>,
    /// 150018 is 15.18.
    pub(super) server_version: u32,
}

impl Connector {
    /// A connection of the session's own, with the settings above.
    pub(super) async fn open(&self, session: &SessionId) -> Result<PgConnection, DatabaseError> {
        self.open_named(&session_name(session)).await
    }

    pub(super) async fn open_named(&self, name: &str) -> Result<PgConnection, DatabaseError> {
        let mut options = self.options.clone().application_name(name).options(SETTINGS);
        if self.server_version >= 140_000 {
            // A statement whose process has died must not go on and commit.
            options = options.options([("client_connection_check_interval", "1000")]);
        }
        let connection = options.connect().await.map_err(|cause| error::connecting(&cause))?;
        self.send_at_once();
        Ok(connection)
    }

    /// For the connections that are open now.
    pub(super) fn send_at_once(&self) {
        #[cfg(target_os = "linux")]
        super::nodelay::send_at_once(self.options.get_port());
    }
}
