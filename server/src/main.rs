//! The command `tandem`: one subcommand → its exit code.

mod assets;
mod bytes;
mod cli;
mod error;
mod guard;
mod headers;
mod health;
mod history;
mod listen;
mod login;
mod node;
mod pages;
mod permission;
mod routes;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tandem::model::Kind;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::start_logging(&cli.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::Stop::failed(format!("Cannot start any thread: {error}.")).report(),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(arguments) => cli::serve::run(arguments).await,
            Command::Demo(arguments) => cli::demo::run(arguments).await,
            Command::Sync(arguments) => cli::sync::run(arguments, Kind::Sync).await,
            Command::Preview(arguments) => cli::sync::run(arguments, Kind::Preview).await,
            Command::Undo(arguments) => cli::undo::run(arguments).await,
            Command::History(arguments) => cli::history::run(arguments).await,
            Command::Doctor(arguments) => cli::doctor::run(arguments).await,
        }
    });
    // A question on the terminal that nobody answered must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match done {
        Ok(code) => code,
        Err(stop) => stop.report(),
    }
}
