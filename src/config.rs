//! Every setting once: name, default, meaning; the only reader of the environment.
//!
//! Flag > environment > `tandem.toml` > default.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use url::Url;

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
    pub scope: ScopeSettings,
    /// `SYNC_BATCH_SIZE`, 500: rows of one JSON message, with the method `rows`.
    pub batch_size: usize,
}

/// By which tables and columns a sync of a part knows the part; what is not set is found by its usual name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSettings {
    /// `TANDEM_BUSINESS_TABLE`: whose rows are the businesses that share the database, `schema.table` or `table`.
    pub business_table: Option<String>,
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
pub const SETTINGS: [&str; 13] = [
    "DATABASE_URL",
    "TANDEM_LISTEN",
    "TANDEM_NAME",
    "TANDEM_DATA_DIR",
    "SYNC_REGISTRATION_KEY",
    "TANDEM_ADMIN_PASSWORD",
    "TANDEM_API_TOKEN",
    "TANDEM_PEERS",
    "TANDEM_PG_BIN",
    "TANDEM_BUSINESS_TABLE",
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
            scope: ScopeSettings {
                business_table: setting("TANDEM_BUSINESS_TABLE"),
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

fn parse_listen(text: Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = text.unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    text.parse().map_err(|error| {
        wrong(
            "TANDEM_LISTEN",
            format!("`{text}` is not an address and port such as 127.0.0.1:3000 ({error})"),
        )
    })
}

/// `tandem.toml` has the same names as the environment, in lower case or as they are.
fn read_file(path: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigError> {
    let chosen = path.unwrap_or(Path::new("tandem.toml"));
    let text = match std::fs::read_to_string(chosen) {
        Ok(text) => text,
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(source) => return Err(ConfigError::File { path: chosen.to_owned(), source }),
    };
    let table: toml::Table = text.parse().map_err(|error| wrong("tandem.toml", format!("{error}")))?;
    table
        .into_iter()
        .map(|(key, value)| {
            let name = key.to_uppercase();
            if !SETTINGS.contains(&name.as_str()) {
                return Err(wrong(
                    &key,
                    format!("tandem.toml knows no such setting; it knows {}", SETTINGS.join(", ")),
                ));
            }
            match value {
                toml::Value::String(text) => Ok((name, text)),
                other => Ok((name, other.to_string())),
            }
        })
        .collect()
}

fn check_database_url(text: &str) -> Result<(), ConfigError> {
    if text.starts_with("sqlite:") {
        return Err(wrong(
            "DATABASE_URL",
            "SQLite files cannot be synced yet; use a postgres:// address".to_owned(),
        ));
    }
    // The value may hold a password: the message must not repeat it.
    let url =
        Url::parse(text).map_err(|error| wrong("DATABASE_URL", format!("it is not an address ({error})")))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(wrong("DATABASE_URL", format!("`{}:` is not supported; use postgres://…", url.scheme())));
    }
    if url.path().trim_start_matches('/').is_empty() {
        return Err(wrong("DATABASE_URL", "it names no database; add /name at the end".to_owned()));
    }
    Ok(())
}

fn parse_batch_size(text: Option<String>) -> Result<usize, ConfigError> {
    let Some(text) = text else { return Ok(500) };
    text.parse()
        .ok()
        .filter(|size| (1..=100_000).contains(size))
        .ok_or_else(|| wrong("SYNC_BATCH_SIZE", format!("`{text}` is not a number of rows from 1 to 100000")))
}

fn parse_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn parse_peers(text: &str, own_name: &str) -> Result<Vec<PeerAddress>, ConfigError> {
    let mut peers: Vec<PeerAddress> = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, url) = match entry.split_once('=') {
            Some((name, url)) => (name.trim(), Some(parse_peer_url(name.trim(), url.trim())?)),
            None => (entry, None),
        };
        check_peer_name("TANDEM_PEERS", name)?;
        if name == own_name {
            return Err(wrong(
                "TANDEM_PEERS",
                format!("`{name}` is the name of this node itself (TANDEM_NAME)"),
            ));
        }
        if peers.iter().any(|peer| peer.name == name) {
            return Err(wrong("TANDEM_PEERS", format!("`{name}` is listed twice")));
        }
        peers.push(PeerAddress { name: name.to_owned(), url });
    }
    Ok(peers)
}

fn parse_peer_url(name: &str, text: &str) -> Result<Url, ConfigError> {
    parse_url("TANDEM_PEERS", &format!("the address of `{name}`"), text)
}

fn parse_url(setting: &str, what: &str, text: &str) -> Result<Url, ConfigError> {
    let bad = |reason: &str| wrong(setting, format!("{what} {reason}"));
    let url = Url::parse(text).map_err(|error| bad(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("must start with http:// or https:// and name a host"));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(bad("must be scheme, host and port only"));
    }
    Ok(url)
}

/// Peer names travel in HTTP headers and stand in URLs, logs and pages.
fn check_peer_name(setting: &str, name: &str) -> Result<(), ConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
        return Err(wrong(
            setting,
            format!("`{}` is not a name: use 1 to 63 letters, digits, spaces and - _ .", name.escape_debug()),
        ));
    }
    Ok(())
}

fn host_name() -> String {
    std::fs::read_to_string("/etc/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| check_peer_name("", name).is_ok())
        .unwrap_or_else(|| "tandem".to_owned())
}

fn wrong(name: &str, reason: String) -> ConfigError {
    ConfigError::Wrong { name: name.to_owned(), reason }
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
            ("DATABASE_URL", "postgres://u:hunter2@h", "names no database"),
            ("DATABASE_URL", "hunter2", "DATABASE_URL"),
            ("TANDEM_PEERS", "a=ftp://x", "http://"),
            ("TANDEM_PEERS", "a=http://u:hunter2@x", "scheme, host and port"),
            ("TANDEM_PEERS", "a,a", "twice"),
            ("TANDEM_NAME", "a\nb", "TANDEM_NAME"),
            ("SYNC_BATCH_SIZE", "0", "SYNC_BATCH_SIZE"),
            ("SYNC_REGISTRATION_KEY", "short", "16 characters"),
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
