//! What a person is told when something could not be done: where, what, and what to do next.

use serde::{Deserialize, Serialize};

use super::{Step, text};

/// The one error that leaves the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct SyncError {
    /// The step of a sync in which it happened; none outside a sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    pub code: Code,
    /// What could not be done to what, and why, in one or two sentences.
    pub message: String,
    /// What the reader can do about it; empty when there is nothing.
    #[serde(default)]
    pub hint: String,
}

impl SyncError {
    /// Makes a sentence of the message: the rooms' errors begin small, because they stand in the middle of others.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { step: None, code, message: text::sentence(&message.into()), hint: String::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Nothing is said of the target, which is `peer`: it can have committed, and could not be asked.
    #[must_use]
    pub fn in_doubt(self, peer: &str) -> Self {
        self.hint(format!(
            "Whether {peer} has committed could not be asked yet: Tandem asks until it answers. Starting the sync again does no harm."
        ))
    }

    /// The target is as it was.
    #[must_use]
    pub fn unchanged(self) -> Self {
        self.hint("Nothing was changed on the target. Start the sync again.")
    }

    /// Names the step, unless a deeper place has named one already.
    #[must_use]
    pub fn at(mut self, step: Step) -> Self {
        self.step.get_or_insert(step);
        self
    }
}

/// The kind of an error: what scripts and the panel match on. The text is for people and may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request itself makes no sense.
    BadRequest,
    /// Nobody is signed in, or the token is wrong.
    Unauthorized,
    /// The caller is known and may not do this.
    Forbidden,
    NotFound,
    /// A sync is running already; the message names it.
    Busy,
    /// More bytes than allowed.
    TooLarge,
    /// Understood, but it cannot be done with these databases or options; nothing was written.
    Refused,
    TooManyRequests,
    /// The peer did not answer.
    PeerUnreachable,
    /// The peer answered that our key or our name is not known to it.
    PeerRefused,
    /// The peer speaks another protocol version.
    PeerVersion,
    /// The node's own database does not answer.
    DatabaseUnavailable,
    /// A statement failed in the database.
    Database,
    /// A right is missing in the database.
    MissingRight,
    /// pg_dump failed.
    DumpFailed,
    /// The bytes that arrived are not those that were sent.
    Damaged,
    /// The two schemas do not fit together.
    SchemaDiffers,
    /// A row was refused by the target.
    RowRefused,
    /// The data breaks a foreign key on the target.
    ForeignKey,
    /// The target does not hold what was sent.
    VerifyFailed,
    /// Somebody else holds a lock on a needed table.
    Locked,
    DiskFull,
    /// The node cannot write to its data directory.
    DataDir,
    /// Nothing moved for too long.
    Stalled,
    Cancelled,
    /// The process or its peer went away in the middle.
    Interrupted,
    /// The node is shutting down.
    ShuttingDown,
    /// A defect in Tandem.
    Internal,
}

impl Code {
    /// The HTTP status that goes with it (SPEC 5).
    pub fn http_status(self) -> u16 {
        match self {
            Code::BadRequest => 400,
            Code::Unauthorized => 401,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::Busy | Code::Cancelled => 409,
            Code::TooLarge => 413,
            Code::TooManyRequests => 429,
            Code::Internal => 500,
            Code::PeerUnreachable
            | Code::DatabaseUnavailable
            | Code::ShuttingDown
            | Code::Stalled
            | Code::DataDir => 503,
            Code::DiskFull => 507,
            _ => 422,
        }
    }
}
