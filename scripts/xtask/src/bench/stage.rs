//! The release binary → two servers as `tandem demo` makes them, and two nodes on databases of our own there.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::link;
use super::postgres::Database;
use crate::paths::Paths;

const SOURCE: &str = "Source";
/// A second node beside the target's database, which reaches the source over a slow link.
const FAR: &str = "Far target";
const TARGET: &str = "Target";
const TOKEN: &str = "bench-token";
const KEY: &str = "bench-registration-key";
const DATABASE: &str = "bench";

pub(super) struct Stage {
    // In the order in which they have to go: nodes before their servers.
    pub(super) nodes: [Service; 3],
    pub(super) source: Database,
    pub(super) target: Database,
    target_url: String,
    far_url: String,
    tandem: PathBuf,
    _servers: Service,
    folder: Folder,
}

/// Where the nodes keep what is under way; removed at the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("bench: {} is left behind: {error}", self.0.display());
        }
    }
}

/// How one sync went, by the status that it ended with.
pub(super) struct Sync {
    pub(super) seconds: f64,
    pub(super) phase: String,
    pub(super) method: String,
    pub(super) message: String,
    pub(super) rows: u64,
    pub(super) inserted: u64,
    pub(super) written: u64,
    pub(super) archive_bytes: u64,
}

impl Stage {
    /// With a source of `times` 1,100,000 rows.
    pub(super) fn open(paths: &Paths, times: u32) -> Result<Self> {
        let tandem = paths.target.join("release/tandem");
        let servers = Service::start(
            "the two servers",
            Command::new(&tandem).args(["demo", "--no-sync", "--json", "--port", "0"]),
        )?;
        let facts: Value = serde_json::from_str(&servers.first_line).context("the demo said no JSON")?;
        let server = |node: usize| -> Result<Database> {
            let url = facts["nodes"][node]["database_url"].as_str().context("the demo names no database")?;
            Database::at(url)
        };
        println!("bench: filling the source");
        let (target, source) =
            (server(0)?.create_with_tables(DATABASE)?, server(1)?.create_full(DATABASE, times)?);

        let ports = free_ports()?;
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let folder = Folder(std::env::temp_dir().join(format!("tandem-bench-{}", std::process::id())));
        std::fs::create_dir(&folder.0).context("cannot make a temporary folder")?;
        let serve = |name: &str, port: u16, database: &Database, peers: &str| {
            let mut command = Command::new(&tandem);
            command
                .arg("serve")
                .env("DATABASE_URL", database.url())
                .env("TANDEM_NAME", name)
                .env("TANDEM_LISTEN", format!("127.0.0.1:{port}"))
                .env("TANDEM_DATA_DIR", folder.0.join(name))
                .env("TANDEM_PEERS", peers)
                .env("TANDEM_ADMIN_PASSWORD", TOKEN)
                .env("TANDEM_API_TOKEN", TOKEN)
                .env("SYNC_REGISTRATION_KEY", KEY);
            Service::start(name, &mut command)
        };
        let nodes = [
            serve(TARGET, ports[0], &target, &format!("{SOURCE}={}", url(ports[1])))?,
            serve(SOURCE, ports[1], &source, &format!("{TARGET},{FAR}"))?,
            serve(
                FAR,
                ports[2],
                &target,
                &format!("{SOURCE}=http://{}", link::open(([127, 0, 0, 1], ports[1]).into())?),
            )?,
        ];
        let (target_url, far_url) = (url(ports[0]), url(ports[2]));
        Ok(Self { nodes, source, target, target_url, far_url, tandem, _servers: servers, folder })
    }

    /// For what the tools beside us put down.
    pub(super) fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Nothing of the work before is left to be done in the next measurement.
    pub(super) fn settle(&self) -> Result<()> {
        self.source.run("checkpoint")?;
        self.target.run("vacuum analyze; checkpoint")
    }

    /// As a script does it: from the start of the command to its end, verification included.
    pub(super) fn pull(&self) -> Result<Sync> {
        self.pull_by(&self.target_url)
    }

    /// The same from a target that reaches the source over a slow link.
    pub(super) fn pull_slowly(&self) -> Result<Sync> {
        self.pull_by(&self.far_url)
    }

    fn pull_by(&self, target_url: &str) -> Result<Sync> {
        let started = Instant::now();
        let output = Command::new(&self.tandem)
            .args(["sync", "pull", SOURCE, "--json", "--node", target_url])
            .env("TANDEM_API_TOKEN", TOKEN)
            .output()
            .context("cannot run tandem sync")?;
        let seconds = started.elapsed().as_secs_f64();
        let status: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!("tandem sync said no JSON, but: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        Ok(Sync::read(seconds, &status))
    }
}

impl Sync {
    fn read(seconds: f64, status: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let count = |name: &str| status["result"][name].as_u64().unwrap_or_default();
        let error = text(&status["error"]["message"]);
        Self {
            seconds,
            phase: text(&status["phase"]),
            method: text(&status["method"]),
            message: if error.is_empty() { text(&status["message"]) } else { error },
            rows: count("rows"),
            inserted: count("inserted"),
            written: count("inserted") + count("updated") + count("deleted"),
            archive_bytes: count("archive_bytes"),
        }
    }

    pub(super) fn is_verified(&self) -> bool {
        self.phase == "verified"
    }

    pub(super) fn summary(&self) -> String {
        format!("{} ({} of {} rows written): {}", self.phase, self.written, self.rows, self.message)
    }
}

/// A `tandem` that runs until it is dropped.
pub(super) struct Service {
    pub(super) name: String,
    first_line: String,
    process: Child,
}

impl Service {
    /// Returns once it has said its first line.
    fn start(name: &str, command: &mut Command) -> Result<Self> {
        let mut process = command
            .arg("--exit-with-parent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut first_line = String::new();
        let output = process.stdout.take().context("the standard output was piped")?;
        BufReader::new(output).read_line(&mut first_line)?;
        if first_line.is_empty() {
            bail!("{name} did not start");
        }
        Ok(Self { name: name.to_owned(), first_line, process })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            eprintln!("bench: cannot wait for the end of {}: {error}", self.name);
        }
    }
}

fn free_ports() -> Result<[u16; 3]> {
    // All are held until all are known, so that they differ.
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.as_ref().map_err(|error| anyhow!("no free port: {error}"))?.local_addr()?.port();
    }
    Ok(ports)
}
