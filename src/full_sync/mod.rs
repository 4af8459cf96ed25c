//! The button: one sync at a time, started here or by a peer, and one place where it ends.

mod additive;
mod contact;
mod delta;
mod doubts;
mod errors;
mod line;
mod pace;
mod preview;
mod pull;
mod push;
mod request;
mod respond;
mod rows;
mod session;
mod slot;
mod source;
mod supervise;
mod talk;
mod target;
mod undo;
mod verify;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::compare;
use crate::config::Config;
use crate::database::{Claim, Database, View};
use crate::model::wire::{Accepted, Invitation, PROTOCOL};
use crate::model::{
    Code, Direction, HistoryFilter, Kind, Method, Phase, SessionId, SyncError, SyncOptions, SyncRequest,
    SyncStatus, TableDigest,
};
use crate::peer::Peers;
use crate::progress::Progress;
use crate::store::Store;

use request::{check_protocol, reason, refuse_contradiction, refuse_initialise};
use session::AUDIT;
pub(crate) use session::{Session, Stop};
use slot::{Opening, Slot};
pub(crate) use talk::Talk;

/// What a sync needs of its node.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) config: Arc<Config>,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) store: Store,
    pub(crate) peers: Peers,
}

/// The syncs of this process: at most one at a time.
#[derive(Clone)]
pub(crate) struct FullSync {
    node: Node,
    slot: Slot,
    publish: watch::Sender<Option<SyncStatus>>,
    tasks: TaskTracker,
}

impl FullSync {
    pub(crate) fn new(node: Node) -> Self {
        let publish = watch::Sender::new(None);
        Self { node, slot: Slot::default(), publish, tasks: TaskTracker::new() }
    }

    pub(crate) fn current(&self) -> watch::Receiver<Option<SyncStatus>> {
        self.publish.subscribe()
    }

    /// Ends what a dead process left behind, unless another process syncs this database now; returns the sessions that it
    /// had left open. The newest session is shown as the last one.
    pub(crate) async fn sweep(&self) -> Result<Vec<SyncStatus>, SyncError> {
        let mut closed = Vec::new();
        let data_dir = &self.node.config.data_dir;
        let unusable = |cause: std::io::Error| errors::spool_failed(data_dir, &cause);
        crate::spool_dir::prepare(data_dir).await.map_err(unusable)?;
        expire(&self.node).await?;
        if self.node.database.sweep().await? {
            crate::spool_dir::sweep(data_dir).await.map_err(unusable)?;
            closed = self.node.store.close_orphans().await?;
            for status in &closed {
                tracing::warn!(session = %status.session_id, phase = status.phase.as_str(), "closed a session that a stopped process left open");
            }
        }
        let newest = self.node.store.history(&HistoryFilter { limit: 1, ..HistoryFilter::default() }).await?;
        if let Some(newest) = newest.sessions.first()
            && let Some(session) = self.node.store.session(&newest.session_id).await?
        {
            self.publish.send_replace(Some(session.status));
        }
        Ok(closed)
    }

    /// Digests of every table of this database as it is now.
    pub(crate) async fn digests(&self) -> Result<Vec<TableDigest>, SyncError> {
        // A name of its own, so that nothing of a running sync is mistaken for it.
        let snapshot = self.node.database.snapshot(&new_id(), View::Everything).await?;
        Ok(compare::digests(&*snapshot, &compare::everything(&*snapshot), |_| {}).await?)
    }

    /// The running session, if it is that one.
    pub(crate) fn running(&self, id: &SessionId) -> Option<Arc<Session>> {
        self.slot.running(id)
    }

    /// Starts a sync from here: asks the peer first, so that a busy or unreachable peer is the answer to this call.
    /// A preview is the same without the writing.
    pub(crate) async fn start(
        &self,
        kind: Kind,
        request: SyncRequest,
        started_by: &str,
    ) -> Result<SessionId, SyncError> {
        refuse_contradiction(&request.options)?;
        refuse_initialise(self.node.config.allow_initialise, true, request.action, &request.options)?;
        let client = self.node.peers.client(&request.peer)?;
        let opening = self.slot.open()?;
        let id = new_id();
        let claim = self.claim(&id).await?;

        let (method, reason) = match request::method(&client, &request, &id).await {
            Ok(chosen) => chosen,
            Err(error) => {
                claim.release().await;
                return Err(error);
            }
        };
        let invitation = Invitation {
            protocol: PROTOCOL,
            session_id: id.clone(),
            started_by: started_by.to_owned(),
            method,
            options: request.options.clone(),
            kind,
        };
        let asked = client.invite(request.action, &invitation).await;
        if let Err(error) = asked {
            claim.release().await;
            return Err(error.into());
        }

        let status = SyncStatus {
            started_here: true,
            reason: reason.to_owned(),
            ..self.status(&id, kind, request.action, &request.peer, started_by, method, request.options)
        };
        let session = self.open(opening, status, claim).await?;
        self.spawn(session.clone(), async move {
            let work = async {
                match request.action {
                    Direction::Pull => pull::pull(&session, &client).await,
                    Direction::Push => push::push(&session, &client).await,
                }
            };
            tokio::select! {
                outcome = work => outcome,
                error = contact::keep(&session, &client) => Err(error),
            }
        });
        Ok(id)
    }

