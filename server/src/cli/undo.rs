//! `tandem undo SESSION`: takes a committed sync back and follows that to its end.

use std::process::ExitCode;

use clap::Args;
use tandem::model::SessionId;

use super::api::{Api, Target};
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
    let api = arguments.target.connect()?;
    let session = named(&api, &arguments.session).await?;
    let session = api.start_undo(&session, arguments.force).await?;
    sync::to_the_end(&api, &session, arguments.json).await
}

/// The session with this id, or with the end of it that people are shown.
async fn named(api: &Api, text: &str) -> Result<SessionId, Stop> {
    if let Some(session) = SessionId::parse(text) {
        return Ok(session);
    }
    let mut before = None;
    loop {
        let mut query = vec![("limit", "200")];
        query.extend(before.as_ref().map(|session: &SessionId| ("before", session.as_str())));
        let page = api.history(&query).await?;
        if let Some(found) = page.sessions.iter().find(|session| session.session_id.short() == text) {
            return Ok(found.session_id.clone());
        }
        before = page.sessions.last().map(|session| session.session_id.clone());
        if !page.more || before.is_none() {
            return Err(Stop::misconfigured(format!(
                "There is no session `{text}`; `tandem history` lists them."
            )));
        }
    }
}
