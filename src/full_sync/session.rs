//! One running sync: what its tasks, its peer's requests and its end share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, watch};

use super::Node;
use super::errors::{internal, spool_failed};
use super::line::{self, Numbered};
use super::pace::Pace;
use super::talk::Talk;
use crate::archive::{Compression, Spool, SpoolWriter};
use crate::catalog::TableName;
use crate::database::Claim;
use crate::model::wire::Said;
use crate::model::{
    Code, Direction, Kind, Method, Phase, Preview, SessionId, Step, SyncError, SyncResult, SyncStatus,
    TableDigest, text,
};
use crate::progress::Progress;

/// How long the answer to a last report may wait for the end of the session here.
const LAST_REPORT: Duration = Duration::from_secs(2);

/// Where to look for who did what: the target of those lines in the log.
pub(super) const AUDIT: &str = "audit";

/// How the work of a session ended well.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) phase: Phase,
    pub(crate) result: Option<SyncResult>,
    pub(crate) preview: Option<Preview>,
    pub(crate) message: String,
    /// Tables whose statistics are to be brought up to date.
    pub(crate) stale: Vec<TableName>,
}

impl Outcome {
    /// With nothing to show yet, and nothing written.
    pub(super) fn new(phase: Phase, message: String) -> Self {
        Self { phase, result: None, preview: None, message, stale: Vec::new() }
    }

    /// How the other node has ended is how this one ends.
    fn of_peer(status: SyncStatus) -> Self {
        let SyncStatus { phase, result, preview, message, .. } = status;
        Self { result, preview, ..Self::new(phase, message) }
    }
}

/// Why a session is made to end.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// `admin on Head Office`
    Cancelled {
        by: String,
    },
    ShuttingDown,
    /// The other node has ended it.
    Peer(SyncError),
    Stalled,
    PeerSilent,
}

pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) node: Node,
    pub(crate) progress: Progress,
    pub(crate) peer: String,
    pub(crate) fence: i64,
    pub(super) claim: Mutex<Option<Claim>>,
    /// Set once; what the supervisor waits for.
    pub(super) stop: watch::Sender<Option<Stop>>,
    /// How it ended for the peer.
    peers_outcome: watch::Sender<Option<Outcome>>,
    /// The peer's, when it is the source.
    pub(super) remote_digests: watch::Sender<Option<Vec<TableDigest>>>,
    /// Ours, when we are the source.
    pub(super) digests: watch::Sender<Option<Vec<TableDigest>>>,
    pub(super) heard: Mutex<Instant>,
    talk: Mutex<Talk>,
    pub(super) pace: Pace,
    /// The last message of a peer, about rows that differ or with rows, and our answer.
    pub(super) asked: watch::Sender<Numbered>,
    pub(super) answered: watch::Sender<Numbered>,
    /// True when the slot is free again.
    pub(super) ended: watch::Sender<bool>,
    /// The backup, on either side.
    spool: OnceLock<Arc<Spool>>,
    writer: AsyncMutex<Option<SpoolWriter>>,
}

impl Session {
    pub(super) fn new(node: Node, progress: Progress, claim: Claim) -> Self {
        let status = progress.status();
        Self {
            id: status.session_id,
            node,
            progress,
            peer: status.peer,
            fence: claim.fence,
            claim: Mutex::new(Some(claim)),
            stop: watch::Sender::new(None),
            peers_outcome: watch::Sender::new(None),
            remote_digests: watch::Sender::new(None),
            digests: watch::Sender::new(None),
            heard: Mutex::new(Instant::now()),
            talk: Mutex::default(),
            pace: Pace::new(&status.options),
            asked: watch::Sender::new(None),
            answered: watch::Sender::new(None),
            ended: watch::Sender::new(false),
            spool: OnceLock::new(),
            writer: AsyncMutex::new(None),
        }
    }

