//! `tandem undo SESSION`: takes a committed sync back and follows that to its end.

use std::process::ExitCode;

use clap::Args;
use tandem::model::SessionId;

use super::api::Target;
use super::{Stop, sync};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The session's id, as `tandem history` shows it
    session: String,
    /// Bring rows back that were changed since, too
    #[arg(long)]
    force: bool,
    /// Print the final status as JSON, and nothing else
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    let session = SessionId::parse(&arguments.session).ok_or_else(|| {
        Stop::misconfigured(format!(
            "`{}` is not a session id; `tandem history` lists them.",
            arguments.session
        ))
    })?;
    let api = arguments.target.connect()?;
    let session = api.start_undo(&session, arguments.force).await?;
    sync::to_the_end(&api, &session, arguments.json).await
}
