//! The five steps; several can run at once, and none ever moves.

use leptos::prelude::*;
use tandem::model::{Kind, Phase, Step, StepState, StepStatus, SyncStatus, Unit};

use super::icon::{Glyph, Icon};
use crate::format;

#[component]
pub fn Steps(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    (move || {
        let status = status.read();
        let lines = taken(status.kind).iter().map(|step| line(*step, status.step_of(*step), is_stopped(&status)));
        view! { <ol class="steps" data-steps=taken(status.kind).len().to_string()>{lines.collect_view()}</ol> }
    })
    .into_any()
}

/// A preview ends before anything is written; an undo has its rows here already.
fn taken(kind: Kind) -> &'static [Step] {
    match kind {
        Kind::Sync => &Step::ALL,
        Kind::Preview => &Step::ALL[..3],
        Kind::Undo => &Step::ALL[2..],
    }
}

fn line(step: Step, line: Option<&StepStatus>, is_stopped: bool) -> impl IntoView + use<> {
    let state = line.map_or(StepState::Waiting, |line| line.state);
    let (max, value) = bar(line);
    let (icon, name, figure) = match state {
        StepState::Failed if is_stopped => (Some(Icon::Minus), "stopped", "stopped".to_owned()),
        StepState::Failed => (Some(Icon::Cross), "failed", figure(line)),
        StepState::Done => (Some(Icon::Check), "done", figure(line)),
        StepState::Running => (None, "running", figure(line)),
        StepState::Waiting => (None, "waiting", figure(line)),
    };
    let class = match state {
        StepState::Done => "bar bar--done",
        StepState::Failed if !is_stopped => "bar bar--bad",
        _ => "bar",
    };
    let sign = match icon {
        Some(icon) => view! { <Glyph icon/> }.into_any(),
        None => step.number().into_any(),
    };
    view! {
        <li class="step" data-state=name>
            <div class="step__head">
                <span class="step__no">
                    <span class="vh">"Step "{step.number()}" "</span>
                    <span aria-hidden="true">{sign}</span>
                </span>
                <span>{step.name()}</span>
                <span>{figure}</span>
            </div>
            <progress class=class max=max value=value aria-label=step.name()></progress>
            <div class="step__what">{what(line)}</div>
        </li>
    }
}

/// Stopped on purpose or from outside: not a failure of the step.
fn is_stopped(status: &SyncStatus) -> bool {
    matches!(status.phase, Phase::Cancelled | Phase::Interrupted)
}

/// Maximum and value of the bar. An empty step that is done is full.
fn bar(line: Option<&StepStatus>) -> (u64, u64) {
    match line {
        Some(line) if line.state == StepState::Done => (1, 1),
        Some(StepStatus { done, total: Some(total), .. }) if *total > 0 => (*total, (*done).min(*total)),
        _ => (1, 0),
    }
}

fn figure(line: Option<&StepStatus>) -> String {
    let Some(line) = line else { return "waits".to_owned() };
    match (line.state, line.total) {
        (StepState::Waiting, _) => "waits".to_owned(),
        (StepState::Done, _) => "done".to_owned(),
        (StepState::Failed, _) => "failed".to_owned(),
        (StepState::Running, Some(total)) if total > 0 => {
            format!("{} %", format::percent(line.done as f64 * 100.0 / total as f64))
        }
        (StepState::Running, _) => "runs".to_owned(),
    }
}

fn what(line: Option<&StepStatus>) -> String {
    let Some(line) = line else { return String::new() };
    let amount = match (line.unit, line.total) {
        _ if line.state == StepState::Waiting || line.done == 0 && line.total.is_none() => String::new(),
        (Unit::Bytes, Some(total)) if line.state != StepState::Done => {
            let (done, whole) = format::part_of(line.done, total);
            format!("{done} of {whole}")
        }
        (Unit::Bytes, _) => format::bytes(line.done).to_string(),
        (unit, Some(total)) if line.state != StepState::Done => {
            format!("{} of {} {}", format::count(line.done), format::count(total), words(unit).1)
        }
        (unit, _) => {
            let (one, several) = words(unit);
            format::counted(line.done, one, several)
        }
    };
    // A note that only repeats the number says nothing new.
    let repeats = line.note.starts_with(|first: char| first.is_ascii_digit());
    match (amount.is_empty(), line.note.is_empty() || repeats) {
        (false, false) => format!("{amount}. {}", line.note),
        (false, true) => amount,
        (true, _) => line.note.clone(),
    }
}

/// One of them, and several.
fn words(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Bytes => ("byte", "bytes"),
        Unit::Rows => ("row", "rows"),
        Unit::Tables => ("table", "tables"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(state: StepState, done: u64, total: Option<u64>, unit: Unit, note: &str) -> StepStatus {
        StepStatus {
            step: Step::Convert,
            name: "Convert".to_owned(),
            state,
            done,
            total,
            unit,
            note: note.to_owned(),
        }
    }

    #[test]
    fn a_step_says_what_it_has_done_or_waits_for() {
        for (line, expected) in [
            (line(StepState::Waiting, 0, None, Unit::Rows, "One transaction"), "One transaction"),
            (line(StepState::Running, 14, Some(16), Unit::Tables, ""), "14 of 16 tables"),
            (
                line(StepState::Running, 251_000_000, Some(412_000_000), Unit::Bytes, "resumed once"),
                "251 of 412 MB. resumed once",
            ),
            (line(StepState::Done, 1_000, Some(1_000), Unit::Rows, ""), "1,000 rows"),
            (line(StepState::Done, 1, Some(1), Unit::Rows, ""), "1 row"),
        ] {
            assert_eq!(what(Some(&line)), expected);
        }
    }

    #[test]
    fn an_empty_step_that_is_done_is_full() {
        assert_eq!(bar(Some(&line(StepState::Done, 0, Some(0), Unit::Rows, ""))), (1, 1));
        assert_eq!(figure(Some(&line(StepState::Running, 0, None, Unit::Rows, ""))), "runs");
    }
}