    /// Asks for the end. The first reason counts.
    pub(crate) fn stop(&self, reason: Stop) {
        let first = self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(reason.clone());
            }
            first
        });
        if first && let Stop::Cancelled { by } = reason {
            tracing::info!(target: AUDIT, session = %self.id, who = by, "sync cancelled");
            self.progress.set(|status| {
                if !status.phase.is_final() {
                    status.phase = Phase::Cancelling;
                    status.message = "Stopping on both servers, up to 5 seconds.".to_owned();
                    status.eta_seconds = None;
                }
            });
        }
    }

    pub(crate) fn spool_path(&self) -> PathBuf {
        self.node.config.data_dir.join("spool").join(format!("{}.part", self.id))
    }

    /// Makes the spool that this session's backup goes through.
    pub(super) async fn open_spool(&self) -> Result<(SpoolWriter, Arc<Spool>), SyncError> {
        let (writer, spool) =
            Spool::create(self.spool_path()).map_err(|cause| spool_failed(&self.spool_path(), &cause))?;
        self.spool.get_or_init(|| spool.clone());
        Ok((writer, spool))
    }

    /// For a peer's sync: the spool exists before the peer downloads from it or uploads to it.
    pub(super) async fn offer_spool(&self) -> Result<(), SyncError> {
        let (writer, _) = self.open_spool().await?;
        *self.writer.lock().await = Some(writer);
        Ok(())
    }

    pub(super) async fn take_writer(&self) -> Option<SpoolWriter> {
        self.writer.lock().await.take()
    }

    pub(crate) fn spool(&self) -> Result<Arc<Spool>, SyncError> {
        self.spool
            .get()
            .cloned()
            .ok_or_else(|| SyncError::new(Code::NotFound, "This session has no backup yet."))
    }

    /// Appends what a peer uploads. Answers the length there is now.
    pub(crate) async fn append(&self, offset: u64, bytes: Bytes) -> Result<u64, SyncError> {
        let mut guard = self.writer.lock().await;
        let Some(writer) = guard.as_mut() else {
            return Err(SyncError::new(Code::Refused, "This session takes no more bytes."));
        };
        let len = writer.len();
        let end = offset + bytes.len() as u64;
        if end <= len {
            // A retry after a lost answer.
            return Ok(len);
        }
        if offset != len {
            return Err(SyncError::new(
                Code::BadRequest,
                format!("The upload continues at byte {len}, not {offset}."),
            ));
        }
        writer.append(bytes).await.map_err(|cause| spool_failed(&self.spool_path(), &cause))?;
        Ok(writer.len())
    }

    /// The upload is whole.
    pub(crate) async fn close_upload(&self, bytes: u64) -> Result<(), SyncError> {
        let mut guard = self.writer.lock().await;
        let Some(writer) = guard.take() else {
            return Ok(());
        };
        if writer.len() != bytes {
            let here = writer.len();
            *guard = Some(writer);
            return Err(SyncError::new(Code::BadRequest, format!("{here} of {bytes} bytes are here.")));
        }
        writer.finish().await.map_err(|cause| spool_failed(&self.spool_path(), &cause))?;
        // The starter's next report may come after the end of a short session.
        self.progress.bytes(bytes);
        self.progress.bytes_total(bytes);
        self.progress.done(Step::Transfer, format!("{} received", text::bytes(bytes)));
        Ok(())
    }

    /// Whether the nodes look for the rows that differ before anything is sent.
    pub(super) fn kind(&self) -> Kind {
        self.progress.status().kind
    }

    /// Whether both databases are compared after the commit.
    pub(super) fn verifies(&self) -> bool {
        let status = self.progress.status();
        status.kind == Kind::Sync && status.options.verify
    }

    pub(super) fn looks_for_differences(&self) -> bool {
        matches!(self.progress.status().method, Method::Auto | Method::Delta)
    }

    /// Rows come as JSON instead of an archive.
    pub(super) fn sends_rows(&self) -> bool {
        self.progress.status().method == Method::Rows
    }

    /// Waits until so many bytes may leave.
    pub(crate) async fn pace(&self, bytes: usize) {
        const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
        let mut wait = self.pace.wait(bytes);
        while !wait.is_zero() {
            let some = wait.min(SIGN_OF_LIFE);
            tokio::time::sleep(some).await;
            self.progress.touch();
            wait -= some;
        }
    }

    pub(super) fn compression(&self) -> Compression {
        if self.progress.status().options.compress { Compression::Zstd(1) } else { Compression::Stored }
    }

    /// A peer's message about rows that differ, or with rows.
    pub(crate) async fn exchange(&self, number: u32, message: Bytes) -> Result<Option<Bytes>, SyncError> {
        line::exchange(self, number, message).await
    }

    /// The starter's report: its state in, ours out. Its last report is answered when the session has ended here too,
    /// so that the starter can begin the next one at once.
    pub(crate) async fn answer(&self, report: Said) -> Said {
        let last = report.status.phase.is_final();
        self.hear(report);
        if last {
            let mut ended = self.ended.subscribe();
            if tokio::time::timeout(LAST_REPORT, ended.wait_for(|ended| *ended)).await.is_err() {
                tracing::debug!(session = %self.id, "the session takes long to end");
            }
        }
        self.say(self.progress.status())
    }

    /// Our state, for the peer.
    pub(super) fn say(&self, status: SyncStatus) -> Said {
        let digests = self.digests.borrow();
        self.talk.lock().unwrap_or_else(PoisonError::into_inner).say(status, digests.as_ref())
    }

    /// Takes over what only the peer can know, and ends with it.
    pub(super) fn hear(&self, said: Said) {
        let (remote, digests) = self.talk.lock().unwrap_or_else(PoisonError::into_inner).hear(said);
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let ours = self.progress.status();
        let mut steps = match ours.direction {
            Direction::Pull => vec![Step::Backup],
            Direction::Push => vec![Step::Convert, Step::Restore, Step::Verify],
        };
        if !ours.started_here {
            steps.push(Step::Transfer);
        }
        self.progress.adopt(&remote, &steps);
        if digests.is_some() {
            self.remote_digests.send_replace(digests);
        }
        match remote.phase {
            Phase::Cancelling | Phase::Cancelled => {
                self.stop(Stop::Cancelled { by: format!("somebody on {}", self.peer) });
            }
            Phase::Failed | Phase::Interrupted => {
                let error = remote.error.clone().unwrap_or_else(|| {
                    SyncError::new(Code::Interrupted, format!("{} has stopped.", self.peer))
                });
                self.stop(Stop::Peer(error));
            }
            _ => {}
        }
        if remote.phase.is_final() {
            self.peers_outcome.send_replace(Some(Outcome::of_peer(remote)));
        }
    }

    /// Waits until it has ended well for the peer. Its failures and cancels end this session through its stop.
    pub(super) async fn peers_outcome(&self) -> Result<Outcome, SyncError> {
        let mut outcome = self.peers_outcome.subscribe();
        let is_success = |end: &Option<Outcome>| end.as_ref().is_some_and(|end| end.phase.is_success());
        let outcome = outcome.wait_for(is_success).await.map_err(|error| internal(&error.to_string()))?;
        outcome.clone().ok_or_else(|| internal("a peer's end without an outcome"))
    }

    /// How it ended for the peer, well or not; None when it does not say so in time.
    pub(super) async fn peers_end(&self, timeout: Duration) -> Option<Outcome> {
        let mut outcome = self.peers_outcome.subscribe();
        let end = tokio::time::timeout(timeout, outcome.wait_for(Option::is_some)).await.ok()?.ok()?;
        end.clone()
    }

    /// A preview can end before all has travelled: when the target has found that a sync would be refused, or that
    /// nothing can be counted yet.
    pub(super) async fn early_end(&self) -> Result<Outcome, SyncError> {
        match self.kind() {
            Kind::Preview => self.peers_outcome().await,
            Kind::Sync | Kind::Undo => std::future::pending().await,
        }
    }

    pub(super) fn silent_for(&self) -> Duration {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Waits for the digests of the other side's source.
    pub(super) async fn source_digests(&self) -> Vec<TableDigest> {
        let mut digests = self.remote_digests.subscribe();
        // The sender lives as long as `self`, so this waits only for a value.
        match digests.wait_for(Option::is_some).await {
            Ok(value) => value.clone().unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}
