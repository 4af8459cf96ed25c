//! What peers say to each other under `/api/sync/`. Two versions of Tandem may meet here: fields are only ever
//! added, with a default; the protocol number changes when that is not enough.

use serde::{Deserialize, Serialize};

use super::{DatabaseFacts, Kind, Method, SessionId, SyncOptions, SyncStatus, TableDigest, TableStatus};

pub const PROTOCOL: u32 = 3;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HelloRequest {
    pub protocol: u32,
    pub version: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HelloReply {
    pub protocol: u32,
    pub version: String,
    pub name: String,
    /// The answering node's clock, microseconds UTC.
    pub clock_us: i64,
    pub database: DatabaseFacts,
}

/// Asks a peer to take part in a sync: in a pull to make a backup of its database and to keep it until the session
/// ends, in a push to be ready for an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    pub protocol: u32,
    pub session_id: SessionId,
    pub started_by: String,
    pub method: Method,
    pub options: SyncOptions,
    #[serde(default)]
    pub kind: Kind,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accepted {
    pub status: SyncStatus,
}

/// Push: the upload is whole, `bytes` long; restore it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreBackup {
    pub session_id: SessionId,
    pub bytes: u64,
}

/// The starter's state, sent several times a second while a session lasts and once with the final phase. The answer is
/// the other node's state: this is how both see the same session although only one can call the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub session_id: SessionId,
    pub said: Said,
}

/// What one node says of its side of a session: in a report, and in the answer to it. What the other has heard is not
/// said again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Said {
    /// Counts from 1 what this node has said of the session.
    pub number: u64,
    /// The number of what it has heard last; 0 before anything.
    pub heard: u64,
    /// Without tables.
    pub status: SyncStatus,
    /// How many tables there are.
    pub tables: usize,
    /// Those that are news, with their places.
    pub changed: Vec<(usize, TableStatus)>,
    /// The source's digests, once they are known.
    pub digests: Option<Vec<TableDigest>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DigestRequest {
    pub protocol: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DigestReply {
    pub digests: Vec<TableDigest>,
}
