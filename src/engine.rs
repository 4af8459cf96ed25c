//! The front door: everything that can be asked of a node, each a method of a few lines.

mod peers;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::access::Access;
pub use crate::access::{AdminPassword, Caller, SignedRequest, Verified};
use crate::compare;
use crate::config::Config;
use crate::database::{self, Database};
use crate::full_sync::{FullSync, Node, Stop};
use crate::model::{
    Check, CheckState, Code, Comparison, DatabaseFacts, HistoryFilter, HistoryPage, Kind, Overview, Peer,
    Presence, SessionDetail, SessionId, SyncError, SyncRequest, SyncStatus,
};
use crate::peer::{Peers, Presences, watch_presence};
use crate::store::Store;

/// Sessions listed beside a running sync.
const RECENT: u32 = 8;

/// A running node. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Engine {
    config: Arc<Config>,
    database: Arc<dyn Database>,
    store: Store,
    peers: Peers,
    presences: Presences,
    access: Arc<Access>,
    full_sync: FullSync,
    /// What the last checks found; they start programs, so not every page makes them anew.
    problems: Arc<Mutex<Vec<Check>>>,
    /// End with the last clone.
    _background: Arc<[AbortOnDropHandle<()>; 2]>,
}

impl Engine {
    /// Connects, migrates the node's own tables, closes what a dead process left, starts to ask peers.
    pub async fn start(config: Config) -> Result<(Self, AdminPassword), SyncError> {
        let config = Arc::new(config);
        let database = database::connect(&config).await?;
        let store = Store::new(database.clone());
        let peers = Peers::new(&config)?;
        let (access, password) = Access::open(&config, &store).await?;
        let node = Node {
            config: config.clone(),
            database: database.clone(),
            store: store.clone(),
            peers: peers.clone(),
        };
        let full_sync = FullSync::new(node);
        let closed = full_sync.sweep().await?;

        let presences = Presences::default();
        let background = [
            tokio::spawn(watch_presence(peers.clone(), presences.clone())),
            tokio::spawn(full_sync.clone().settle(closed)),
        ];
        let engine = Self {
            config,
            database,
            store,
            peers,
            presences,
            access: Arc::new(access),
            full_sync,
            problems: Arc::default(),
            _background: Arc::new(background.map(AbortOnDropHandle::new)),
        };
        engine.check_node().await;
        Ok((engine, password))
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Checks pg_dump, versions, rights, disk, clock and peers.
    pub async fn doctor(&self) -> Vec<Check> {
        let mut checks = self.check_node().await;
        self.presences.probe(&self.peers).await;
        checks.extend(self.presences.list(&self.peers).iter().map(peer_check));
        checks
    }

    async fn check_node(&self) -> Vec<Check> {
        let mut checks = self.database.checks().await;
        checks.push(crate::spool_dir::check(&self.config.data_dir).await);
        let problems = checks.iter().filter(|check| check.state != CheckState::Passed).cloned().collect();
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
        checks
    }

    /// The node's own database answers.
    pub async fn ready(&self) -> Result<(), SyncError> {
        self.database.facts().await?;
        Ok(())
    }

    // ---- the panel and the command line

    pub async fn overview(&self) -> Result<Overview, SyncError> {
        let filter = HistoryFilter { limit: RECENT, without_previews: true, ..HistoryFilter::default() };
        let recent = self.store.history(&filter).await?.sessions;
        let current = self.full_sync.current().borrow().clone();
        Ok(Overview {
            local: self.local().await?,
            peers: self.presences.list(&self.peers),
            current,
            recent,
            comparisons: self.store.comparisons().await?,
            problems: self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            now_us: crate::clock::now_us(),
        })
    }

    /// Probes every peer and checks this node now, then answers like [`Engine::overview`].
    pub async fn refresh(&self) -> Result<Overview, SyncError> {
        self.check_node().await;
        self.presences.probe(&self.peers).await;
        self.overview().await
    }

    /// Compares this database with the peer's, table by table, and remembers the result.
    pub async fn compare(&self, peer: &str) -> Result<Comparison, SyncError> {
        let client = self.peers.client(peer)?;
        let (ours, theirs) = tokio::try_join!(self.full_sync.digests(), async {
            client.digest().await.map_err(SyncError::from)
        })?;
        let comparison = compare::compare(peer, &ours, &theirs.digests);
        self.store.save_comparison(&comparison).await?;
        Ok(comparison)
    }

    /// Starts a full sync and returns at once. `Busy` names the running one.
    pub async fn start_sync(&self, request: SyncRequest, started_by: &str) -> Result<SessionId, SyncError> {
        self.full_sync.start(Kind::Sync, request, started_by).await
    }

    /// Starts to find out what a full sync would do, and returns at once; its session ends with the preview.
    pub async fn start_preview(
        &self,
        request: SyncRequest,
        started_by: &str,
    ) -> Result<SessionId, SyncError> {
        self.full_sync.start(Kind::Preview, request, started_by).await
    }

    /// Starts to take a committed sync of this database back, and returns the session that does it. With `force`, rows
    /// that were changed since are overwritten.
    pub async fn start_undo(
        &self,
        session: &SessionId,
        force: bool,
        started_by: &str,
    ) -> Result<SessionId, SyncError> {
        self.full_sync.undo(self.session(session).await?.status, force, started_by).await
    }

    /// Asks the running sync to stop; the status shows when it has. `NotFound` for an unknown session, `Refused` for
    /// one that has ended already.
    pub async fn cancel_sync(&self, session: &SessionId, by: &str) -> Result<(), SyncError> {
        let Some(running) = self.full_sync.running(session) else {
            let ended = self.session(session).await?;
            let phase = ended.status.phase.as_str();
            return Err(SyncError::new(
                Code::Refused,
                format!("Session {session} has ended already: {phase}."),
            ));
        };
        running.stop(Stop::Cancelled { by: format!("{by} on {}", self.config.name) });
        Ok(())
    }

    /// The running sync, or the last one; changes at most ten times a second.
    pub fn current(&self) -> watch::Receiver<Option<SyncStatus>> {
        self.full_sync.current()
    }

    /// The status of any session: the running one live, others from the history.
    pub async fn status(&self, session: &SessionId) -> Result<SyncStatus, SyncError> {
        Ok(self.session(session).await?.status)
    }

    pub async fn history(&self, filter: &HistoryFilter) -> Result<HistoryPage, SyncError> {
        Ok(self.store.history(filter).await?)
    }

    pub async fn session(&self, session: &SessionId) -> Result<SessionDetail, SyncError> {
        if let Some(running) = self.full_sync.running(session) {
            return Ok(SessionDetail { status: running.progress.status(), log: running.progress.log() });
        }
        let found = self.store.session(session).await?;
        found.ok_or_else(|| SyncError::new(Code::NotFound, format!("There is no session {session}.")))
    }

    // ---- who is calling

    /// Checks the admin password (slow on purpose) and opens a panel session: the cookie's value, valid for 12 hours.
    pub async fn sign_in(&self, password: &str) -> Result<String, SyncError> {
        self.access.sign_in(password).await
    }

    pub async fn is_signed_in(&self, token: &str) -> Result<bool, SyncError> {
        self.access.is_signed_in(token).await
    }

    pub async fn sign_out(&self, token: &str) -> Result<(), SyncError> {
        self.access.sign_out(token).await
    }

    /// Compares in constant time with `TANDEM_API_TOKEN`; false when none is set.
    pub fn is_api_token(&self, token: &str) -> bool {
        self.access.is_api_token(token)
    }

    /// Checks who signed a peer request, its age and that it was not seen before. Read the body only after this, and
    /// compare its hash.
    pub fn verify_peer(&self, request: &SignedRequest<'_>) -> Result<Verified, SyncError> {
        let verified = self.access.verify_peer(request, &self.config.name, |name| self.peers.knows(name))?;
        self.presences.seen(&verified.caller.peer);
        Ok(verified)
    }

    /// Stops the running sync and closes the connections; within 10 s.
    pub async fn shutdown(&self) {
        self.full_sync.shutdown().await;
        self.database.close().await;
    }

    async fn local(&self) -> Result<Peer, SyncError> {
        Ok(Peer {
            name: self.config.name.clone(),
            address: Some(self.config.listen.to_string()),
            is_local: true,
            presence: Presence::Online,
            last_seen_us: None,
            latency_ms: None,
            clock_offset_ms: None,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            database: Some(self.facts().await?),
            problem: None,
        })
    }

    async fn facts(&self) -> Result<DatabaseFacts, SyncError> {
        let facts = self.database.facts().await?;
        let comparisons = self.store.comparisons().await?;
        let newest =
            comparisons.into_iter().map(|comparison| comparison.local).max_by_key(|print| print.at_us);
        Ok(DatabaseFacts {
            product: facts.product,
            size_bytes: facts.size_bytes,
            tables: facts.tables,
            rows: newest.as_ref().map_or(facts.estimated_rows, |print| print.rows),
            fingerprint: newest,
        })
    }
}

fn peer_check(peer: &Peer) -> Check {
    let name = format!("Peer {}", peer.name);
    let clock = peer.clock_offset_ms.unwrap_or(0);
    match (&peer.problem, peer.presence) {
        (Some(problem), _) => Check {
            name,
            state: CheckState::Failed,
            text: problem.message.clone(),
            fix: problem.hint.clone(),
        },
        (None, Presence::Online) if clock.abs() > 60_000 => Check {
            name,
            state: CheckState::Warning,
            text: format!("its clock differs from ours by {} s", clock / 1000),
            fix: "Set both clocks by NTP: beyond five minutes requests are refused.".to_owned(),
        },
        (None, Presence::Online) => {
            Check { name, state: CheckState::Passed, text: "online".to_owned(), fix: String::new() }
        }
        (None, _) => Check {
            name,
            state: CheckState::Warning,
            text: "has not called yet and has no address here".to_owned(),
            fix: format!("Add its address to TANDEM_PEERS, or start Tandem on {}", peer.name),
        },
    }
}
