//! Where every sync ends: success, error, cancel, stall and panic all come back here.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::errors::internal;
use super::session::{Outcome, Session, Stop};
use super::{contact, preview};
use crate::catalog::TableName;
use crate::clock::now_us;
use crate::model::{Code, Kind, LogLevel, Phase, Step, StepState, SyncError, SyncResult, SyncStatus};
use crate::store::Commit;

const SHOW: Duration = Duration::from_millis(100);
const SAVE: Duration = Duration::from_secs(5);
/// Without any progress for so long a session fails.
const STALL: Duration = Duration::from_secs(60);
/// Without a word of the other node for so long a session fails.
const SILENCE: Duration = Duration::from_secs(60);

/// A session that has ended in the store and at the peer; only shown it is not yet.
pub(super) struct Ended {
    session: Arc<Session>,
    status: SyncStatus,
    /// Tables whose statistics are out of date.
    stale: Vec<TableName>,
}

impl Ended {
    /// Shows the final phase: the last thing of all, because it tells everybody that the next sync may start. Returns the
    /// tables whose statistics nobody has waited for.
    pub(super) fn show(self) -> Vec<TableName> {
        self.session.progress.set(|status| *status = self.status);
        self.session.ended.send_replace(true);
        self.stale
    }
}

/// Waits for the work, shows and saves its progress meanwhile, and puts everything back in order after it.
pub(super) async fn supervise(session: Arc<Session>, work: JoinHandle<Result<Outcome, SyncError>>) -> Ended {
    let outcome = attend(&session, work).await;
    // Dropping the work does not stop a statement that the server is running: ending its connection does.
    if let Err(error) = session.node.database.end(&session.id).await {
        tracing::warn!(session = %session.id, %error, "connections or staging tables of the session may be left; the next start sweeps them");
    }
    let mut outcome = settle(&session, outcome).await;
    if session.kind() == Kind::Preview {
        outcome = outcome.or_else(preview::blocked);
    }
    let stale = outcome.as_mut().map(|outcome| std::mem::take(&mut outcome.stale)).unwrap_or_default();
    let status = finish(&session, outcome).await;
    let claim = session.claim.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(claim) = claim {
        claim.release().await;
    }
    Ended { session, status, stale }
}

async fn attend(
    session: &Session,
    mut work: JoinHandle<Result<Outcome, SyncError>>,
) -> Result<Outcome, SyncError> {
    let mut stop = session.stop.subscribe();
    let (mut show, mut save) = (tokio::time::interval(SHOW), tokio::time::interval(SAVE));
    show.set_missed_tick_behavior(MissedTickBehavior::Delay);
    save.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = &mut work => return ended.unwrap_or_else(|panic| Err(internal(&panic.to_string()))),
            reason = asked_to_stop(&mut stop) => {
                work.abort();
                // After an abort this returns when the work, and with it pg_dump and every connection, is dropped.
                // Work that has ended by itself meanwhile keeps its own end.
                return match work.await {
                    Ok(Ok(outcome)) => Ok(outcome),
                    Ok(Err(_)) | Err(_) => Err(stopped(session, reason)),
                };
            }
            _ = show.tick() => session.progress.publish_changes(),
            _ = save.tick() => {
                save_state(session).await;
                guard(session).await;
            }
        }
    }
}

async fn asked_to_stop(stop: &mut watch::Receiver<Option<Stop>>) -> Option<Stop> {
    // The sender lives in the session, so this returns only with a reason.
    stop.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone())
}

async fn save_state(session: &Session) {
    let saved = session.node.store.save_session(&session.progress.status(), &session.progress.log()).await;
    if let Err(error) = saved {
        // The next one, or the end, writes the same row.
        tracing::warn!(session = %session.id, %error, "the state of the session was not saved");
    }
}

/// The watchdog: nothing may wait for ever.
async fn guard(session: &Session) {
    let status = session.progress.status();
    if !status.started_here && session.silent_for() > SILENCE {
        session.stop(Stop::PeerSilent);
        return;
    }
    if session.progress.idle() < STALL {
        return;
    }
    // A long statement is no fault while the server works on it, here or at the peer.
    match session.node.database.is_working(&session.id).await {
        Ok(true) => session.progress.touch(),
        Ok(false) if peer_works(session) => {}
        // It reports four times a second: silence is the reason, not locks.
        Ok(false) if session.silent_for() > SILENCE / 2 => session.stop(Stop::PeerSilent),
        Ok(false) => session.stop(Stop::Stalled),
        Err(error) => {
            tracing::warn!(%error, "the database cannot be asked whether it works");
            session.stop(Stop::Stalled);
        }
    }
}

/// The other node reports, and is in a step that is its own: its watchdog guards it.
fn peer_works(session: &Session) -> bool {
    is_done(&session.progress.status(), Step::Transfer) && session.silent_for() < STALL
}

fn is_done(status: &SyncStatus, step: Step) -> bool {
    status.step_of(step).is_some_and(|step| step.state == StepState::Done)
}

