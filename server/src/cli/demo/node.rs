//! A plan → a `tandem serve` of its own process, which ends with this one however that ends.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Url;
use tandem::config::{SETTINGS, Secret};
use tokio::process::{Child, ChildStdin, Command};

use crate::cli::Stop;
use crate::cli::api::Api;
use crate::cli::serve::NODE_LOG;

/// What one node is told.
pub(super) struct Plan<'a> {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) peers: String,
    pub(super) database_url: &'a str,
    pub(super) pg_bin: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) key: &'a str,
    pub(super) password: &'a str,
    pub(super) token: &'a str,
}

/// A running node.
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) password: String,
    pub(super) token: String,
    pub(super) api: Api,
    process: Child,
    /// Closed at the end. Taken out of `process`, whose `wait` would close it at once.
    input: Option<ChildStdin>,
    log: PathBuf,
}

const READY: Duration = Duration::from_secs(60);
/// More than the node takes for itself.
const GONE: Duration = Duration::from_secs(12);

impl Node {
    pub(super) fn start(plan: Plan<'_>) -> Result<Self, Stop> {
        let failed = |error: std::io::Error| Stop::failed(format!("Cannot start {}: {error}.", plan.name));
        let home = plan.folder.join(plan.name.replace(' ', "-").to_lowercase());
        std::fs::create_dir(&home).map_err(failed)?;
        let log = home.join(NODE_LOG);
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        // Neither the settings nor the tandem.toml of whoever starts the demo reach its nodes.
        for name in SETTINGS {
            command.env_remove(name);
        }
        let listen = format!("127.0.0.1:{}", plan.port);
        let mut process = command
            .args(["serve", "--exit-with-parent", "--temporary-home"])
            .current_dir(&home)
            .env("DATABASE_URL", plan.database_url)
            .env("TANDEM_NAME", plan.name)
            .env("TANDEM_LISTEN", &listen)
            .env("TANDEM_DATA_DIR", home.join("data"))
            .env("TANDEM_PEERS", plan.peers)
            .env("TANDEM_PG_BIN", plan.pg_bin)
            .env("SYNC_REGISTRATION_KEY", plan.key)
            .env("TANDEM_ADMIN_PASSWORD", plan.password)
            .env("TANDEM_API_TOKEN", plan.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(failed)?)
            // A group of its own: Ctrl-C on the terminal reaches the demo, which ends its nodes in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let url = Url::parse(&format!("http://{listen}"))
            .map_err(|error| Stop::failed(format!("{listen} is no address: {error}.")))?;
        Ok(Self {
            name: plan.name,
            password: plan.password.to_owned(),
            token: plan.token.to_owned(),
            api: Api::new(url, Secret::new(plan.token))?,
            input: process.stdin.take(),
            process,
            log,
        })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    pub(super) async fn wait_until_ready(&mut self) -> Result<(), Stop> {
        let started = Instant::now();
        while !self.api.is_ready().await {
            let has_ended = self.process.try_wait().is_ok_and(|status| status.is_some());
            if has_ended || started.elapsed() > READY {
                return Err(self.fault("did not start"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Returns when the process ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> Stop {
        match self.process.wait().await {
            Ok(status) => self.fault(&format!("ended by itself ({status})")),
            Err(error) => Stop::failed(format!("{} is lost: {error}.", self.name)),
        }
    }

    /// Closes its input, which it takes as the sign to end, and waits for it.
    pub(super) async fn stop(mut self) {
        drop(self.input.take());
        if tokio::time::timeout(GONE, self.process.wait()).await.is_err()
            && let Err(error) = self.process.kill().await
        {
            tracing::warn!(%error, name = self.name, "cannot end a node of the demo");
        }
    }

    fn fault(&self, what: &str) -> Stop {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(10)..].join("\n");
        Stop::failed(format!("The node {} {what}. The end of its log:\n{end}", self.name))
    }
}

/// Two ports that nobody listens on, the next ones from `first` on.
pub(super) fn free_ports(first: u16) -> Result<[u16; 2], Stop> {
    let candidates = (0..200).map(|step| if first == 0 { 0 } else { first.saturating_add(step) });
    // Held until both are found, so that 0 gives two different ones.
    let held: Vec<TcpListener> =
        candidates.filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).take(2).collect();
    let ports: Vec<u16> =
        held.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port())).collect();
    ports.try_into().map_err(|_too_few: Vec<u16>| {
        Stop::failed(format!("No two free ports from {first} on. Choose another start with --port."))
    })
}
