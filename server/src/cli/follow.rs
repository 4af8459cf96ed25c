//! A session on a running node → its final status; Ctrl-C asks whether to cancel it.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use futures::stream::{BoxStream, StreamExt};
use tandem::model::{SessionId, SyncStatus};
use tokio::sync::oneshot;

use super::api::{Api, ApiError};
use super::progress::Progress;
use super::{Stop, signals};

pub(super) enum Following {
    Ended(Box<SyncStatus>),
    /// Ctrl-C twice: the sync goes on.
    Left,
}

/// The node repeats its state at least every 10 s.
const SILENCE: Duration = Duration::from_secs(15);
/// A node that restarts is back within this time.
const AWAY: Duration = Duration::from_secs(60);

/// What a signal means while a sync is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnInterrupt {
    /// Whether to cancel; a second one leaves the sync alone.
    Ask,
    /// The caller deals with it.
    Nothing,
}

pub(super) async fn follow(
    api: &Api,
    session: &SessionId,
    on_interrupt: OnInterrupt,
) -> Result<Following, Stop> {
    let mut progress = Progress::start();
    let mut interrupts = 0;
    let mut answer: Option<oneshot::Receiver<bool>> = None;
    let mut changes = Changes::new(api, session);
    let ended = loop {
        tokio::select! {
            status = changes.next() => match status {
                Ok(status) => {
                    progress.show(&status);
                    if status.phase.is_final() {
                        break Ok(Following::Ended(Box::new(status)));
                    }
                }
                Err(stop) => break Err(stop),
            },
            () = signals::stop(), if on_interrupt == OnInterrupt::Ask => {
                interrupts += 1;
                if interrupts > 1 {
                    break Ok(Following::Left);
                }
                answer = Some(ask_for_cancel(&progress));
            }
            yes = answered(&mut answer) => {
                answer = None;
                interrupts = 0;
                if yes {
                    progress.line("Cancelling on both servers …");
                    match api.cancel_sync(session).await {
                        // It ended on its own in this moment; how, the status says.
                        Ok(()) | Err(ApiError::Refused(_)) => {}
                        Err(error) => break Err(error.into()),
                    }
                }
            }
        }
    };
    progress.end();
    ended
}

/// Pending for ever when nothing was asked.
async fn answered(answer: &mut Option<oneshot::Receiver<bool>>) -> bool {
    match answer {
        Some(receiver) => receiver.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

/// Asks on the terminal; where there is none, who sends the signal wants it to stop.
fn ask_for_cancel(progress: &Progress) -> oneshot::Receiver<bool> {
    let (send, receive) = oneshot::channel();
    if !std::io::stdin().is_terminal() {
        if send.send(true).is_err() {
            progress.line("The question was withdrawn.");
        }
        return receive;
    }
    progress.line("Cancel the sync on both servers? The target stays as it was. [y/N] (Ctrl-C again: leave, the sync goes on)");
    // A thread and not a task: reading from a terminal cannot be stopped, and must not hold the runtime.
    std::thread::spawn(move || {
        let mut line = String::new();
        let yes = std::io::stderr().flush().and_then(|()| std::io::stdin().read_line(&mut line)).is_ok()
            && matches!(line.trim(), "y" | "Y" | "yes");
        if send.send(yes).is_err() {
            // The sync has ended meanwhile: there is nothing left to cancel.
        }
    });
    receive
}

/// The states of one session: by the stream while it lasts, by asking while it does not.
struct Changes<'a> {
    api: &'a Api,
    session: &'a SessionId,
    stream: Option<BoxStream<'static, std::io::Result<Option<SyncStatus>>>>,
    heard: Instant,
}

impl<'a> Changes<'a> {
    fn new(api: &'a Api, session: &'a SessionId) -> Self {
        Self { api, session, stream: None, heard: Instant::now() }
    }

    /// Can be dropped at any await without losing a state: each one is the whole truth.
    async fn next(&mut self) -> Result<SyncStatus, Stop> {
        loop {
            if self.stream.is_none() {
                match self.api.watch().await {
                    Ok(stream) => self.stream = Some(stream),
                    Err(error) => self.wait_or_give_up(error).await?,
                }
            }
            if let Some(stream) = &mut self.stream {
                match tokio::time::timeout(SILENCE, stream.next()).await {
                    Ok(Some(Ok(Some(status)))) if status.session_id == *self.session => {
                        self.heard = Instant::now();
                        return Ok(status);
                    }
                    // The node has come to another session: ours is in the history.
                    Ok(Some(Ok(_))) => {}
                    Ok(Some(Err(_)) | None) | Err(_) => self.stream = None,
                }
            }
            match self.api.status(self.session).await {
                Ok(status) => {
                    self.heard = Instant::now();
                    if self.stream.is_none() {
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    return Ok(status);
                }
                Err(error) => self.wait_or_give_up(error).await?,
            }
        }
    }

    async fn wait_or_give_up(&mut self, error: ApiError) -> Result<(), Stop> {
        match error {
            ApiError::Unreachable { .. } if self.heard.elapsed() < AWAY => {
                self.stream = None;
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(())
            }
            error => Err(error.into()),
        }
    }
}
