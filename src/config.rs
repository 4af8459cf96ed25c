//! Every setting once: name, default, meaning; the only reader of the environment.
//!
//! Flag > environment > `tandem.toml` > default.

mod parse;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;

use parse::{
    check_database_url, check_peer_name, host_name, parse_batch_size, parse_list, parse_listen, parse_number,
    parse_peers, parse_switch, parse_url, read_file, wrong,
};

/// A checked configuration.
#[derive(Clone)]
pub struct Config {
    /// `DATABASE_URL`: `postgres://user:password@host:port/database`.
    pub database_url: Secret,
    /// `TANDEM_LISTEN`, 127.0.0.1:3000.
    pub listen: SocketAddr,
    /// `TANDEM_NAME`, the host's name: what people and peers call this node.
    pub name: String,
    /// `TANDEM_DATA_DIR`, `./tandem-data`: spool files live here while a sync runs.
    pub data_dir: PathBuf,
    /// `SYNC_REGISTRATION_KEY`: the secret that all peers share; without it no peer is talked to.
    pub registration_key: Option<Secret>,
    /// `TANDEM_ADMIN_PASSWORD`; generated and printed once when unset.
    pub admin_password: Option<Secret>,
    /// `TANDEM_API_TOKEN`: what scripts send as `Authorization: Bearer …`; without it only the panel login works.
    pub api_token: Option<Secret>,
    /// `TANDEM_PEERS`: `name=url,…`; a bare `name` is a peer that calls us and cannot be called.
    pub peers: Vec<PeerAddress>,
    /// `TANDEM_PG_BIN`: the folder to take pg_dump from, before all others.
    pub pg_bin: Option<PathBuf>,
    /// `TANDEM_UNDO_DAYS`, 7: for so long a sync can be undone; 0 keeps nothing for it.
    pub undo_days: u32,
    /// `TANDEM_UNDO_MB`, 2048: a sync that replaces more than so many megabytes of rows cannot be undone.
    pub undo_mb: u32,
    /// `TANDEM_ALLOW_INITIALISE`: whether a sync may make tables here. Unset: one that was started here may.
    pub allow_initialise: Option<bool>,
    pub scope: ScopeSettings,
    /// `SYNC_BATCH_SIZE`, 500: rows of one JSON message, with the method `rows`.
    pub batch_size: usize,
}

/// By which tables and columns a sync of a part knows the part; what is not set is found by its usual name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSettings {
    /// `TANDEM_BUSINESS_TABLE`: whose rows are the businesses that share the database, `schema.table` or `table`.
    pub business_table: Option<String>,
    /// `TANDEM_BUSINESS_COLUMN`: the column of other tables that names the business of a row, with or without a foreign key.
    pub business_column: Option<String>,
    /// `TANDEM_DEMO_COLUMN`: a boolean of that table.
    pub demo_column: Option<String>,
    /// `TANDEM_AUDIT_TABLES`: globs; empty stands for the usual names.
    pub audit_tables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    pub name: String,
    pub url: Option<Url>,
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name} is not set. {hint}")]
    Missing { name: &'static str, hint: &'static str },
    #[error("{name} cannot be used: {reason}")]
    Wrong { name: String, reason: String },
    #[error("cannot read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
}

/// The settings, their names and what they mean, in the order of the README.
pub const SETTINGS: [&str; 17] = [
    "DATABASE_URL",
    "TANDEM_LISTEN",
    "TANDEM_NAME",
    "TANDEM_DATA_DIR",
    "SYNC_REGISTRATION_KEY",
    "TANDEM_ADMIN_PASSWORD",
    "TANDEM_API_TOKEN",
    "TANDEM_PEERS",
    "TANDEM_PG_BIN",
    "TANDEM_UNDO_DAYS",
    "TANDEM_UNDO_MB",
    "TANDEM_ALLOW_INITIALISE",
    "TANDEM_BUSINESS_TABLE",
    "TANDEM_BUSINESS_COLUMN",
    "TANDEM_DEMO_COLUMN",
    "TANDEM_AUDIT_TABLES",
    "SYNC_BATCH_SIZE",
];

