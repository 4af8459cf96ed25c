//! Signals of the operating system → futures.

use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

/// Returns at the next SIGINT or SIGTERM.
pub(crate) async fn stop() {
    tokio::select! {
        () = next(SignalKind::interrupt()) => {}
        () = next(SignalKind::terminate()) => {}
    }
}

pub(crate) async fn next(kind: SignalKind) {
    match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        Err(error) => {
            // Without the handler the signal ends the process in its own, hard way.
            warn!(%error, "cannot listen for signals");
            std::future::pending::<()>().await;
        }
    }
}