    /// Starts to take a committed sync of this database back.
    pub(crate) async fn undo(
        &self,
        undone: SyncStatus,
        force: bool,
        started_by: &str,
    ) -> Result<SessionId, SyncError> {
        undo::refuse(&undone)?;
        let opening = self.slot.open()?;
        let id = new_id();
        let claim = self.claim(&id).await?;
        let (direction, peer) = (undone.direction, undone.peer.clone());
        let status =
            self.status(&id, Kind::Undo, direction, &peer, started_by, undone.method, undone.options.clone());
        let status = SyncStatus { started_here: true, undo: Some(undone.session_id.clone()), ..status };
        let session = self.open(opening, status, claim).await?;
        self.spawn(session.clone(), async move { undo::undo(&session, undone, force).await });
        Ok(id)
    }

    /// Takes part in a sync that a peer has started. `direction` is seen from here: its pull is our push.
    pub(crate) async fn join(
        &self,
        peer: &str,
        direction: Direction,
        request: Invitation,
    ) -> Result<Accepted, SyncError> {
        check_protocol(peer, request.protocol)?;
        refuse_contradiction(&request.options)?;
        refuse_initialise(self.node.config.allow_initialise, false, direction, &request.options)?;
        // Of two nodes that start against each other, the one whose name comes first gets its way.
        let opening = if *peer < *self.node.config.name {
            self.slot.open_after_opening().await?
        } else {
            self.slot.open()?
        };
        let claim = self.claim(&request.session_id).await?;
        let by = format!("{} at {peer}", request.started_by);
        let status = self.status(
            &request.session_id,
            request.kind,
            direction,
            peer,
            &by,
            request.method,
            request.options,
        );
        let session = self.open(opening, status, claim).await?;
        // A spool that cannot be made fails the session: only the supervisor gives the slot back.
        let spool = session.offer_spool().await;
        let accepted = Accepted { status: session.progress.status() };
        self.spawn(session.clone(), async move {
            spool?;
            match direction {
                Direction::Push => respond::serve_backup(&session).await,
                Direction::Pull => respond::restore_upload(&session).await,
            }
        });
        Ok(accepted)
    }

    /// Stops the running session and lets no other start.
    pub(crate) async fn shutdown(&self) {
        if let Some(session) = self.slot.close() {
            session.stop(Stop::ShuttingDown);
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn claim(&self, id: &SessionId) -> Result<Claim, SyncError> {
        let claim = self.node.database.claim(id).await?;
        claim.ok_or_else(|| {
            SyncError::new(Code::Busy, "Another Tandem process is syncing this server's database.")
                .hint("Wait until it has finished, or stop that process.")
        })
    }

    /// The session exists from here on: in the store, on the panel, and in the slot.
    async fn open(
        &self,
        opening: Opening,
        status: SyncStatus,
        claim: Claim,
    ) -> Result<Arc<Session>, SyncError> {
        self.node.store.open_session(&status).await?;
        let (action, who) = (status.direction.as_str(), &status.started_by);
        tracing::info!(target: AUDIT, session = %status.session_id, who, action, peer = status.peer, "sync started");
        let progress = Progress::start(status, self.publish.clone());
        let session = Arc::new(Session::new(self.node.clone(), progress, claim));
        opening.take(session.clone());
        Ok(session)
    }

    fn spawn(
        &self,
        session: Arc<Session>,
        work: impl Future<Output = Result<session::Outcome, SyncError>> + Send + 'static,
    ) {
        let slot = self.slot.clone();
        let task = self.tasks.spawn(work);
        self.tasks.spawn(async move {
            let (node, id) = (session.node.clone(), session.id.clone());
            let ended = supervise::supervise(session, task).await;
            if let Err(error) = expire(&node).await {
                tracing::warn!(%error, "what was kept for an undo is not dropped yet; the next sync or start tries again");
            }
            slot.free();
            let stale = ended.show();
            if !stale.is_empty()
                && let Err(error) = node.database.analyze(&id, &stale).await
            {
                tracing::warn!(%error, "the statistics of some tables are not up to date; autovacuum will do it");
            }
        });
    }

    #[expect(clippy::too_many_arguments, reason = "each is one field of the status that begins here")]
    fn status(
        &self,
        id: &SessionId,
        kind: Kind,
        direction: Direction,
        peer: &str,
        started_by: &str,
        method: Method,
        options: SyncOptions,
    ) -> SyncStatus {
        SyncStatus {
            session_id: id.clone(),
            kind,
            direction,
            local: self.node.config.name.clone(),
            peer: peer.to_owned(),
            started_by: started_by.to_owned(),
            started_here: false,
            options,
            phase: Phase::Running,
            method,
            reason: reason(method).to_owned(),
            step: 1,
            step_name: String::new(),
            steps: Vec::new(),
            percent: 0.0,
            bytes_done: 0,
            bytes_total: None,
            rows_done: 0,
            rows_total: None,
            bytes_per_second: 0,
            eta_seconds: None,
            message: "Starting.".to_owned(),
            tables: Vec::new(),
            samples: Vec::new(),
            log: Vec::new(),
            error: None,
            result: None,
            preview: None,
            undo: None,
            in_doubt: false,
            started_us: crate::clock::now_us(),
            finished_us: None,
            elapsed_ms: 0,
        }
    }
}

/// Drops what was kept of earlier syncs for long enough.
async fn expire(node: &Node) -> Result<(), SyncError> {
    node.database.expire().await?;
    Ok(node.store.expire_quarantine().await?)
}

fn new_id() -> SessionId {
    SessionId::parse(&Uuid::now_v7().to_string()).expect("a UUID is a session id")
}