impl Config {
    /// Reads the settings from `flags` (by setting name), the environment and `file`, in this order.
    /// Without `file`, `tandem.toml` in the working directory is read if it is there.
    pub fn load(flags: &BTreeMap<&'static str, String>, file: Option<&Path>) -> Result<Self, ConfigError> {
        let from_file = read_file(file)?;
        let setting = |name: &str| find(name, flags, &from_file);
        let secret = |name| setting(name).map(Secret);

        let database_url = setting("DATABASE_URL").ok_or(ConfigError::Missing {
            name: "DATABASE_URL",
            hint: "Set it to the database that this node keeps in sync: postgres://user:password@host:5432/database",
        })?;
        check_database_url(&database_url)?;

        let listen = parse_listen(setting("TANDEM_LISTEN"))?;

        let name = setting("TANDEM_NAME").unwrap_or_else(host_name);
        check_peer_name("TANDEM_NAME", &name)?;

        let registration_key = secret("SYNC_REGISTRATION_KEY");
        if registration_key.as_ref().is_some_and(|key| key.0.len() < 16) {
            return Err(wrong("SYNC_REGISTRATION_KEY", "it must have at least 16 characters".to_owned()));
        }

        Ok(Self {
            database_url: Secret(database_url),
            listen,
            data_dir: PathBuf::from(setting("TANDEM_DATA_DIR").unwrap_or_else(|| "tandem-data".to_owned())),
            registration_key,
            admin_password: secret("TANDEM_ADMIN_PASSWORD"),
            api_token: secret("TANDEM_API_TOKEN"),
            peers: parse_peers(&setting("TANDEM_PEERS").unwrap_or_default(), &name)?,
            pg_bin: setting("TANDEM_PG_BIN").map(PathBuf::from),
            undo_days: parse_number("TANDEM_UNDO_DAYS", setting("TANDEM_UNDO_DAYS"), 7, 3650)?,
            undo_mb: parse_number("TANDEM_UNDO_MB", setting("TANDEM_UNDO_MB"), 2048, 1 << 30)?,
            allow_initialise: setting("TANDEM_ALLOW_INITIALISE")
                .map(|text| parse_switch("TANDEM_ALLOW_INITIALISE", &text))
                .transpose()?,
            scope: ScopeSettings {
                business_table: setting("TANDEM_BUSINESS_TABLE"),
                business_column: setting("TANDEM_BUSINESS_COLUMN"),
                demo_column: setting("TANDEM_DEMO_COLUMN"),
                audit_tables: parse_list(&setting("TANDEM_AUDIT_TABLES").unwrap_or_default()),
            },
            batch_size: parse_batch_size(setting("SYNC_BATCH_SIZE"))?,
            name,
        })
    }
}

/// Where the command line finds a running node, and what it shows there.
#[derive(Debug, Clone)]
pub struct NodeAccess {
    pub url: Url,
    /// `TANDEM_API_TOKEN`
    pub api_token: Secret,
}

impl NodeAccess {
    /// Takes `node` as the address, or else the one that this machine's node listens on.
    pub fn load(node: Option<&str>, file: Option<&Path>) -> Result<Self, ConfigError> {
        let from_file = read_file(file)?;
        let setting = |name: &str| find(name, &BTreeMap::new(), &from_file);
        let url = match node {
            Some(url) => parse_url("--node", "the address", url)?,
            None => {
                let mut listen = parse_listen(setting("TANDEM_LISTEN"))?;
                if listen.ip().is_unspecified() {
                    listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
                }
                parse_url("TANDEM_LISTEN", "the address", &format!("http://{listen}"))?
            }
        };
        let api_token = setting("TANDEM_API_TOKEN").map(Secret).ok_or(ConfigError::Missing {
            name: "TANDEM_API_TOKEN",
            hint: "Give the node and this command the same value",
        })?;
        Ok(Self { url, api_token })
    }
}

/// Flag, environment, file: the first that has a value.
fn find(
    name: &str,
    flags: &BTreeMap<&'static str, String>,
    from_file: &BTreeMap<String, String>,
) -> Option<String> {
    flags
        .get(name)
        .cloned()
        .or_else(|| std::env::var(name).ok())
        .or_else(|| from_file.get(name).cloned())
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(settings: &[(&'static str, &str)]) -> Result<Config, String> {
        let mut flags = BTreeMap::from([("DATABASE_URL", "postgres://app:pw@localhost/shop".to_owned())]);
        flags.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Config::load(&flags, None).map_err(|error| error.to_string())
    }

    #[test]
    fn peers_are_names_with_or_without_an_address() {
        let config = load(&[("TANDEM_PEERS", "Harbour Branch=http://10.8.0.12:3000, terminal-7")]).unwrap();
        assert_eq!(config.peers[0].name, "Harbour Branch");
        assert_eq!(config.peers[0].url.as_ref().unwrap().as_str(), "http://10.8.0.12:3000/");
        assert_eq!(config.peers[1], PeerAddress { name: "terminal-7".to_owned(), url: None });
    }

    #[test]
    fn a_wrong_value_names_its_setting_and_no_secret() {
        for (name, value, part) in [
            ("TANDEM_LISTEN", "3000", "TANDEM_LISTEN"),
            ("DATABASE_URL", "mysql://u:hunter2@h/d", "mysql"),
            ("DATABASE_URL", "sqlite:hunter2.db", "SQLite files cannot be synced yet"),
            ("DATABASE_URL", "postgres://u:hunter2@h", "names no database"),
            ("DATABASE_URL", "hunter2", "DATABASE_URL"),
            ("TANDEM_PEERS", "a=ftp://x", "http://"),
            ("TANDEM_PEERS", "a=http://u:hunter2@x", "scheme, host and port"),
            ("TANDEM_PEERS", "a,a", "twice"),
            ("TANDEM_NAME", "a\nb", "TANDEM_NAME"),
            ("SYNC_BATCH_SIZE", "0", "SYNC_BATCH_SIZE"),
            ("SYNC_REGISTRATION_KEY", "short", "16 characters"),
            ("TANDEM_UNDO_DAYS", "a week", "TANDEM_UNDO_DAYS"),
            ("TANDEM_UNDO_MB", "-1", "TANDEM_UNDO_MB"),
            ("TANDEM_ALLOW_INITIALISE", "yes", "neither true nor false"),
        ] {
            let error = load(&[(name, value)]).err().unwrap();
            assert!(error.contains(part), "{name}={value}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
