//! Sentences that more than one place says.

use tandem::model::{
    DeletePolicy, Direction, Phase, Relation, Step, StepState, SyncOptions, SyncStatus, Unit,
};

use crate::format;

pub const TITLE: &str = "Tandem";

pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Running => "Running",
        Phase::Cancelling => "Stopping",
        Phase::Verified => "Verified",
        Phase::Completed => "Completed, not verified",
        Phase::Failed => "Failed",
        Phase::Cancelled => "Cancelled",
        Phase::Interrupted => "Interrupted",
        Phase::Undone => "Undone",
    }
}

/// Between the two names, for who does not see the arrow.
pub fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::Pull => "is written from",
        Direction::Push => "writes to",
    }
}

pub fn verb(direction: Direction) -> &'static str {
    match direction {
        Direction::Pull => "Pull",
        Direction::Push => "Push",
    }
}

/// The name of the server whose rows are read, and of the one that is written.
pub fn source_and_target<'a>(direction: Direction, local: &'a str, peer: &'a str) -> (&'a str, &'a str) {
    match direction {
        Direction::Pull => (peer, local),
        Direction::Push => (local, peer),
    }
}

/// Changes per step, not per byte: screen readers speak it.
pub fn running(status: &SyncStatus) -> String {
    if status.phase == Phase::Cancelling {
        return "Stopping, up to 5 seconds.".to_owned();
    }
    let running: Vec<u8> = status
        .steps
        .iter()
        .filter(|step| step.state == StepState::Running)
        .map(|step| step.step.number())
        .collect();
    match running.as_slice() {
        [] => format!("Step {} of 5.", status.step.max(1)),
        [one] => format!("Step {one} of 5 is running: {}.", step_name(*one)),
        [first, .., last] => format!("Steps {first} to {last} of 5 are running."),
    }
}

fn step_name(number: u8) -> &'static str {
    Step::ALL.into_iter().find(|step| step.number() == number).map_or("", Step::name)
}

/// What is set, for the closed options.
pub fn options(options: &SyncOptions) -> String {
    let compress = if options.compress { "compressed" } else { "not compressed" };
    let verify = if options.verify { "verified" } else { "not verified" };
    let deletes = match options.deletes {
        DeletePolicy::Keep => "extra rows kept",
        DeletePolicy::Mirror => "extra rows deleted",
    };
    format!("{compress}, {verify}, {deletes}")
}

/// Rows of the source: told by the session, or by its backup as soon as that is done.
pub fn rows_total(status: &SyncStatus) -> Option<u64> {
    let backup =
        status.step_of(Step::Backup).filter(|step| step.state == StepState::Done && step.unit == Unit::Rows);
    status.rows_total.or(backup.map(|step| step.done))
}

/// What was proven, in one sentence. Never "identical" for less.
pub fn relation(relation: &Relation, source: &str, target: &str) -> String {
    match relation {
        Relation::Identical => format!("{target} is identical to {source}."),
        Relation::Contains { target_only_rows } => format!(
            "{target} has everything of {source}, and {} of its own.",
            format::counted(*target_only_rows, "row", "rows")
        ),
        Relation::Unverified { reason } => format!("Not verified: {reason}"),
    }
}
