//! The command line: its words, its exit codes, its log.

pub(crate) mod api;
pub(crate) mod demo;
pub(crate) mod doctor;
mod follow;
pub(crate) mod history;
mod output;
mod progress;
mod rows;
pub(crate) mod serve;
mod settings;
mod signals;
mod summary;
pub(crate) mod sync;
pub(crate) mod undo;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use tandem::model::{Code, SyncError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Keeps databases that belong together equal.
#[derive(Debug, clap::Parser)]
#[command(name = "tandem", version, styles = STYLES, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run a node: the panel, the API, and the syncs
    Serve(serve::Arguments),
    /// Try it: two PostgreSQL servers, two nodes, and a first sync of sample data
    Demo(demo::Arguments),
    /// Start a full sync on a running node and follow it to its end
    Sync(sync::Arguments),
    /// Find out what a full sync would do, without writing anything
    Preview(sync::Arguments),
    /// Take a committed sync back: what it replaced and deleted returns, what it inserted goes
    Undo(undo::Arguments),
    /// List the syncs of a running node
    History(history::Arguments),
    /// Check pg_dump, versions, rights, disk, clock and peers of this node
    Doctor(doctor::Arguments),
}

const EXIT_CODES: &str = "Exit codes: 0 done and verified; 1 failed, cancelled, refused or not verified; \
2 wrong usage or configuration; 3 the node cannot be reached";

/// Why a command ends early, in one sentence or two, and with which exit code.
#[derive(Debug)]
pub(crate) struct Stop {
    code: u8,
    message: String,
}

impl Stop {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    pub(crate) fn misconfigured(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { code: 3, message: message.into() }
    }

    pub(crate) fn report(self) -> ExitCode {
        eprintln!("tandem: {}", self.message);
        ExitCode::from(self.code)
    }
}

impl From<SyncError> for Stop {
    fn from(error: SyncError) -> Self {
        let message = match error.hint.as_str() {
            "" => error.message,
            hint => format!("{} {hint}", error.message),
        };
        match error.code {
            Code::Unauthorized | Code::Forbidden | Code::BadRequest => Self::misconfigured(message),
            _ => Self::failed(message),
        }
    }
}

impl From<tandem::config::ConfigError> for Stop {
    fn from(error: tandem::config::ConfigError) -> Self {
        Self::misconfigured(format!("{error}."))
    }
}

/// `RUST_LOG` chooses what is logged. Lines for people on a terminal, JSON for machines, always on the error output.
pub(crate) fn start_logging(command: &Command) {
    let default = if matches!(command, Command::Serve(_)) { LevelFilter::INFO } else { LevelFilter::WARN };
    // sqlx warns of slow statements with their whole text, which says much and helps nobody but us.
    let filter = EnvFilter::builder()
        .with_default_directive(default.into())
        .from_env_lossy()
        .add_directive("sqlx::query=error".parse().expect("the directive is right"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Machines find `audit` by its target; for people the sentence says it.
    if std::io::stderr().is_terminal() { log.with_target(false).compact().init() } else { log.json().init() }
}