fn stopped(session: &Session, reason: Option<Stop>) -> SyncError {
    let peer = &session.peer;
    match reason {
        Some(Stop::Cancelled { by }) => SyncError::new(Code::Cancelled, format!("Cancelled by {by}.")),
        Some(Stop::ShuttingDown) => {
            SyncError::new(Code::Interrupted, "This server was shut down during the sync.")
                .hint("Start the sync again when it is back.")
        }
        Some(Stop::Peer(error)) => error,
        Some(Stop::Stalled) => SyncError::new(Code::Stalled, "Nothing moved for 60 seconds.").hint(format!(
            "Check the connection to {peer} and the locks in both databases, then start again."
        )),
        Some(Stop::PeerSilent) => {
            let seconds = SILENCE.as_secs() / 2;
            let message = format!("{peer} has not been heard from for {seconds} seconds or more.");
            SyncError::new(Code::Interrupted, message)
                .hint(format!("Check whether Tandem runs on {peer} and start the sync again."))
        }
        None => internal("the session was stopped without a reason"),
    }
}

/// The marker decides, not the button: what has committed is a success, whatever came after.
async fn settle(session: &Session, outcome: Result<Outcome, SyncError>) -> Result<Outcome, SyncError> {
    let Err(error) = outcome else {
        return outcome;
    };
    match session.node.store.commit(&session.id).await {
        Ok(Some(Commit { result, .. })) => {
            let message = given_up(&session.progress.status(), &error);
            session.progress.say(LogLevel::Warn, error.step, &message);
            Ok(Outcome { result, ..Outcome::new(Phase::Completed, message) })
        }
        Ok(None) => Err(error),
        Err(unknown) => {
            session.progress.set(|status| status.in_doubt = true);
            let hint = format!(
                "Whether the rows were committed is not known ({unknown}): start the sync again, which does no harm."
            );
            Err(error.hint(hint))
        }
    }
}

/// Writes the end down and tells the peer. Returns the last status, which nobody has seen yet.
async fn finish(session: &Session, outcome: Result<Outcome, SyncError>) -> SyncStatus {
    if let Err(error) = &outcome {
        session.progress.say(LogLevel::Error, error.step, &error.message);
    }
    let mut status = session.progress.status();
    match outcome {
        Ok(outcome) => {
            status.phase = outcome.phase;
            status.result = outcome.result;
            status.preview = outcome.preview;
            status.message = outcome.message;
            status.percent = 100.0;
        }
        Err(error) => {
            status.phase = match error.code {
                Code::Cancelled => Phase::Cancelled,
                Code::Interrupted => Phase::Interrupted,
                _ => Phase::Failed,
            };
            status.message.clone_from(&error.message);
            status.error = Some(error);
        }
    }
    status.finished_us = Some(now_us());
    status.eta_seconds = None;
    if status.phase != Phase::Previewed {
        status.end_running_steps();
    }
    write_down(session, &status).await;
    if status.started_here && status.kind != Kind::Undo {
        contact::last_word(session, &status).await;
    }
    if may_have_committed_at_peer(&status) {
        status = asked_of_peer(session, status).await;
        write_down(session, &status).await;
    }
    tracing::info!(session = %session.id, phase = status.phase.as_str(), message = %status.message, "sync ended");
    status
}

async fn write_down(session: &Session, status: &SyncStatus) {
    if let Err(error) = session.node.store.save_session(status, &session.progress.log()).await {
        tracing::error!(session = %session.id, %error, "the end of the session was not saved; the next start closes it");
    }
}

/// All rows were there to be sent, so what has ended it here can have come after the commit. That they have arrived is
/// known here later than there.
fn may_have_committed_at_peer(status: &SyncStatus) -> bool {
    status.writes_at_peer() && !status.phase.is_committed() && is_done(status, Step::Backup)
}

/// The status with what the peer says of its transaction, or in doubt when it does not.
async fn asked_of_peer(session: &Session, mut status: SyncStatus) -> SyncStatus {
    match session.peers_end(contact::LAST_WORD).await {
        Some(end) if end.phase.is_committed() => {
            status = completed(status, end.result);
            session.progress.say(LogLevel::Warn, None, &status.message);
            status.log = session.progress.status().log;
        }
        Some(_) => {}
        None => {
            status.in_doubt = true;
            status.error = status.error.map(|error| error.in_doubt(&session.peer));
        }
    }
    status
}

/// A session that has ended badly, after the commit.
pub(super) fn completed(mut status: SyncStatus, result: Option<SyncResult>) -> SyncStatus {
    let message = match &status.error {
        Some(error) => given_up(&status, error),
        None => status.message.clone(),
    };
    status.percent = 100.0;
    status.complete(result, message);
    status
}

fn given_up(status: &SyncStatus, error: &SyncError) -> String {
    match status.writes_at_peer() {
        true => format!("Committed on {}, but not brought to its end: {}", status.peer, error.message),
        false => format!(
            "Committed, but not brought to its end: {} {}",
            error.message,
            Commit::outstanding(status.kind)
        ),
    }
}
