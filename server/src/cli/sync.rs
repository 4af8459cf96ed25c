//! `tandem sync pull|push PEER` and `tandem preview pull|push PEER`: start a full sync on a running node, or find out
//! what it would do, and follow it to its end.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use tandem::model::{
    ConflictPolicy, DeletePolicy, Direction, Kind, Method, Phase, Preview, RowErrors, Scope, SessionId,
    SyncOptions, SyncRequest,
};

use super::api::{Api, Target};
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
    /// What to do with an incoming row whose unique value another row of the target holds
    #[arg(long, value_enum, default_value_t)]
    conflicts: Conflicts,
    /// Leave out rows that the target refuses, list them, and commit the rest; the exit code is then 1
    #[arg(long)]
    isolate: bool,
    /// Keep nothing of what is replaced: the sync cannot be undone
    #[arg(long)]
    no_undo: bool,
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
    /// Take only the tables whose name fits: `orders`, `order*`, `payroll.*`; may be given more than once
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Leave out the tables whose name fits; may be given more than once
    #[arg(long, value_name = "GLOB")]
    except: Vec<String>,
    /// Take only the rows of one business, by its key, and what they point to
    #[arg(long, value_name = "KEY")]
    business: Option<String>,
    /// Leave out the demo businesses and all that hangs on them
    #[arg(long)]
    without_demo: bool,
    /// Take only so many of the newest rows of each audit table
    #[arg(long, value_name = "N")]
    audit_limit: Option<u64>,
    /// Leave out columns, as `customers.note`; the target keeps its own values in them; may be given more than once
    #[arg(long, value_name = "GLOB")]
    without_column: Vec<String>,
    /// Let each server send at most so many kilobytes a second
    #[arg(long, value_name = "KB")]
    bandwidth: Option<u64>,
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

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Conflicts {
    /// Refuse the sync, and name both rows
    #[default]
    Abort,
    /// Leave the incoming row out
    Skip,
    /// The incoming row replaces the target's; what references that one references the incoming one
    Source,
    /// The target's row stays; what references the incoming one references the target's
    Target,
}

pub(crate) async fn run(arguments: Arguments, kind: Kind) -> Result<ExitCode, Stop> {
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
            conflicts: match wanted.conflicts {
                Conflicts::Abort => ConflictPolicy::Abort,
                Conflicts::Skip => ConflictPolicy::Skip,
                Conflicts::Source => ConflictPolicy::Source,
                Conflicts::Target => ConflictPolicy::Target,
            },
            row_errors: if wanted.isolate { RowErrors::Isolate } else { RowErrors::Strict },
            undo: !wanted.no_undo,
            initialise: wanted.initialise,
            scope: Scope {
                include: wanted.only,
                exclude: wanted.except,
                business: wanted.business,
                without_demo: wanted.without_demo,
                audit_limit: wanted.audit_limit,
                without_columns: wanted.without_column,
            },
            additive: wanted.additive,
            bandwidth_kb: wanted.bandwidth,
            ..SyncOptions::default()
        },
    };
    let session = match kind {
        Kind::Preview => api.start_preview(&request).await?,
        Kind::Sync | Kind::Undo => api.start_sync(&request).await?,
    };
    to_the_end(&api, &session, wanted.json).await
}

/// Follows a session and says how it has ended.
pub(super) async fn to_the_end(api: &Api, session: &SessionId, json: bool) -> Result<ExitCode, Stop> {
    let Following::Ended(status) = follow(api, session, OnInterrupt::Ask).await? else {
        return Err(Stop::failed(format!(
            "The session {session} goes on without being followed; `tandem history` shows how it ends."
        )));
    };
    if json {
        output::json(&status)?;
    } else {
        output::text(&summary::of(&status))?;
    }
    let blocked = status.preview.as_ref().is_some_and(Preview::is_blocked);
    let good = matches!(status.phase, Phase::Verified | Phase::Previewed) && !blocked;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
