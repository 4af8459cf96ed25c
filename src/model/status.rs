//! The state of one sync: the newest value is always the whole truth.

use serde::{Deserialize, Serialize};

use super::{
    Direction, Fingerprint, Kind, Method, Preview, SessionId, SetAside, Skipped, SyncError, SyncOptions,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Backup,
    Transfer,
    Convert,
    Restore,
    Verify,
}

impl Step {
    pub const ALL: [Step; 5] = [Step::Backup, Step::Transfer, Step::Convert, Step::Restore, Step::Verify];

    /// 1 to 5, as on the panel.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    pub fn name(self) -> &'static str {
        match self {
            Step::Backup => "Backup",
            Step::Transfer => "Transfer",
            Step::Convert => "Convert",
            Step::Restore => "Restore",
            Step::Verify => "Verify",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Running,
    /// Cancel was asked for and everything is being stopped.
    Cancelling,
    /// Committed, and proven equal afterwards.
    Verified,
    /// Committed; the comparison afterwards was switched off or found later changes.
    Completed,
    Failed,
    Cancelled,
    /// The process or the peer went away in the middle.
    Interrupted,
    /// Committed, verified or not, and taken back since.
    Undone,
    /// A preview has ended; nothing was written.
    Previewed,
}

impl Phase {
    pub const ALL: [Phase; 9] = [
        Phase::Running,
        Phase::Cancelling,
        Phase::Verified,
        Phase::Completed,
        Phase::Failed,
        Phase::Cancelled,
        Phase::Interrupted,
        Phase::Undone,
        Phase::Previewed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Running => "running",
            Phase::Cancelling => "cancelling",
            Phase::Verified => "verified",
            Phase::Completed => "completed",
            Phase::Failed => "failed",
            Phase::Cancelled => "cancelled",
            Phase::Interrupted => "interrupted",
            Phase::Undone => "undone",
            Phase::Previewed => "previewed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text)
    }

    /// Nothing moves any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Phase::Running | Phase::Cancelling)
    }

    /// The target holds the source's rows.
    pub fn is_committed(self) -> bool {
        matches!(self, Phase::Verified | Phase::Completed)
    }

    /// It came to the end that was asked for.
    pub fn is_success(self) -> bool {
        self.is_committed() || self == Phase::Previewed
    }
}

/// One sync as it stands now: what the panel, the command line, the peer and the history read.
/// Bytes are those of the compressed archive; times are microseconds since 1970 UTC (`_us`) or milliseconds (`_ms`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncStatus {
    pub session_id: SessionId,
    #[serde(default)]
    pub kind: Kind,
    pub direction: Direction,
    /// Name of this node.
    pub local: String,
    pub peer: String,
    /// Who asked for it: `admin`, `api`, or `admin at Harbour Branch` when it was started on the peer.
    pub started_by: String,
    pub started_here: bool,
    pub options: SyncOptions,
    pub phase: Phase,
    pub method: Method,
    /// Why this method was taken.
    pub reason: String,
    /// 1 to 5: the furthest step that has begun.
    pub step: u8,
    pub step_name: String,
    /// Always five, in order; several can run at once.
    pub steps: Vec<StepStatus>,
    /// Elapsed ÷ (elapsed + remaining); never goes back; 100 only at the end.
    pub percent: f64,
    pub bytes_done: u64,
    pub bytes_total: Option<u64>,
    /// Rows staged on the target.
    pub rows_done: u64,
    pub rows_total: Option<u64>,
    /// Of the last moments while bytes move; the average of the whole transfer after it.
    pub bytes_per_second: u64,
    pub eta_seconds: Option<u64>,
    /// What is going on, in one sentence.
    pub message: String,
    pub tables: Vec<TableStatus>,
    /// Throughput over time, oldest first, at most 240.
    pub samples: Vec<Sample>,
    /// The newest 200 lines, oldest first; numbers without a gap over the whole session.
    pub log: Vec<LogLine>,
    pub error: Option<SyncError>,
    /// Whether the target has committed could not be asked; else a target without a commit is as it was.
    #[serde(default)]
    pub in_doubt: bool,
    /// Set once it is committed.
    pub result: Option<SyncResult>,
    /// Set once a preview has ended. The server draws it; a browser would only load what reads it.
    #[serde(default)]
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub preview: Option<Preview>,
    /// The session that took this one back, or that this one takes back.
    #[serde(default)]
    pub undo: Option<SessionId>,
    pub started_us: i64,
    pub finished_us: Option<i64>,
    pub elapsed_ms: u64,
}

#[cfg(test)]
impl SyncStatus {
    /// Of a pull that has just begun.
    pub(crate) fn example() -> Self {
        let status = serde_json::json!({
            "session_id": "0190c0de-0000-7000-8000-000000000000", "direction": "pull", "local": "South",
            "peer": "North", "started_by": "admin", "started_here": true, "options": {}, "phase": "running",
            "method": "backup", "reason": "", "step": 1, "step_name": "", "steps": [], "percent": 0.0,
            "bytes_done": 0, "rows_done": 0, "bytes_per_second": 0, "message": "", "tables": [],
            "samples": [], "log": [], "started_us": 0, "elapsed_ms": 0,
        });
        serde_json::from_value(status).unwrap()
    }
}

