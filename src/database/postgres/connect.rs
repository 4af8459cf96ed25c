//! Connections: every one of a sync has a name and the same settings, so that text means the same everywhere.

use std::net::IpAddr;

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

    /// The server runs on this machine, as far as its address tells.
    pub(super) fn is_local(&self) -> bool {
        let host = self.options.get_host();
        let is_loopback =
            host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback());
        self.options.get_socket().is_some() || is_loopback || host == "localhost" || host.starts_with('/')
    }

    /// For the connections that are open now.
    pub(super) fn send_at_once(&self) {
        #[cfg(target_os = "linux")]
        super::nodelay::send_at_once(self.options.get_port());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_this_machine_is_known_by_its_address() {
        let is_local = |url: &str| {
            Connector { options: url.parse().unwrap(), password: None, server_version: 150_000 }.is_local()
        };
        for here in ["127.0.0.1", "localhost", "[::1]", "%2Frun%2Fpostgresql"] {
            assert!(is_local(&format!("postgres://me@{here}/shop")), "{here}");
        }
        assert!(is_local("postgres:///shop?host=/run/postgresql&user=me"));
        for elsewhere in ["10.0.0.7", "db.example.com", "[2001:db8::7]"] {
            assert!(!is_local(&format!("postgres://me@{elsewhere}/shop")), "{elsewhere}");
        }
    }
}
