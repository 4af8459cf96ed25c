//! What this node knows of itself and of its peers.

use serde::{Deserialize, Serialize};

use super::{SessionSummary, SyncError, SyncStatus};

/// Everything that the Full Sync page shows before and beside a running sync.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// This node, first in every list; cannot be chosen.
    pub local: Peer,
    pub peers: Vec<Peer>,
    /// The running sync, or the last one of this process.
    pub current: Option<SyncStatus>,
    pub recent: Vec<SessionSummary>,
    /// The newest comparison with each peer.
    pub comparisons: Vec<Comparison>,
    /// What is not right on this node; empty is good.
    pub problems: Vec<Check>,
    /// The clock of this node, microseconds UTC: ages are counted from it.
    pub now_us: i64,
}

/// A node as seen from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    pub name: String,
    /// `10.8.0.12:3000`; none for a peer that calls us but cannot be called.
    pub address: Option<String>,
    pub is_local: bool,
    pub presence: Presence,
    pub last_seen_us: Option<i64>,
    /// Round trip of the last probe.
    pub latency_ms: Option<f64>,
    /// The peer's clock minus ours.
    pub clock_offset_ms: Option<i64>,
    /// Version of Tandem.
    pub version: Option<String>,
    pub database: Option<DatabaseFacts>,
    /// Why it is not online.
    pub problem: Option<SyncError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Not probed yet.
    Unknown,
    Online,
    Offline,
    /// It answers, but does not accept our key, or we not its.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// `PostgreSQL 15.18`
    pub product: String,
    pub size_bytes: u64,
    pub tables: u64,
    /// The statistics' estimate, or exact where a fingerprint is newer.
    pub rows: u64,
    /// Of the last full comparison, if there was one.
    pub fingerprint: Option<Fingerprint>,
}

/// The content of a database in 16 hexadecimal digits, for people; equality is decided by comparing every table.
///
/// Digit `i` is the first digit of the BLAKE3 hash over the digests of the tables of lane `i`. With up to 16 tables
/// each has a lane of its own, in alphabetical order; else a table's lane is the hash of its name modulo 16.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub lanes: String,
    pub tables: u64,
    pub rows: u64,
    pub at_us: i64,
}

/// Count and order-independent content hash of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// `schema.table`, the schema always named.
    pub name: String,
    pub rows: u64,
    /// 32 hexadecimal digits.
    pub hash: String,
}

/// Two databases compared table by table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    pub peer: String,
    pub at_us: i64,
    pub local: Fingerprint,
    pub remote: Fingerprint,
    /// `schema.table` of those whose rows differ, or that only one side has.
    pub differing: Vec<String>,
}

impl Comparison {
    pub fn is_identical(&self) -> bool {
        self.differing.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    Passed,
    Warning,
    Failed,
}

/// One line of `tandem doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub state: CheckState,
    /// What was found.
    pub text: String,
    /// What to do about it; empty when passed.
    pub fix: String,
}
