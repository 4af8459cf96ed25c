//! The front door: everything that can be asked of a node, each a method of a few lines.

use bytes::Bytes;
use futures::stream::BoxStream;
use tokio::sync::watch;

use crate::config::Config;
use crate::model::wire;
use crate::model::{
    Check, Comparison, HistoryFilter, HistoryPage, Overview, SessionDetail, SessionId, SyncError,
    SyncRequest, SyncStatus,
};

/// A running node. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Engine {
    config: std::sync::Arc<Config>,
}

/// Who calls a peer endpoint: proven by signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub peer: String,
}

/// The parts of a peer's HTTP request that its signature covers.
#[derive(Debug, Clone)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Value of a header by its lower-case name.
    pub headers: &'a [(&'a str, &'a str)],
}

/// A verified signature: the body that follows must have this SHA-256 (hexadecimal).
#[derive(Debug, Clone)]
pub struct Verified {
    pub caller: Caller,
    pub body_sha256: String,
}

/// How the admin password came to be.
#[derive(Debug)]
pub enum AdminPassword {
    /// Given by `TANDEM_ADMIN_PASSWORD`, or generated on an earlier start.
    Known,
    /// Generated now: print it, it is not kept.
    Generated(String),
}

impl Engine {
    /// Connects, migrates the node's own tables, closes what a dead process left, starts the probing of peers.
    pub async fn start(config: Config) -> Result<(Self, AdminPassword), SyncError> {
        todo!()
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Checks pg_dump, versions, rights, disk, clock and peers.
    pub async fn doctor(&self) -> Vec<Check> {
        todo!()
    }

    /// The node's own database answers.
    pub async fn ready(&self) -> Result<(), SyncError> {
        todo!()
    }

    // ---- the panel and the command line

    pub async fn overview(&self) -> Result<Overview, SyncError> {
        todo!()
    }

    /// Probes every peer now, then answers like [`Engine::overview`].
    pub async fn refresh(&self) -> Result<Overview, SyncError> {
        todo!()
    }

    /// Compares this database with the peer's, table by table, and remembers the result.
    pub async fn compare(&self, peer: &str) -> Result<Comparison, SyncError> {
        todo!()
    }

    /// Starts a full sync and returns at once. `Busy` names the running one.
    pub async fn start_sync(&self, request: SyncRequest, started_by: &str) -> Result<SessionId, SyncError> {
        todo!()
    }

    /// Asks the running sync to stop; the status shows when it has. `NotFound` for an unknown session, `Refused` for
    /// one that has ended already.
    pub async fn cancel_sync(&self, session: &SessionId) -> Result<(), SyncError> {
        todo!()
    }

    /// The running sync, or the last one of this process; changes at most 10 times a second.
    pub fn current(&self) -> watch::Receiver<Option<SyncStatus>> {
        todo!()
    }

    /// The status of any session: the running one live, others from the history.
    pub async fn status(&self, session: &SessionId) -> Result<SyncStatus, SyncError> {
        todo!()
    }

    pub async fn history(&self, filter: &HistoryFilter) -> Result<HistoryPage, SyncError> {
        todo!()
    }

    pub async fn session(&self, session: &SessionId) -> Result<SessionDetail, SyncError> {
        todo!()
    }

    // ---- who is calling

    /// Checks the admin password (slow on purpose) and opens a panel session: the cookie's value, valid for 12 hours.
    pub async fn sign_in(&self, password: &str) -> Result<String, SyncError> {
        todo!()
    }

    pub async fn is_signed_in(&self, token: &str) -> Result<bool, SyncError> {
        todo!()
    }

    pub async fn sign_out(&self, token: &str) -> Result<(), SyncError> {
        todo!()
    }

    /// Compares in constant time with `TANDEM_API_TOKEN`; false when none is set.
    pub fn is_api_token(&self, token: &str) -> bool {
        todo!()
    }

    /// Checks who signed a peer request, its age and that it was not seen before. Read the body only after this, and
    /// compare its hash.
    pub fn verify_peer(&self, request: &SignedRequest<'_>) -> Result<Verified, SyncError> {
        todo!()
    }

    // ---- what peers ask for

    pub async fn hello(
        &self,
        caller: &Caller,
        request: wire::HelloRequest,
    ) -> Result<wire::HelloReply, SyncError> {
        todo!()
    }

    pub async fn initiate_backup(
        &self,
        caller: &Caller,
        request: wire::InitiateBackup,
    ) -> Result<wire::Accepted, SyncError> {
        todo!()
    }

    /// The bytes of the session's backup from `offset` on, while it is still being made; ends when it is whole.
    pub async fn download_backup(
        &self,
        caller: &Caller,
        session: &SessionId,
        offset: u64,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, SyncError> {
        todo!()
    }

    pub async fn receive_backup(
        &self,
        caller: &Caller,
        request: wire::ReceiveBackup,
    ) -> Result<wire::Accepted, SyncError> {
        todo!()
    }

    /// How many bytes of the upload are here.
    pub async fn received(&self, caller: &Caller, session: &SessionId) -> Result<u64, SyncError> {
        todo!()
    }

    /// Appends to the upload; `offset` must be where it ends now. Returns the new length.
    pub async fn receive_bytes(
        &self,
        caller: &Caller,
        session: &SessionId,
        offset: u64,
        bytes: Bytes,
    ) -> Result<u64, SyncError> {
        todo!()
    }

    pub async fn restore_backup(
        &self,
        caller: &Caller,
        request: wire::RestoreBackup,
    ) -> Result<wire::Accepted, SyncError> {
        todo!()
    }

    pub async fn report(
        &self,
        caller: &Caller,
        request: wire::Report,
    ) -> Result<wire::ReportReply, SyncError> {
        todo!()
    }

    pub async fn digest(
        &self,
        caller: &Caller,
        request: wire::DigestRequest,
    ) -> Result<wire::DigestReply, SyncError> {
        todo!()
    }

    /// Stops the running sync and closes the connections; within 10 s.
    pub async fn shutdown(&self) {
        todo!()
    }
}
