//! The line between the two nodes: numbered messages and answers, whichever of the two can call the other.

use std::io::Read;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::session::Session;
use crate::model::{Code, SyncError, text};
use crate::peer::{Client, PeerError};

/// A call is answered within this time, if only by "not yet".
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A message that cannot be brought to the other node for so long never will be.
const GIVEN_UP: Duration = Duration::from_secs(60);
/// What a peer takes in one request, with some room.
const LONGEST_MESSAGE: usize = 15 << 20;
/// And what a message may come to when it is expanded.
const LONGEST_EXPANDED: u64 = 256 << 20;

/// What the nodes talk about, and so how it is written down and to which address it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    /// Which rows differ: short, in bytes.
    Delta,
    /// The rows themselves, in JSON.
    Rows,
}

/// A numbered message of the caller, or the answer to it.
pub(super) type Numbered = Option<(u32, Bytes)>;

/// One node's end. Messages go to and fro, one at a time.
pub(super) struct Line<'a> {
    session: &'a Session,
    talk: Talk,
    number: u32,
    end: End<'a>,
    bytes: u64,
}

enum End<'a> {
    /// Calls the other node; holds its last answer.
    Calls {
        client: &'a Client,
        answer: Option<Bytes>,
    },
    IsCalled,
}

impl<'a> Line<'a> {
    pub(super) fn calling(session: &'a Session, client: &'a Client, talk: Talk) -> Self {
        Self { session, talk, number: 0, end: End::Calls { client, answer: None }, bytes: 0 }
    }

    pub(super) fn called(session: &'a Session, talk: Talk) -> Self {
        Self { session, talk, number: 0, end: End::IsCalled, bytes: 0 }
    }

    pub(super) fn calls(&self) -> bool {
        matches!(self.end, End::Calls { .. })
    }

    pub(super) async fn say(&mut self, message: &impl Serialize) -> Result<(), SyncError> {
        let bytes = self.write(message)?;
        self.bytes += bytes.len() as u64;
        self.session.pace(bytes.len()).await;
        match &mut self.end {
            End::Calls { client, answer } => {
                self.number += 1;
                *answer = Some(call(self.session, client, self.talk, self.number, bytes).await?);
            }
            End::IsCalled => {
                self.session.answered.send_replace(Some((self.number, bytes)));
            }
        }
        Ok(())
    }

    pub(super) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, SyncError> {
        let bytes = match &mut self.end {
            End::Calls { answer, .. } => answer.take().unwrap_or_default(),
            End::IsCalled => {
                let next = self.number + 1;
                let mut asked = self.session.asked.subscribe();
                loop {
                    let wanted = |asked: &Numbered| asked.as_ref().is_some_and(|(number, _)| *number == next);
                    if let Ok(Ok(found)) = timeout(PATIENCE, asked.wait_for(wanted)).await
                        && let Some((number, bytes)) = &*found
                    {
                        self.number = *number;
                        break bytes.clone();
                    }
                    // While the other node is heard of, its own watchdog guards its work.
                    if self.session.silent_for() < PATIENCE {
                        self.session.progress.touch();
                    }
                }
            }
        };
        self.bytes += bytes.len() as u64;
        self.session.progress.touch();
        match self.talk {
            Talk::Delta => {
                let message = expand(&bytes).map_err(|cause| self.nonsense(&cause))?;
                postcard::from_bytes(&message).map_err(|cause| self.nonsense(&cause))
            }
            Talk::Rows => serde_json::from_slice(&bytes).map_err(|cause| self.nonsense(&cause)),
        }
    }

    fn write(&self, message: &impl Serialize) -> Result<Bytes, SyncError> {
        let written = match self.talk {
            Talk::Delta => {
                let message = postcard::to_stdvec(message).map_err(|cause| self.nonsense(&cause))?;
                zstd::encode_all(&*message, 1).map_err(|cause| self.nonsense(&cause))?
            }
            Talk::Rows => serde_json::to_vec(message).map_err(|cause| self.nonsense(&cause))?,
        };
        if written.len() > LONGEST_MESSAGE {
            let length = text::bytes(written.len() as u64);
            return Err(SyncError::new(
                Code::Refused,
                format!("One message would be {length} long, more than a server takes."),
            )
            .hint("Take the method backup: it has no limit for a row, or for the number of tables."));
        }
        Ok(written.into())
    }

    /// Said and heard so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn nonsense(&self, cause: &impl std::fmt::Display) -> SyncError {
        PeerError::Protocol {
            peer: self.session.peer.clone(),
            reason: format!("what it says about its rows cannot be read ({cause})"),
        }
        .into()
    }
}

/// A description of a database is long and full of repetitions; a message that grows beyond all bounds is refused.
fn expand(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    zstd::Decoder::new(bytes)?.take(LONGEST_EXPANDED).read_to_end(&mut message)?;
    if message.len() as u64 == LONGEST_EXPANDED {
        return Err(std::io::Error::other("it is too long"));
    }
    Ok(message)
}

/// Asks until there is an answer, however often the connection breaks: a number is answered once, and always the same.
async fn call(
    session: &Session,
    client: &Client,
    talk: Talk,
    number: u32,
    bytes: Bytes,
) -> Result<Bytes, SyncError> {
    let mut pause = Duration::from_millis(100);
    let mut answered = Instant::now();
    loop {
        let asked = match talk {
            Talk::Delta => client.delta(&session.id, number, bytes.clone()).await,
            Talk::Rows => client.rows(&session.id, number, bytes.clone()).await,
        };
        match asked {
            Ok(Some(answer)) => return Ok(answer),
            // It works on it, and its own watchdog guards that.
            Ok(None) => {
                session.progress.touch();
                answered = Instant::now();
            }
            // Reports, which are short, may come through all the time.
            Err(error) if (error.is_passing() || error.is_not_found()) && answered.elapsed() < GIVEN_UP => {
                tracing::debug!(%error, "a message about rows was not answered");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The called node's part: hands message `number` to the session's work. None when the answer takes longer.
pub(super) async fn exchange(
    session: &Session,
    number: u32,
    message: Bytes,
) -> Result<Option<Bytes>, SyncError> {
    let last = session.asked.borrow().as_ref().map_or(0, |(number, _)| *number);
    if number == last + 1 {
        session.asked.send_replace(Some((number, message)));
    } else if number != last {
        return Err(SyncError::new(Code::BadRequest, format!("Message {} is expected.", last + 1)));
    }
    let mut answered = session.answered.subscribe();
    let wanted = |answer: &Numbered| answer.as_ref().is_some_and(|(of, _)| *of == number);
    match timeout(PATIENCE, answered.wait_for(wanted)).await {
        Ok(Ok(answer)) => Ok(answer.as_ref().map(|(_, bytes)| bytes.clone())),
        _ => Ok(None),
    }
}
