//! The five steps -> how much of the whole they are, and what they say of themselves.

use crate::model::{Step, StepState, StepStatus, SyncStatus, Unit};

/// How much of the whole is done, from the share of the time that each step usually takes.
pub(super) fn fraction(status: &SyncStatus) -> f64 {
    const SHARES: [f64; 5] = [0.15, 0.15, 0.30, 0.30, 0.10];
    status
        .steps
        .iter()
        .zip(SHARES)
        .map(|(step, share)| match (step.state, step.total) {
            (StepState::Done, _) => share,
            (StepState::Running, Some(total)) if total > 0 => {
                share * (step.done as f64 / total as f64).min(1.0)
            }
            _ => 0.0,
        })
        .sum()
}

/// Changes per step, not per byte: the panel has it spoken to who does not see it.
pub(super) fn message(status: &SyncStatus) -> String {
    let running: Vec<&StepStatus> =
        status.steps.iter().filter(|step| step.state == StepState::Running).collect();
    match running.as_slice() {
        [] if status.steps.iter().all(|step| step.state == StepState::Waiting) => "Starting.".to_owned(),
        [] => format!("Step {} of 5.", status.step),
        [one] => format!("Step {} of 5 is running: {}.", one.step.number(), one.name),
        [first, .., last] => {
            format!("Steps {} to {} of 5 are running.", first.step.number(), last.step.number())
        }
    }
}

pub(super) fn waiting(step: Step) -> StepStatus {
    let (unit, note) = match step {
        Step::Backup => (Unit::Rows, "Waits"),
        Step::Transfer => (Unit::Bytes, "Waits for the backup"),
        Step::Convert => (Unit::Rows, "Waits for the first rows"),
        Step::Restore => (Unit::Tables, "One transaction, when all is staged"),
        Step::Verify => (Unit::Tables, "Both databases compared after the commit"),
    };
    StepStatus {
        step,
        name: step.name().to_owned(),
        state: StepState::Waiting,
        done: 0,
        total: None,
        unit,
        note: note.to_owned(),
    }
}
