//! Push: our rows go to the peer. It restores while we upload, and says how it ended.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::line::{Line, Talk};
use super::rows;
use super::session::{Outcome, Session};
use super::source;
use crate::archive::Spool;
use crate::database::Snapshot;
use crate::model::wire::RestoreBackup;
use crate::model::{Step, SyncError, text};
use crate::peer::{Client, PeerError};

/// One request carries so many bytes at most: what a proxy with usual settings lets through.
const PIECE: usize = 1024 * 1024;
/// And after cuts at least so many: a piece counts only when it has arrived whole.
const SMALLEST_PIECE: usize = 32 * 1024;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Brings the peer's database to the state of ours.
pub(super) async fn push(session: &Session, client: &Client) -> Result<Outcome, SyncError> {
    let snapshot = tokio::select! {
        snapshot = send_all(session, client) => snapshot?,
        ended = session.early_end() => return ended,
    };
    if session.verifies() {
        source::digests(session, &*snapshot).await?;
    }
    let outcome = session.peers_outcome().await?;
    source::remember_comparison(session, outcome.result.as_ref()).await?;
    Ok(outcome)
}

async fn send_all(session: &Session, client: &Client) -> Result<Arc<dyn Snapshot>, SyncError> {
    if session.sends_rows() {
        return rows::offer(session, Line::calling(session, client, Talk::Rows)).await;
    }
    let (writer, spool) = session.open_spool().await?;
    let transfer = async { upload(session, client, spool).await.map_err(|error| error.at(Step::Transfer)) };
    let line = session.looks_for_differences().then(|| Line::calling(session, client, Talk::Delta));
    Ok(tokio::try_join!(source::back_up(session, writer, line), transfer)?.0)
}

/// Sends what the spool holds, as it grows; after a cut it asks the peer how far it got.
async fn upload(session: &Session, client: &Client, spool: Arc<Spool>) -> Result<(), SyncError> {
    let progress = &session.progress;
    progress.enter(Step::Transfer, "Uploads while the backup is made");
    let mut sent = 0;
    let mut bytes = Box::pin(spool.read_from(0));
    let mut piece = BytesMut::with_capacity(PIECE);
    let most = session.pace.piece(PIECE);
    loop {
        let chunk = bytes
            .next()
            .await
            .transpose()
            .map_err(|cause| super::errors::spool_failed(&session.spool_path(), &cause))?;
        let end = chunk.is_none();
        piece.extend_from_slice(&chunk.unwrap_or_default());
        // A slow dump should not hold back what is there already: pieces are cut small while nothing is known to wait.
        let waiting = spool.len() - sent - piece.len() as u64;
        if piece.len() >= most / 2 || (!piece.is_empty() && (end || waiting == 0)) {
            let whole = piece.split().freeze();
            let length = whole.len() as u64;
            session.pace(whole.len()).await;
            send(session, client, sent, whole).await?;
            sent += length;
            progress.bytes(sent);
        }
        if end {
            break;
        }
    }
    progress.bytes_total(sent);
    progress.done(Step::Transfer, format!("{} sent", text::bytes(sent)));
    retried(session, || client.restore_backup(RestoreBackup { session_id: session.id.clone(), bytes: sent }))
        .await?;
    Ok(())
}

/// Brings one piece to the peer, however often the connection breaks.
async fn send(session: &Session, client: &Client, offset: u64, piece: Bytes) -> Result<(), SyncError> {
    let end = offset + piece.len() as u64;
    let (mut there, mut size) = (offset, piece.len());
    while there < end {
        let from = usize::try_from(there - offset).unwrap_or(usize::MAX);
        let rest = piece.slice(from..piece.len().min(from + size));
        there = match client.upload(&session.id, there, rest).await {
            Ok(there) => there,
            Err(error) if error.is_passing() || error.is_not_found() => {
                let at = text::count(there);
                session.progress.warn(Step::Transfer, format!("Cut at byte {at} ({error}); goes on there"));
                size = (size / 2).max(SMALLEST_PIECE);
                retried(session, || client.uploaded(session.id.clone())).await?
            }
            Err(error) => return Err(error.into()),
        };
        if there < offset || there > end {
            return Err(PeerError::Protocol {
                peer: session.peer.clone(),
                reason: format!("it has {there} bytes of an upload that is between {offset} and {end}"),
            }
            .into());
        }
    }
    Ok(())
}

/// Tries a request until it is answered; the watchdog ends what makes no progress.
async fn retried<T, F>(session: &Session, request: impl Fn() -> F) -> Result<T, SyncError>
where
    F: Future<Output = Result<T, PeerError>>,
{
    let mut pause = Duration::from_millis(100);
    loop {
        match request().await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_passing() || error.is_not_found() => {
                session.progress.warn(Step::Transfer, error.to_string());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