impl SyncStatus {
    /// It was given up, and its rows were committed all the same.
    pub fn complete(&mut self, result: Option<SyncResult>, message: String) {
        self.phase = Phase::Completed;
        self.in_doubt = false;
        self.result = result;
        self.message = message;
        self.error = None;
        self.end_running_steps();
    }

    /// Nothing runs any more: whatever still did has failed, but for what leads to a commit that is known; of that it may
    /// be known only after it was given up.
    pub fn end_running_steps(&mut self) {
        let committed = self.phase.is_committed();
        let given_up = |step: &&mut StepStatus| match step.state {
            StepState::Running => true,
            StepState::Failed => committed,
            StepState::Waiting | StepState::Done => false,
        };
        for step in self.steps.iter_mut().filter(given_up) {
            let done = committed && step.step != Step::Verify;
            step.state = if done { StepState::Done } else { StepState::Failed };
        }
        let given_up = |table: &&mut TableStatus| match table.state {
            TableState::Staging | TableState::Merging => true,
            TableState::Failed => committed,
            _ => false,
        };
        for table in self.tables.iter_mut().filter(given_up) {
            table.state = if committed { TableState::Merged } else { TableState::Failed };
        }
    }

    /// The rows are written to the peer's database, not to ours.
    pub fn writes_at_peer(&self) -> bool {
        self.kind == Kind::Sync && self.direction == Direction::Push
    }

    /// Bytes are on their way now.
    pub fn is_transferring(&self) -> bool {
        self.step_of(Step::Transfer).is_some_and(|step| step.state == StepState::Running)
    }

    pub fn step_of(&self, step: Step) -> Option<&StepStatus> {
        self.steps.iter().find(|status| status.step == step)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    Waiting,
    Running,
    Done,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Bytes,
    Rows,
    Tables,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStatus {
    pub step: Step,
    pub name: String,
    pub state: StepState,
    pub done: u64,
    /// None while nobody can know it.
    pub total: Option<u64>,
    pub unit: Unit,
    /// What is done or waited for: `One transaction, when all is staged`.
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableState {
    Waiting,
    Staging,
    Staged,
    Merging,
    Merged,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStatus {
    /// `schema.table`; the schema is left out when it is `public`.
    pub name: String,
    pub state: TableState,
    pub rows_done: u64,
    /// Exact once the source has read the table, an estimate before.
    pub rows_total: Option<u64>,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    /// Rows that only the target has and that were kept.
    pub target_only: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub at_ms: u64,
    pub bytes_per_second: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts from 1 within the session.
    pub number: u64,
    pub elapsed_ms: u64,
    pub step: Option<Step>,
    pub level: LogLevel,
    pub text: String,
}

/// The numbers that prove a committed sync. What only the report shows is drawn by the server, and not read by browsers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResult {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
    /// Rows of the source.
    pub rows: u64,
    pub tables: u64,
    /// Bytes of the archive as it travelled.
    pub archive_bytes: u64,
    /// Bytes of COPY text before compression.
    pub raw_bytes: u64,
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub relation: Relation,
    /// What the relation is about when it is not the whole database: `the chosen tables`, `business 3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The source in the snapshot that was synced; none when the comparison after the commit was switched off.
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub source: Option<Fingerprint>,
    /// The target after the commit.
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub target: Option<Fingerprint>,
    /// `schema.table` of those that differ all the same: the target has rows of its own, or was written to since.
    #[serde(default)]
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub differing: Vec<String>,
    /// Tables of which at least one row was written.
    pub tables_changed: u64,
    pub sequences_raised: u64,
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub skipped: Vec<Skipped>,
    /// Rows that were left out, or of an undo left alone.
    #[serde(default)]
    pub set_aside: u64,
    /// The first of them.
    #[serde(default)]
    #[cfg_attr(not(feature = "engine"), serde(skip_deserializing))]
    pub set_aside_rows: Vec<SetAside>,
    /// Until when the sync can be undone; none when it cannot.
    #[serde(default)]
    pub undo_until_us: Option<i64>,
}

/// What was proven about the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Relation {
    Identical,
    /// The target has every row of the source, and rows of its own.
    Contains {
        target_only_rows: u64,
    },
    /// Not compared after the commit.
    Unverified {
        reason: String,
    },
    /// The target has every row of the source but those that were left out, and maybe rows of its own.
    Except {
        left_out: u64,
        /// References of rows that came to rows that were left out: they lead to the target's own rows instead.
        #[serde(default)]
        repointed: u64,
        target_only_rows: u64,
    },
    /// Only these rows were synced, and they are as on the source.
    Chosen {
        rows: u64,
    },
    /// The target is as it was before the sync that was undone, but for the rows that were left alone.
    Restored,
}

impl Default for Relation {
    /// Who has not read what was proven says no more.
    fn default() -> Self {
        Relation::Unverified { reason: String::new() }
    }
}
