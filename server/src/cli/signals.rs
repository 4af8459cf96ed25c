//! Signals of the operating system, and the end of the standard input → futures.

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

/// SIGINT, SIGTERM, or, if asked for, the end of the standard input.
pub(super) async fn told_to_stop(exit_with_parent: bool) {
    tokio::select! {
        () = stop() => {}
        () = input_closed(), if exit_with_parent => {}
    }
}

async fn input_closed() {
    let mut input = tokio::io::stdin();
    let mut waste = [0; 64];
    // An error means the same as the end: nobody is there any more.
    while matches!(input.read(&mut waste).await, Ok(length) if length > 0) {}
}

/// Returns at the next SIGINT or SIGTERM.
pub(super) async fn stop() {
    tokio::select! {
        () = next(SignalKind::interrupt()) => {}
        () = next(SignalKind::terminate()) => {}
    }
}

async fn next(kind: SignalKind) {
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
