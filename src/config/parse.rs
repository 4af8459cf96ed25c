//! The text of a setting -> its value, or the sentence that says what is wrong with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use url::Url;

use super::{ConfigError, PeerAddress, SETTINGS};

pub(super) fn parse_listen(text: Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = text.unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    text.parse().map_err(|error| {
        wrong(
            "TANDEM_LISTEN",
            format!("`{text}` is not an address and port such as 127.0.0.1:3000 ({error})"),
        )
    })
}

pub(super) fn parse_number(
    name: &str,
    text: Option<String>,
    default: u32,
    most: u32,
) -> Result<u32, ConfigError> {
    let Some(text) = text else { return Ok(default) };
    text.parse()
        .ok()
        .filter(|number| *number <= most)
        .ok_or_else(|| wrong(name, format!("`{text}` is not a whole number from 0 to {most}")))
}

/// `tandem.toml` has the same names as the environment, in lower case or as they are.
pub(super) fn read_file(path: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigError> {
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

pub(super) fn check_database_url(text: &str) -> Result<(), ConfigError> {
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

pub(super) fn parse_switch(name: &str, text: &str) -> Result<bool, ConfigError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(wrong(name, format!("`{other}` is neither true nor false"))),
    }
}

pub(super) fn parse_batch_size(text: Option<String>) -> Result<usize, ConfigError> {
    let Some(text) = text else { return Ok(500) };
    text.parse()
        .ok()
        .filter(|size| (1..=100_000).contains(size))
        .ok_or_else(|| wrong("SYNC_BATCH_SIZE", format!("`{text}` is not a number of rows from 1 to 100000")))
}

pub(super) fn parse_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

pub(super) fn parse_peers(text: &str, own_name: &str) -> Result<Vec<PeerAddress>, ConfigError> {
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

pub(super) fn parse_peer_url(name: &str, text: &str) -> Result<Url, ConfigError> {
    parse_url("TANDEM_PEERS", &format!("the address of `{name}`"), text)
}

pub(super) fn parse_url(setting: &str, what: &str, text: &str) -> Result<Url, ConfigError> {
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
pub(super) fn check_peer_name(setting: &str, name: &str) -> Result<(), ConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
        return Err(wrong(
            setting,
            format!("`{}` is not a name: use 1 to 63 letters, digits, spaces and - _ .", name.escape_debug()),
        ));
    }
    Ok(())
}

pub(super) fn host_name() -> String {
    std::fs::read_to_string("/etc/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| check_peer_name("", name).is_ok())
        .unwrap_or_else(|| "tandem".to_owned())
}

pub(super) fn wrong(name: &str, reason: String) -> ConfigError {
    ConfigError::Wrong { name: name.to_owned(), reason }
}
