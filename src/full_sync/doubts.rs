//! Sessions that ended without their peer: it is told, and whoever knows whether one has committed is asked until it
//! answers.

use std::time::Duration;

use super::supervise::completed;
use super::talk::Talk;
use super::{FullSync, Node};
use crate::model::wire::Report;
use crate::model::{Phase, SessionDetail, SyncError, SyncStatus};

const SHORTEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

impl FullSync {
    /// Asks for ever; the caller owns the task. `closed` are the sessions that a dead process had left open: their peers
    /// still wait for it.
    pub(crate) async fn settle(self, closed: Vec<SyncStatus>) {
        for status in closed.iter().filter(|status| !status.in_doubt) {
            if let Err(error) = reported(&self.node, status).await {
                tracing::debug!(session = %status.session_id, %error, "the peer was not told that the session is closed");
            }
        }
        let mut shown = self.current();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let left = self.ask_about_doubts().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "sessions in doubt cannot be looked up");
                1
            });
            if left > 0 {
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
                continue;
            }
            pause = SHORTEST_PAUSE;
            let in_doubt = |shown: &Option<SyncStatus>| {
                shown.as_ref().is_some_and(|status| status.in_doubt && status.phase.is_final())
            };
            if shown.wait_for(in_doubt).await.is_err() {
                return;
            }
        }
    }

    /// How many are still in doubt.
    async fn ask_about_doubts(&self) -> Result<usize, SyncError> {
        let mut left = 0;
        for SessionDetail { status, log } in self.node.store.in_doubt().await? {
            let known = match status.writes_at_peer() {
                true => asked_of_peer(&self.node, &status).await,
                false => asked_of_database(&self.node, &status).await,
            };
            match known {
                Ok(Some(status)) => {
                    self.node.store.save_session(&status, &log).await?;
                    tracing::info!(session = %status.session_id, phase = status.phase.as_str(), "a session is not in doubt any more");
                    self.show_again(status);
                }
                Ok(None) => left += 1,
                Err(error) => {
                    left += 1;
                    tracing::debug!(session = %status.session_id, %error, "a session stays in doubt");
                }
            }
        }
        Ok(left)
    }

    fn show_again(&self, status: SyncStatus) {
        self.publish.send_if_modified(|shown| {
            let is_shown = shown.as_ref().is_some_and(|shown| shown.session_id == status.session_id);
            if is_shown {
                *shown = Some(status);
            }
            is_shown
        });
    }
}

/// Tells the peer how the session has ended here, and hears how it stands there.
async fn reported(node: &Node, status: &SyncStatus) -> Result<SyncStatus, SyncError> {
    let said = Talk::default().say(status.clone(), None);
    let report = Report { session_id: status.session_id.clone(), said };
    Ok(node.peers.client(&status.peer)?.report(&report).await?.status)
}

/// None while the session has not ended there.
async fn asked_of_peer(node: &Node, status: &SyncStatus) -> Result<Option<SyncStatus>, SyncError> {
    let end = reported(node, status).await?;
    Ok(match end.phase {
        Phase::Verified | Phase::Completed | Phase::Undone => Some(completed(status.clone(), end.result)),
        phase if phase.is_final() && !end.in_doubt => Some(unchanged(status.clone())),
        _ => None,
    })
}

/// Nothing can commit any more once the session's connections have ended.
async fn asked_of_database(node: &Node, status: &SyncStatus) -> Result<Option<SyncStatus>, SyncError> {
    node.database.end(&status.session_id).await?;
    Ok(Some(match node.store.commit(&status.session_id).await? {
        Some(commit) => completed(status.clone(), commit.result),
        None => unchanged(status.clone()),
    }))
}

fn unchanged(mut status: SyncStatus) -> SyncStatus {
    status.in_doubt = false;
    status.error = status.error.map(SyncError::unchanged);
    status
}
