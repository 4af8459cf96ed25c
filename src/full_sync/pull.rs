//! Pull: the peer's rows come here. The five steps overlap: what has arrived is staged while the rest is still read.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;

use super::errors::spool_failed;
use super::line::{Line, Talk};
use super::rows;
use super::session::{Outcome, Session};
use super::target;
use crate::archive::SpoolWriter;
use crate::model::{Step, SyncError, text};
use crate::peer::{Client, PeerError};

/// A connection that brings nothing for so long is given up and opened again where it ended.
const SILENCE: Duration = Duration::from_secs(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Brings this database to the state of the peer's.
pub(super) async fn pull(session: &Session, client: &Client) -> Result<Outcome, SyncError> {
    let (writer, spool) = session.open_spool().await?;
    if session.sends_rows() {
        return rows::restore(session, Line::calling(session, client, Talk::Rows), writer, spool).await;
    }
    let line = session.looks_for_differences().then(|| Line::calling(session, client, Talk::Delta));
    let difference = match target::difference(session, line).await? {
        ControlFlow::Continue(difference) => difference,
        ControlFlow::Break(outcome) => return Ok(outcome),
    };
    let transfer =
        async { download(session, client, writer).await.map_err(|error| error.at(Step::Transfer)) };
    let ((), outcome) = tokio::try_join!(transfer, target::restore(session, spool, difference))?;
    Ok(outcome)
}

/// Fetches the backup into the spool; after a cut it goes on at the byte where it ended. Gives up only with the
/// session: the watchdog ends what makes no progress.
async fn download(session: &Session, client: &Client, mut spool: SpoolWriter) -> Result<(), SyncError> {
    let progress = &session.progress;
    progress.enter(Step::Transfer, "Downloads while the backup is made");
    let mut pause = Duration::from_millis(100);
    loop {
        let before = spool.len();
        match download_rest(session, client, &mut spool).await {
            Ok(()) => break,
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(reason)) => {
                let at = spool.len();
                progress.warn(
                    Step::Transfer,
                    format!("Cut at byte {} ({reason}); goes on there", text::count(at)),
                );
                pause = if at > before { Duration::from_millis(100) } else { (pause * 2).min(LONGEST_PAUSE) };
                tokio::time::sleep(pause).await;
            }
        }
    }
    let bytes = spool.len();
    spool.finish().await.map_err(|cause| spool_failed(&session.spool_path(), &cause))?;
    progress.bytes_total(bytes);
    progress.done(Step::Transfer, format!("{} received", text::bytes(bytes)));
    Ok(())
}

enum Failure {
    Passing(String),
    Final(SyncError),
}

async fn download_rest(session: &Session, client: &Client, spool: &mut SpoolWriter) -> Result<(), Failure> {
    let mut bytes = client.download(&session.id, spool.len()).await.map_err(sort)?;
    loop {
        match timeout(SILENCE, bytes.next()).await {
            Ok(Some(Ok(chunk))) => {
                spool
                    .append(chunk)
                    .await
                    .map_err(|cause| Failure::Final(spool_failed(&session.spool_path(), &cause)))?;
                session.progress.bytes(spool.len());
            }
            Ok(Some(Err(error))) => return Err(sort(error)),
            Ok(None) => return Ok(()),
            Err(_elapsed) => return Err(Failure::Passing("nothing came for 20 s".to_owned())),
        }
    }
}

fn sort(error: PeerError) -> Failure {
    // How a session has ended at the peer comes by its report, with the reason.
    if error.is_passing() || error.is_not_found() {
        Failure::Passing(error.to_string())
    } else {
        Failure::Final(error.into())
    }
}
