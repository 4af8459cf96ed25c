//! `tandem history`: the syncs of a running node, the newest first.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use tandem::model::{Direction, HistoryPage, Phase, text};

use super::api::Target;
use super::{Stop, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Only those with this peer
    #[arg(long)]
    peer: Option<String>,
    /// Only those that ended like this: verified, completed, failed, cancelled, interrupted
    #[arg(long, value_parser = phase)]
    phase: Option<Phase>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

fn phase(text: &str) -> Result<Phase, String> {
    Phase::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    let limit = arguments.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(arguments.peer.as_deref().map(|peer| ("peer", peer)));
    query.extend(arguments.phase.map(|phase| ("phase", phase.as_str())));
    let page = arguments.target.connect()?.history(&query).await?;
    if arguments.json {
        output::json(&page)?;
    } else {
        output::text(&list(&page))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(page: &HistoryPage) -> String {
    if page.sessions.is_empty() {
        return "No sync yet.".to_owned();
    }
    let now_us = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|now| i64::try_from(now.as_micros()).ok())
        .unwrap_or_default();
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(["", "Servers", "When", "Took", "Bytes", "Rows", "Written", "By", "Session"]);
    for session in &page.sessions {
        let arrow = match session.direction {
            Direction::Pull => "←",
            Direction::Push => "→",
        };
        table.add_row([
            session.phase.as_str().to_owned(),
            format!("{} {arrow} {}", session.local, session.peer),
            text::age(session.started_us, now_us),
            text::duration(session.elapsed_ms),
            text::bytes(session.bytes).to_string(),
            text::count(session.rows),
            text::count(session.inserted + session.updated + session.deleted),
            session.started_by.clone(),
            session.session_id.short().to_owned(),
        ]);
    }
    format!("{table}\n{} of {}", page.sessions.len(), text::count(page.total))
}
