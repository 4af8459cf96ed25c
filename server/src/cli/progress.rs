//! A sync's status → one moving line on a terminal, and one line for each finished step.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tandem::model::{LogLevel, StepState, StepStatus, SyncStatus, Unit, text};

/// Draws on the error output; without a terminal only the lines of the steps appear.
pub(super) struct Progress {
    bar: ProgressBar,
    /// How many steps have their line.
    finished: usize,
    /// Number of the newest log line that was looked at.
    logged: u64,
}

impl Progress {
    pub(super) fn start() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template("{prefix:15} {bar:28.cyan/dim} {msg}")
                .expect("the template is right")
                .progress_chars("━━─"),
        );
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, finished: 0, logged: 0 }
    }

    pub(super) fn show(&mut self, status: &SyncStatus) {
        // Steps overlap and may end out of turn; their lines keep the order.
        while let Some(step) = status.steps.get(self.finished)
            && step.state == StepState::Done
        {
            self.line(&finished(step));
            self.finished += 1;
        }
        for line in &status.log {
            if line.number > self.logged && line.level != LogLevel::Info {
                self.line(&format!("! {}", line.text));
            }
            self.logged = self.logged.max(line.number);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a percentage is between 0 and 100"
        )]
        self.bar.set_position((status.percent.clamp(0.0, 100.0) * 10.0) as u64);
        self.bar.set_prefix(format!("{}/5 {}", status.step, status.step_name));
        self.bar.set_message(numbers(status));
    }

    /// A line above the moving one.
    pub(super) fn line(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn finished(step: &StepStatus) -> String {
    let done = match step.unit {
        Unit::Bytes => text::bytes(step.done).to_string(),
        Unit::Rows => text::counted(step.done, "row", "rows"),
        Unit::Tables => text::counted(step.done, "table", "tables"),
    };
    format!("✓ {} {:<9} {done}", step.step.number(), step.name)
}

fn numbers(status: &SyncStatus) -> String {
    let mut parts = vec![format!("{:.0} %", status.percent)];
    parts.push(match status.bytes_total {
        Some(total) => format!("{} of {}", text::bytes(status.bytes_done), text::bytes(total)),
        None => text::bytes(status.bytes_done).to_string(),
    });
    if status.rows_done > 0 {
        parts.push(text::counted(status.rows_done, "row", "rows"));
    }
    if status.is_transferring() {
        parts.push(text::rate(status.bytes_per_second).to_string());
    }
    match status.eta_seconds {
        Some(seconds) => parts.push(format!("{} left", text::duration(seconds * 1000))),
        None => parts.push(status.message.clone()),
    }
    parts.join(" · ")
}
