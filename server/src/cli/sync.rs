//! `tandem sync pull|push PEER`: starts a full sync on a running node and follows it to its end.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use tandem::model::{DeletePolicy, Direction, Method, Phase, SyncOptions, SyncRequest};

use super::api::Target;
use super::follow::{Following, OnInterrupt, follow};
use super::{Stop, output, summary};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    direction: Way,
}

#[derive(Debug, Subcommand)]
enum Way {
    /// Bring the peer's rows here; the database of this node changes
    Pull(Request),
    /// Send the rows of this node to the peer; the peer's database changes
    Push(Request),
}

#[derive(Debug, Args)]
struct Request {
    /// Name of the peer, as in TANDEM_PEERS
    peer: String,
    /// How the rows travel
    #[arg(long, value_enum, default_value_t)]
    method: MethodName,
    /// What to do with rows that only the target has
    #[arg(long, value_enum, default_value_t)]
    deletes: Deletes,
    /// Make the tables that the target lacks; what cannot be made is listed
    #[arg(long)]
    initialise: bool,
    /// Add columns and enum labels that the target lacks; they stay even if the sync fails
    #[arg(long)]
    additive: bool,
    /// Do not compare both databases once more after the commit; the exit code is then 1
    #[arg(long)]
    no_verify: bool,
    /// Send uncompressed
    #[arg(long)]
    no_compress: bool,
    /// Print the final status as JSON, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum MethodName {
    #[default]
    Auto,
    Backup,
    Delta,
    Rows,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Deletes {
    #[default]
    Keep,
    Mirror,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    let (action, wanted) = match arguments.direction {
        Way::Pull(request) => (Direction::Pull, request),
        Way::Push(request) => (Direction::Push, request),
    };
    let api = wanted.target.connect()?;
    let request = SyncRequest {
        action,
        peer: wanted.peer,
        method: match wanted.method {
            MethodName::Auto => Method::Auto,
            MethodName::Backup => Method::Backup,
            MethodName::Delta => Method::Delta,
            MethodName::Rows => Method::Rows,
        },
        options: SyncOptions {
            compress: !wanted.no_compress,
            verify: !wanted.no_verify,
            deletes: match wanted.deletes {
                Deletes::Keep => DeletePolicy::Keep,
                Deletes::Mirror => DeletePolicy::Mirror,
            },
            initialise: wanted.initialise,
            additive: wanted.additive,
            ..SyncOptions::default()
        },
    };
    let session = api.start_sync(&request).await?;
    let Following::Ended(status) = follow(&api, &session, OnInterrupt::Ask).await? else {
        return Err(Stop::failed(format!(
            "The sync {session} goes on without being followed; `tandem history` shows how it ends."
        )));
    };
    if wanted.json {
        output::json(&status)?;
    } else {
        output::text(&summary::of(&status))?;
    }
    Ok(if status.phase == Phase::Verified { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
