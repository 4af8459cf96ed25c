//! Sessions as the history keeps them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Direction, Kind, LogLine, Method, Phase, SyncError, SyncStatus};

/// Names one sync on both nodes: a UUID in lower-case text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

impl SessionId {
    /// Accepts exactly the canonical form, because the id becomes part of file, table and connection names.
    pub fn parse(text: &str) -> Option<Self> {
        let shape = |(index, byte): (usize, u8)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        };
        (text.len() == 36 && text.bytes().enumerate().all(shape)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last 12 digits: the random part, enough for people and for names inside one database.
    pub fn short(&self) -> &str {
        &self.0[24..]
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SessionId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a session id"))
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.0
    }
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionSummary {
    pub session_id: SessionId,
    #[serde(default)]
    pub kind: Kind,
    pub direction: Direction,
    pub local: String,
    pub peer: String,
    pub started_by: String,
    pub started_here: bool,
    pub method: Method,
    pub phase: Phase,
    pub started_us: i64,
    pub finished_us: Option<i64>,
    pub elapsed_ms: u64,
    pub bytes: u64,
    /// Of the transfer; 0 when it was not measured.
    pub bytes_per_second: u64,
    pub rows: u64,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    /// Until when it can be undone; none when it cannot.
    #[serde(default)]
    pub undo_until_us: Option<i64>,
    pub error: Option<SyncError>,
}

/// One session whole: its last status and its whole log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionDetail {
    pub status: SyncStatus,
    pub log: Vec<LogLine>,
}

/// Which sessions to list; the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryFilter {
    pub peer: Option<String>,
    pub phase: Option<Phase>,
    pub kind: Option<Kind>,
    /// Only what may have written something.
    pub without_previews: bool,
    /// Sessions older than this one only: the last id of the page before.
    pub before: Option<SessionId>,
    /// 1 to 200; 50 when 0.
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryPage {
    pub sessions: Vec<SessionSummary>,
    /// There are older ones.
    pub more: bool,
    /// How many match the filter in all.
    pub total: u64,
}
