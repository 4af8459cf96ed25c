//! `tandem doctor`: what is right and wrong on this machine, and how to put it right.

use std::process::ExitCode;

use tandem::Engine;
use tandem::engine::AdminPassword;
use tandem::model::{Check, CheckState, SyncError};

use super::settings::Settings;
use super::{Stop, api, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Stop> {
    api::use_ring();
    let config = arguments.settings.load()?;
    let checks = match Engine::start(config).await {
        Ok((engine, password)) => {
            let checks = engine.doctor().await;
            engine.shutdown().await;
            // It is made at the first start, whichever command that is, and cannot be asked for again.
            if let AdminPassword::Generated(password) = password {
                eprintln!("The panel's password is {password} (generated now and shown only this once).");
            }
            checks
        }
        Err(error) => vec![not_started(error)],
    };
    if arguments.json {
        output::json(&checks)?;
    } else {
        output::text(&list(&checks))?;
    }
    let failed = checks.iter().any(|check| check.state == CheckState::Failed);
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A node that cannot start is what the doctor is for.
fn not_started(error: SyncError) -> Check {
    Check { name: "Start".to_owned(), state: CheckState::Failed, text: error.message, fix: error.hint }
}

fn list(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for check in checks {
        let sign = match check.state {
            CheckState::Passed => "✓",
            CheckState::Warning => "!",
            CheckState::Failed => "✗",
        };
        lines.push(format!("{sign} {:width$}  {}", check.name, check.text));
        if !check.fix.is_empty() {
            lines.push(format!("  {:width$}  → {}", "", check.fix));
        }
    }
    lines.join("\n")
}
