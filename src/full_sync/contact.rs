//! The starter's line to the other node: its state goes out, the other's comes back, several times a second.

use std::time::Duration;

use super::session::Session;
use crate::model::wire::{Report, Said};
use crate::model::{Code, SyncError, SyncStatus};
use crate::peer::Client;

const EVERY: Duration = Duration::from_millis(250);
/// The last word is worth some tries, but not the admin's time: without it the peer's watchdog ends the session.
pub(super) const LAST_WORD: Duration = Duration::from_secs(3);

/// Keeps in touch until the session ends; returns only when the peer does not know it any more.
pub(super) async fn keep(session: &Session, client: &Client) -> SyncError {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match client.report(&report(session, session.say(session.progress.status()))).await {
            Ok(answer) => session.hear(answer),
            // The transfer notices a lost connection too; a silent peer is the watchdog's business.
            Err(error) if error.is_passing() => tracing::debug!(%error, "a report was not answered"),
            Err(error) if error.is_not_found() => {
                return SyncError::new(
                    Code::Interrupted,
                    format!("{} does not know this session any more.", session.peer),
                )
                .hint("It was restarted in the middle. Start the sync again.");
            }
            Err(error) => return error.into(),
        }
    }
}

/// Tells the peer how the session has ended, and hears how it has for the peer.
pub(super) async fn last_word(session: &Session, status: &SyncStatus) {
    let client = match session.node.peers.client(&session.peer) {
        Ok(client) => client,
        Err(error) => {
            tracing::warn!(%error, "the peer cannot be told how the session ended");
            return;
        }
    };
    let word = report(session, session.say(status.clone()));
    let told = async {
        loop {
            match client.report(&word).await {
                Ok(answer) => return session.hear(answer),
                Err(error) if error.is_passing() => tokio::time::sleep(EVERY).await,
                Err(error) => {
                    return tracing::warn!(%error, "the peer does not want to know how the session ended");
                }
            }
        }
    };
    if tokio::time::timeout(LAST_WORD, told).await.is_err() {
        tracing::warn!(peer = session.peer, "the peer could not be told how the session ended");
    }
}

fn report(session: &Session, said: Said) -> Report {
    Report { session_id: session.id.clone(), said }
}
