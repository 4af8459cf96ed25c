//! Sessions of which nobody could say whether they had committed: whoever knows is asked until it answers.

use std::time::Duration;

use super::supervise::completed;
use super::talk::Talk;
use super::{FullSync, Node};
use crate::model::wire::Report;
use crate::model::{Phase, SessionDetail, SyncError, SyncStatus};

const EVERY: Duration = Duration::from_secs(5);

impl FullSync {
    /// Asks for ever; the caller owns the task. A session may be in doubt from an earlier start of Tandem.
    pub(crate) async fn settle_doubts(self) {
        let mut shown = self.current();
        loop {
            match self.ask_about_doubts().await {
                Ok(0) => {
                    let in_doubt = |shown: &Option<SyncStatus>| {
                        shown.as_ref().is_some_and(|status| status.in_doubt && status.phase.is_final())
                    };
                    if shown.wait_for(in_doubt).await.is_err() {
                        return;
                    }
                }
                Ok(_) => tokio::time::sleep(EVERY).await,
                Err(error) => {
                    tracing::warn!(%error, "sessions in doubt cannot be looked up");
                    tokio::time::sleep(EVERY).await;
                }
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

/// None while the session has not ended there.
async fn asked_of_peer(node: &Node, status: &SyncStatus) -> Result<Option<SyncStatus>, SyncError> {
    let said = Talk::default().say(status.clone(), None);
    let report = Report { session_id: status.session_id.clone(), said };
    let end = node.peers.client(&status.peer)?.report(&report).await?.status;
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
    status.error =
        status.error.map(|error| error.hint("Nothing was changed on the target. Start the sync again."));
    status
}
