//! The other end of a sync that a peer has started: the source of its pull, the target of its push.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::errors::internal;
use super::line::{Line, Talk};
use super::session::{Outcome, Session};
use super::{rows, source, target};
use crate::archive::SpoolWriter;
use crate::database::Snapshot;
use crate::model::SyncError;

/// A peer pulls from us: the backup, the digests, and then its word on how it ended.
pub(super) async fn serve_backup(session: &Session) -> Result<Outcome, SyncError> {
    let snapshot = tokio::select! {
        snapshot = offer(session) => snapshot?,
        ended = session.early_end() => return ended,
    };
    if session.verifies() {
        source::digests(session, &*snapshot).await?;
    }
    drop(snapshot);
    let outcome = session.peers_outcome().await?;
    source::remember_comparison(session, outcome.result.as_ref()).await?;
    Ok(outcome)
}

/// A peer pushes to us: what it uploads is restored while it arrives.
pub(super) async fn restore_upload(session: &Session) -> Result<Outcome, SyncError> {
    if session.sends_rows() {
        let line = Line::called(session, Talk::Rows);
        return rows::restore(session, line, writer(session).await?, session.spool()?).await;
    }
    let line = session.looks_for_differences().then(|| Line::called(session, Talk::Delta));
    match target::difference(session, line).await? {
        ControlFlow::Continue(difference) => target::restore(session, session.spool()?, difference).await,
        ControlFlow::Break(outcome) => Ok(outcome),
    }
}

async fn offer(session: &Session) -> Result<Arc<dyn Snapshot>, SyncError> {
    if session.sends_rows() {
        return rows::offer(session, Line::called(session, Talk::Rows)).await;
    }
    let line = session.looks_for_differences().then(|| Line::called(session, Talk::Delta));
    source::back_up(session, writer(session).await?, line).await
}

/// Taken away, so that no byte of an upload comes between.
async fn writer(session: &Session) -> Result<SpoolWriter, SyncError> {
    session.take_writer().await.ok_or_else(|| internal("the spool of a peer's sync has no writer"))
}
