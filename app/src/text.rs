//! Sentences that more than one place says.

use tandem::model::{
    ConflictPolicy, DeletePolicy, Direction, Kind, Phase, Relation, RowErrors, Scope, SyncOptions,
};

use crate::format;

pub const TITLE: &str = "Tandem";

/// How a session ended.
pub fn outcome(phase: Phase, kind: Kind) -> &'static str {
    match (phase, kind) {
        (Phase::Completed, Kind::Undo) => "Completed, some rows left alone",
        _ => self::phase(phase),
    }
}

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
        Phase::Previewed => "Preview",
    }
}

/// What a session is for, before the names of the two servers; a sync needs no word.
pub fn kind(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Sync => None,
        Kind::Preview => Some("Preview"),
        Kind::Undo => Some("Undo"),
    }
}

/// What taking a sync back would do.
pub fn undo(target: &str, back: u64, gone: u64) -> String {
    let rows = |number| format::counted(number, "row", "rows");
    match (back, gone) {
        (_, 0) => format!("Brings {} of {target} back as before.", rows(back)),
        (0, _) => format!("Removes {} that came to {target}.", rows(gone)),
        _ => {
            format!("Brings {} of {target} back as before and removes {} that came.", rows(back), rows(gone))
        }
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

/// What is set, for the closed options.
pub fn options(options: &SyncOptions) -> String {
    let compress = if options.compress { "compressed" } else { "not compressed" };
    let verify = if options.verify { "verified" } else { "not verified" };
    let deletes = match options.deletes {
        DeletePolicy::Keep => "extra rows kept",
        DeletePolicy::Mirror => "extra rows deleted",
    };
    let rest = [
        (options.conflicts == ConflictPolicy::Skip, "rows with taken values left out"),
        (options.conflicts == ConflictPolicy::Source, "the incoming row wins a taken value"),
        (options.conflicts == ConflictPolicy::Target, "the existing row wins a taken value"),
        (options.row_errors == RowErrors::Isolate, "bad rows left out"),
        (!options.undo, "no undo"),
        (options.scope != Scope::default(), "a part only"),
        (!options.rows.is_empty(), "chosen rows"),
        (options.bandwidth_kb.is_some(), "bandwidth limited"),
        (options.initialise || options.additive, "missing tables or columns made"),
    ];
    let rest: String =
        rest.iter().filter(|(is_set, _)| *is_set).map(|(_, said)| format!(", {said}")).collect();
    format!("{compress}, {verify}, {deletes}{rest}")
}

/// What was proven, in one sentence; of a `part`, if not of all. Never "identical" for less.
pub fn relation(relation: &Relation, part: Option<&str>, source: &str, target: &str) -> String {
    match relation {
        Relation::Identical if part.is_some() => {
            format!("{target} has the same rows as {source} in {}.", part.unwrap_or_default())
        }
        Relation::Contains { .. } if part.is_some() => {
            format!("{target} has every row of {} that {source} has.", part.unwrap_or_default())
        }
        Relation::Identical => format!("{target} is identical to {source}."),
        Relation::Contains { target_only_rows } => format!(
            "{target} has everything of {source}, and {} of its own.",
            format::counted(*target_only_rows, "row", "rows")
        ),
        Relation::Unverified { reason } if reason.is_empty() => {
            "It was not compared after the commit.".to_owned()
        }
        Relation::Unverified { reason } => format::sentence(reason),
        Relation::Except { left_out, repointed, .. } => format!(
            "{target} has every row of {source} but {}, listed below{}.",
            format::counted(*left_out, "row", "rows"),
            format::repointed(*repointed)
        ),
        Relation::Chosen { rows } => {
            format!(
                "{} on {target} as on {source}.",
                format::counted(*rows, "chosen row is", "chosen rows are")
            )
        }
        Relation::Restored => format!("The rows of {target} are as they were before."),
    }
}
