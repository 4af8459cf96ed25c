//! One sync at a time in this process: the slot that a session takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::session::{Session, Stop};
use crate::model::{Code, Direction, SessionId, SyncError, SyncStatus};

/// Shorter than a peer waits for its answer.
const DECISION: Duration = Duration::from_secs(10);

/// Holds the running session. Cheap to clone; all clones are the same slot.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Somebody who was about to start has started or given up.
    opened: Notify,
}

#[derive(Default)]
enum State {
    #[default]
    Free,
    /// Somebody is about to start: asks the database and the peer first.
    Opening,
    Taken(Arc<Session>),
    /// The node is shutting down.
    Closed,
}

/// A claim on the slot that gives it back unless a session takes it.
pub(super) struct Opening(Slot);

impl Slot {
    /// The session that runs, if it is that one.
    pub(super) fn running(&self, id: &SessionId) -> Option<Arc<Session>> {
        match &*self.lock() {
            State::Taken(session) if session.id == *id => Some(session.clone()),
            _ => None,
        }
    }

    /// `Busy` names the session that has the slot.
    pub(super) fn open(&self) -> Result<Opening, SyncError> {
        let mut state = self.lock();
        match &*state {
            State::Free => {
                *state = State::Opening;
                Ok(Opening(self.clone()))
            }
            State::Opening => {
                Err(SyncError::new(Code::Busy, "Another sync is just being started on this server.")
                    .hint("Wait a moment, then look which one runs."))
            }
            State::Taken(session) => Err(busy(&session.progress.status())),
            State::Closed => Err(SyncError::new(Code::ShuttingDown, "This server is shutting down.")),
        }
    }

    /// As `open`, but waits until somebody who is about to start has started or given up.
    pub(super) async fn open_after_opening(&self) -> Result<Opening, SyncError> {
        let decided = async {
            loop {
                let opened = self.0.opened.notified();
                if !matches!(*self.lock(), State::Opening) {
                    break;
                }
                opened.await;
            }
        };
        // Whoever takes longer keeps the slot, and `open` says so.
        timeout(DECISION, decided).await.unwrap_or_default();
        self.open()
    }

    /// Lets the next session in.
    pub(super) fn free(&self) {
        let mut state = self.lock();
        if !matches!(*state, State::Closed) {
            *state = State::Free;
        }
    }

    /// Lets no session in any more. Returns the one that runs.
    pub(super) fn close(&self) -> Option<Arc<Session>> {
        match std::mem::replace(&mut *self.lock(), State::Closed) {
            State::Taken(session) => Some(session),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opening {
    pub(super) fn take(self, session: Arc<Session>) {
        let mut state = self.0.lock();
        if matches!(*state, State::Closed) {
            session.stop(Stop::ShuttingDown);
        } else {
            *state = State::Taken(session);
        }
        drop(state);
        self.0.0.opened.notify_waiters();
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Opening) {
            *state = State::Free;
        }
        drop(state);
        self.0.0.opened.notify_waiters();
    }
}

fn busy(status: &SyncStatus) -> SyncError {
    let arrow = match status.direction {
        Direction::Pull => "from",
        Direction::Push => "to",
    };
    SyncError::new(
        Code::Busy,
        format!(
            "A sync is running: {} {arrow} {}, session {}, started by {}.",
            status.direction.as_str(),
            status.peer,
            status.session_id,
            status.started_by
        ),
    )
    .hint("Wait until it has finished, or cancel it.")
}
