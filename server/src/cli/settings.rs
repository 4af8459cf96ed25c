//! Flags → settings by their names; what is not given is left to the environment, the file and the defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tandem::Config;
use tandem::config::ConfigError;

/// Secrets have no flags: other users of the machine can read the arguments of a process.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Settings {
    /// File with settings, instead of ./tandem.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Database of this node, postgres://user@host:port/name; better set DATABASE_URL when it holds a password
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Address and port of the panel and the API [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// What people and peers call this node [default: the host's name]
    #[arg(long)]
    name: Option<String>,
    /// Folder for what is on its way while a sync runs [default: ./tandem-data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// The other nodes: name=url,…
    #[arg(long, value_name = "PEERS")]
    peers: Option<String>,
    /// Folder to take pg_dump from
    #[arg(long, value_name = "FOLDER")]
    pg_bin: Option<String>,
}

impl Settings {
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        let flags = [
            ("DATABASE_URL", &self.database_url),
            ("TANDEM_LISTEN", &self.listen),
            ("TANDEM_NAME", &self.name),
            ("TANDEM_DATA_DIR", &self.data_dir),
            ("TANDEM_PEERS", &self.peers),
            ("TANDEM_PG_BIN", &self.pg_bin),
        ];
        let given: BTreeMap<&'static str, String> =
            flags.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        Config::load(&given, self.config.as_deref())
    }
}
