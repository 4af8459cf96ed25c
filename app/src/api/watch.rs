//! The node's current sync → lines of JSON, as long as somebody reads them.

use std::time::Duration;

use futures::{Stream, stream};
use tandem::model::SyncStatus;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// At most four lines a second: more is not seen, and costs every open panel.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// And a megabyte: with thousands of tables a line is long, and a browser has other things to do than to read it.
const PAUSE_A_BYTE: Duration = Duration::from_micros(1);
/// A line at least this often, so that the reader can tell silence from a cut connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

struct Feed {
    status: watch::Receiver<Option<SyncStatus>>,
    stop: CancellationToken,
    /// None before the first line.
    pause: Option<Duration>,
}

/// The state at once, then at each change and at least every ten seconds; ends when the server stops, because an open
/// stream would keep it from stopping.
pub(super) fn lines(
    status: watch::Receiver<Option<SyncStatus>>,
    stop: CancellationToken,
) -> impl Stream<Item = String> + Send {
    let feed = Feed { status, stop, pause: None };
    stream::unfold(feed, |mut feed| async move {
        let line = feed.next_line().await?;
        Some((line, feed))
    })
}

impl Feed {
    async fn next_line(&mut self) -> Option<String> {
        let Self { status, stop, pause } = self;
        if let Some(pause) = *pause {
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = next_change(status, pause) => changed?,
                () = sleep(LONGEST_PAUSE) => {}
            }
        }
        let mut line = serde_json::to_string(&*status.borrow_and_update()).ok()?;
        line.push('\n');
        let length = u32::try_from(line.len()).unwrap_or(u32::MAX);
        *pause = Some(SHORTEST_PAUSE.max(PAUSE_A_BYTE * length));
        Some(line)
    }
}

/// Waits for a change, and after the last line for a while; not for an end, which is news at once.
async fn next_change(status: &mut watch::Receiver<Option<SyncStatus>>, pause: Duration) -> Option<()> {
    let pause = sleep(pause);
    tokio::pin!(pause);
    let mut has_changed = false;
    loop {
        tokio::select! {
            () = &mut pause => break,
            changed = status.changed() => changed.ok()?,
        }
        has_changed = true;
        if status.borrow().as_ref().is_some_and(|status| status.phase.is_final()) {
            return Some(());
        }
    }
    if has_changed { Some(()) } else { status.changed().await.ok() }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn the_state_comes_at_once_and_the_stream_ends_with_the_server() {
        let (_sender, status) = watch::channel(None);
        let stop = CancellationToken::new();
        let mut lines = Box::pin(lines(status, stop.clone()));
        assert_eq!(lines.next().await.as_deref(), Some("null\n"));
        stop.cancel();
        assert_eq!(lines.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_sync_is_repeated() {
        let (_sender, status) = watch::channel(None);
        let mut lines = Box::pin(lines(status, CancellationToken::new()));
        for _ in 0..3 {
            assert_eq!(lines.next().await.as_deref(), Some("null\n"));
        }
    }
}
