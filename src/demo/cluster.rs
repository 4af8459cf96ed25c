//! A folder and a free port -> a private PostgreSQL server of which nothing outlives the process that started it.
//!
//! However that process ends (return, panic, Ctrl-C, `kill -9`), the pipe that it holds to a watchdog is closed by the
//! kernel; the watchdog then stops the server and removes the folder. `Drop` does nothing else, it only waits for it.
//! Only when the watchdog is killed as well does a folder stay behind; should somebody remove that, the server notices
//! within a minute that its lock file is gone and ends by itself.

use std::fs::{DirBuilder, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tracing::warn;

use super::programs::{Programs, temporary_folder, unprivileged_user};
use crate::sql::{Ident, sql};

/// A running private server with one superuser, reached by [`Cluster::url`]. Stops when dropped.
pub struct Cluster {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    password: String,
    server: Option<Child>,
    watchdog: Child,
}

#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// The folder with initdb and postgres; looked for when not given.
    pub pg_bin: Option<PathBuf>,
    pub purpose: Purpose,
    /// Of the server, besides those for the purpose: `name=value`.
    pub settings: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Purpose {
    /// As a real server: durable, passwords by SCRAM.
    #[default]
    Demo,
    /// Fast: nothing waits for a disk, passwords are compared at once, nothing is vacuumed behind a test's back.
    Test,
}

/// A private server that could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "PostgreSQL's server programs (initdb, postgres, pg_ctl) are not in {place}. \
         Install them: apt-get install postgresql"
    )]
    Missing { place: String },
    #[error(
        "PostgreSQL's server does not run as root, and there is no user `postgres` or `nobody` to run it as. \
         Install it: apt-get install postgresql"
    )]
    NoUser,
    #[error("cannot use {}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot run {program}")]
    Run { program: &'static str, source: std::io::Error },
    #[error("{program} failed: {output}")]
    Failed { program: &'static str, output: String },
    #[error("cannot create the database {name}")]
    Create { name: String, source: sqlx::Error },
    #[error("the operating system gives no random numbers")]
    Random(#[source] getrandom::Error),
    #[error("the PostgreSQL server did not start: {log}")]
    NotReady { log: String },
}

const SUPERUSER: &str = "postgres";
const START_LIMIT: Duration = Duration::from_secs(60);

impl Cluster {
    /// Makes a new cluster in a temporary folder and starts it on 127.0.0.1; about a second.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let (folder, owner) = make_folder()?;
        // From here on the folder is removed whatever happens: first by this guard, then by the watchdog.
        let unwatched = RemoveOnDrop(&folder);
        let user = if owner == 0 { Some(unprivileged_user()?) } else { None };
        if let Some(user) = user {
            chown(&folder, Some(user.uid), Some(user.gid))
                .map_err(|source| ClusterError::Folder { path: folder.clone(), source })?;
        }
        let programs = Programs::find(options.pg_bin.as_deref(), user)?;
        let watchdog = start_watchdog(&programs, &folder)?;
        std::mem::forget(unwatched);

        let mut cluster =
            Self { programs, folder, port: 0, password: random_digits()?, server: None, watchdog };
        cluster.init(options.purpose).await?;
        cluster.serve(&options).await?;
        Ok(cluster)
    }

    /// The address of one of its databases, password included.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The folder of its programs: psql, pg_dump and so on.
    pub fn bin(&self) -> &Path {
        self.programs.bin()
    }

    /// A command that runs one of its programs, deaf to PGHOST and the like; input and output lead nowhere.
    pub fn command(&self, program: &str) -> Command {
        self.programs.command(program, &self.folder)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database.
    pub async fn create_database(&self, name: &str) -> Result<(), ClusterError> {
        self.create(name, "template0").await
    }

    /// Makes a copy of a database to which nobody is connected.
    pub async fn create_database_from(&self, template: &str, name: &str) -> Result<(), ClusterError> {
        self.create(name, template).await
    }

    async fn create(&self, name: &str, template: &str) -> Result<(), ClusterError> {
        let failed = |source| ClusterError::Create { name: name.to_owned(), source };
        let mut connection = PgConnection::connect(&self.url("postgres")).await.map_err(failed)?;
        let statement = sql("create database {} template {}", &[&Ident(name), &Ident(template)]);
        sqlx::query(statement.into_query()).execute(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)
    }

    /// Stops the server and removes its folder.
    pub async fn stop(self) {
        if let Err(error) = tokio::task::spawn_blocking(move || drop(self)).await {
            warn!(%error, "the private PostgreSQL server was not stopped in order");
        }
    }

    async fn init(&self, purpose: Purpose) -> Result<(), ClusterError> {
        let password_file = self.folder.join("password");
        let write = |path: &Path| -> std::io::Result<()> {
            std::fs::write(path, &self.password)?;
            // The folder lets only its owner in; inside, the server's user must be able to read it.
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        };
        write(&password_file)
            .map_err(|source| ClusterError::Folder { path: password_file.clone(), source })?;

        let host_auth = match purpose {
            Purpose::Demo => "--auth-host=scram-sha-256",
            Purpose::Test => "--auth-host=password",
        };
        let mut command = self.programs.command("initdb", &self.folder);
        command.args(["--pgdata=data", "--pwfile=password", "--username", SUPERUSER]).args([
            "--auth-local=trust",
            host_auth,
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        finish("initdb", command).await?;
        std::fs::remove_file(&password_file)
            .map_err(|source| ClusterError::Folder { path: password_file, source })
    }

    /// Starts the server on a free port. Another program may take the port between our look and the server's, so a
    /// server that could not have it is started again on the next.
    async fn serve(&mut self, options: &ClusterOptions) -> Result<(), ClusterError> {
        for _ in 0..5 {
            self.port = free_port()?;
            self.server = Some(self.spawn_server(options)?);
            if self.wait_until_ready().await? {
                return Ok(());
            }
        }
        Err(ClusterError::NotReady { log: self.log_end() })
    }

    fn spawn_server(&self, options: &ClusterOptions) -> Result<Child, ClusterError> {
        let log_path = self.log_path();
        let folder_error = |source| ClusterError::Folder { path: log_path.clone(), source };
        let log = File::create(&log_path).map_err(folder_error)?;
        let mut command = self.programs.command("postgres", &self.folder);
        command
            .args(["-D", "data", "-p", &self.port.to_string(), "-h", "127.0.0.1", "-k"])
            .arg(&self.folder)
            .args(["-c", "max_connections=200"]);
        if options.purpose == Purpose::Test {
            let settings =
                ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "jit=off"];
            command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        }
        command.args(options.settings.iter().flat_map(|setting| ["-c", setting]));
        command
            .stderr(Stdio::from(log))
            .spawn()
            .map_err(|source| ClusterError::Run { program: "postgres", source })
    }

    /// True when it answers, false when somebody else has its port.
    async fn wait_until_ready(&mut self) -> Result<bool, ClusterError> {
        let url = self.url("postgres");
        let started = Instant::now();
        loop {
            if let Ok(connection) = PgConnection::connect(&url).await {
                // Not an error: the answer is what was asked for.
                if let Err(error) = connection.close().await {
                    warn!(%error, "the first connection to the private PostgreSQL server did not close");
                }
                return Ok(true);
            }
            if self.has_ended()? {
                let log = self.log_end();
                let port_taken = log.contains("could not bind");
                return if port_taken { Ok(false) } else { Err(ClusterError::NotReady { log }) };
            }
            if started.elapsed() > START_LIMIT {
                return Err(ClusterError::NotReady { log: self.log_end() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn has_ended(&mut self) -> Result<bool, ClusterError> {
        let Some(server) = &mut self.server else { return Ok(true) };
        let status = server.try_wait().map_err(|source| ClusterError::Run { program: "postgres", source })?;
        Ok(status.is_some())
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        if let Err(error) = self.watchdog.wait() {
            warn!(%error, "cannot wait for the watchdog of the private PostgreSQL server");
        }
        if let Some(server) = &mut self.server {
            // It has ended by now, unless pg_ctl could not do it; without `wait` it stays as a zombie.
            if let Err(error) = server.kill().and_then(|()| server.wait()) {
                warn!(%error, "cannot end the private PostgreSQL server");
            }
        }
    }
}

/// Starts the process that cleans up when the pipe to its input is closed.
///
/// `xargs` reads its input to the end and then runs one command with what it read; here `find`, whose `-exec` runs
/// two programs one after the other. Neither needs a shell, and both are on every machine that has PostgreSQL.
fn start_watchdog(programs: &Programs, folder: &Path) -> Result<Child, ClusterError> {
    let mut command = programs.any_command("xargs", Path::new("/"));
    let mut watchdog = command
        .args(["find".as_ref(), folder.as_os_str()])
        .args(["-maxdepth", "0", "(", "-exec"])
        .arg(programs.bin().join("pg_ctl"))
        .args(["stop", "--mode=immediate", "--silent", "--pgdata"])
        .arg(folder.join("data"))
        // A server that never started cannot be stopped; its folder is removed all the same.
        .args([";", "-o", "-true", ")", "-exec", "rm", "-rf", "{}", ";"])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|source| ClusterError::Run { program: "xargs", source })?;
    if let Some(input) = &mut watchdog.stdin {
        // BSD's xargs runs nothing when it has read nothing, so it gets one more word for `find`: a test that is true.
        input.write_all(b"-true\n").map_err(|source| ClusterError::Run { program: "xargs", source })?;
    }
    Ok(watchdog)
}

/// A new folder that only its owner can enter, and its owner.
fn make_folder() -> Result<(PathBuf, u32), ClusterError> {
    let path = temporary_folder().join(format!("tandem-{}", &random_digits()?[..12]));
    let make = || {
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(std::fs::metadata(&path)?.uid())
    };
    match make() {
        Ok(owner) => Ok((path, owner)),
        Err(source) => Err(ClusterError::Folder { path, source }),
    }
}

struct RemoveOnDrop<'a>(&'a Path);

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(self.0) {
            warn!(%error, folder = %self.0.display(), "cannot remove a temporary folder");
        }
    }
}

/// 32 hexadecimal digits that nobody can guess.
fn random_digits() -> Result<String, ClusterError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(ClusterError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn free_port() -> Result<u16, ClusterError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| ClusterError::Run { program: "postgres", source })
}

/// Runs a command to its end; what it printed is part of the error.
async fn finish(program: &'static str, command: Command) -> Result<(), ClusterError> {
    let mut command = tokio::process::Command::from(command);
    let output = command
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| ClusterError::Run { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(ClusterError::Failed { program, output: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}
