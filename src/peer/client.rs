//! Requests to one peer: the only file that makes HTTP requests.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use reqwest::header::{CONTENT_TYPE, RANGE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::sign::{Envelope, body_hash, nonce};
use super::{PeerError, headers};
use crate::clock::now_us;
use crate::config::Secret;
use crate::model::wire::{
    Accepted, DigestReply, DigestRequest, HelloReply, HelloRequest, Invitation, PROTOCOL, Report,
    RestoreBackup, Said,
};
use crate::model::{Code, Direction, SessionId, SyncError};

/// A control call is answered at once or not at all.
const ANSWER: Duration = Duration::from_secs(15);
/// Said at once or after ten seconds, and then a message may be long.
const EXCHANGE_ANSWER: Duration = Duration::from_secs(120);
/// A comparison reads the peer's whole database first.
const LONG_ANSWER: Duration = Duration::from_secs(600);

/// One connection pool for all peers.
pub(super) type Http = reqwest::Client;

/// Calls one peer.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http,
    own_name: String,
    peer: String,
    url: Url,
    key: Secret,
}

/// A probe's answer, and what it took.
pub(crate) struct Probe {
    pub reply: HelloReply,
    pub latency: Duration,
    /// The peer's clock minus ours, at the middle of the round trip.
    pub clock_offset_us: i64,
}

#[derive(Serialize)]
struct Body<'a, T> {
    request: &'a T,
}

#[derive(Deserialize)]
struct Refusal {
    error: SyncError,
}

/// No redirects, no proxies from the environment, no limit on a whole transfer.
pub(super) fn http() -> Result<Http, PeerError> {
    // An error only says that a provider is installed already.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("the TLS provider was installed before");
    }
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        // Below the server's own limit, so that no request meets a connection that is just being closed.
        .pool_idle_timeout(Duration::from_secs(10))
        .tcp_keepalive(Duration::from_secs(15))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|source| PeerError::Unusable { reason: source.to_string() })
}

impl Client {
    pub(super) fn new(http: Http, own_name: String, peer: String, url: Url, key: Secret) -> Self {
        Self { http, own_name, peer, url, key }
    }

    pub(crate) async fn hello(&self) -> Result<Probe, PeerError> {
        let (started, sent_us) = (Instant::now(), now_us());
        let request = HelloRequest { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").to_owned() };
        let reply: HelloReply = self.call("/api/sync/hello", &request, Duration::from_secs(5)).await?;
        let latency = started.elapsed();
        let middle_us = sent_us + i64::try_from(latency.as_micros() / 2).unwrap_or(0);
        Ok(Probe { clock_offset_us: reply.clock_us - middle_us, reply, latency })
    }

    /// Asks the peer to take part in a sync of this direction, seen from here.
    pub(crate) async fn invite(
        &self,
        direction: Direction,
        invitation: &Invitation,
    ) -> Result<Accepted, PeerError> {
        let path = match direction {
            Direction::Pull => "/api/sync/initiate-backup",
            Direction::Push => "/api/sync/receive-backup",
        };
        self.call(path, invitation, ANSWER).await
    }

    pub(crate) async fn restore_backup(&self, request: RestoreBackup) -> Result<Accepted, PeerError> {
        self.call("/api/sync/restore-backup", &request, ANSWER).await
    }

    pub(crate) async fn report(&self, request: &Report) -> Result<Said, PeerError> {
        self.call("/api/sync/report", request, ANSWER).await
    }

    pub(crate) async fn digest(&self) -> Result<DigestReply, PeerError> {
        self.call("/api/sync/digest", &DigestRequest { protocol: PROTOCOL }, LONG_ANSWER).await
    }

    /// A numbered message about rows that differ; None when the answer takes longer.
    pub(crate) async fn delta(
        &self,
        session: &SessionId,
        number: u32,
        message: Bytes,
    ) -> Result<Option<Bytes>, PeerError> {
        let path = format!("/api/sync/delta/{session}/{number}");
        self.exchange(&path, "application/octet-stream", message).await
    }

    /// A numbered message with rows, or about those that came; None when the answer takes longer.
    pub(crate) async fn rows(
        &self,
        session: &SessionId,
        number: u32,
        message: Bytes,
    ) -> Result<Option<Bytes>, PeerError> {
        let path = format!("/api/sync/rows/{session}/{number}");
        self.exchange(&path, "application/json", message).await
    }

    async fn exchange(
        &self,
        path: &str,
        content_type: &'static str,
        message: Bytes,
    ) -> Result<Option<Bytes>, PeerError> {
        let request = self
            .signed(Method::POST, path, &message)?
            .header(CONTENT_TYPE, content_type)
            .timeout(EXCHANGE_ANSWER)
            .body(message);
        let response = self.answered(request).await?;
        if response.status() == StatusCode::ACCEPTED {
            return Ok(None);
        }
        response.bytes().await.map(Some).map_err(|cause| self.unreachable(&cause))
    }

    /// Whether an archive of this direction would come through to a node: a session that is not known there yet is
    /// refused by the node itself, anything else in between answers in other words.
    pub(crate) async fn passes_archives(
        &self,
        direction: Direction,
        session: &SessionId,
    ) -> Result<bool, PeerError> {
        let asked = match direction {
            Direction::Pull => self.download(session, 0).await.map(drop),
            Direction::Push => self.upload(session, 0, Bytes::new()).await.map(drop),
        };
        match asked {
            Err(PeerError::Protocol { .. }) => Ok(false),
            Err(error) if error.is_passing() => Err(error),
            // What the node itself has to say comes with the invitation.
            Ok(()) | Err(_) => Ok(true),
        }
    }

    /// The bytes of the session's backup from `offset` on. A stream that ends without an error is whole.
    pub(crate) async fn download(
        &self,
        session: &SessionId,
        offset: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, PeerError>>, PeerError> {
        let path = format!("/api/sync/download-backup/{session}");
        let mut request = self.signed(Method::GET, &path, b"")?;
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = self.answered(request).await?;
        if offset > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(self.nonsense("it does not continue a download where it was cut"));
        }
        let client = self.clone();
        Ok(response
            .bytes_stream()
            .map(move |chunk| chunk.map_err(|cause| client.unreachable(&cause)))
            .boxed())
    }

    /// How many bytes of the session's upload the peer has.
    pub(crate) async fn uploaded(&self, session: SessionId) -> Result<u64, PeerError> {
        let path = format!("/api/sync/receive-backup/{session}");
        let response = self.answered(self.signed(Method::HEAD, &path, b"")?.timeout(ANSWER)).await?;
        self.offset(&response)
    }

    /// Appends at `offset`; returns the new length.
    pub(crate) async fn upload(
        &self,
        session: &SessionId,
        offset: u64,
        bytes: Bytes,
    ) -> Result<u64, PeerError> {
        let path = format!("/api/sync/receive-backup/{session}");
        let request = self
            .signed(Method::PATCH, &path, &bytes)?
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .header(headers::UPLOAD_OFFSET, offset)
            .body(bytes);
        let response = self.answered(request).await?;
        self.offset(&response)
    }

    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        request: &Q,
        limit: Duration,
    ) -> Result<A, PeerError> {
        let body = serde_json::to_vec(&Body { request }).expect("plain data has a JSON form");
        let request = self
            .signed(Method::POST, path, &body)?
            .header(CONTENT_TYPE, "application/json")
            .timeout(limit)
            // A digest says nothing until it is done.
            .body(body);
        let response = self.answered(request).await?;
        let text = response.bytes().await.map_err(|cause| self.unreachable(&cause))?;
        serde_json::from_slice(&text)
            .map_err(|cause| self.nonsense(&format!("its answer to {path} cannot be read ({cause})")))
    }

    fn signed(&self, method: Method, path: &str, body: &[u8]) -> Result<RequestBuilder, PeerError> {
        let url = self.url.join(path).map_err(|cause| PeerError::Unusable { reason: cause.to_string() })?;
        let envelope = Envelope {
            method: method.as_str().to_owned(),
            target: url.path().to_owned(),
            from: self.own_name.clone(),
            to: self.peer.clone(),
            date_us: now_us(),
            nonce: nonce(),
            body: body_hash(body),
        };
        Ok(self
            .http
            .request(method, url)
            .header(headers::SIGNATURE, envelope.sign(&self.key))
            .header(headers::FROM, envelope.from)
            .header(headers::TO, envelope.to)
            .header(headers::DATE, envelope.date_us)
            .header(headers::NONCE, envelope.nonce)
            .header(headers::BODY, envelope.body))
    }

    /// Sends, and turns every status that is no success into what the peer says about it.
    async fn answered(&self, request: RequestBuilder) -> Result<Response, PeerError> {
        let response = request.send().await.map_err(|cause| self.unreachable(&cause))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.bytes().await.map_err(|cause| self.unreachable(&cause))?;
        let refused = |error| PeerError::Refused { peer: self.peer.clone(), error, status: status.as_u16() };
        match serde_json::from_slice::<Refusal>(&text) {
            Ok(refusal) => Err(refused(refusal.error)),
            // The answer to HEAD has no body.
            Err(_) if text.is_empty() && status == StatusCode::NOT_FOUND => {
                Err(refused(SyncError::new(Code::NotFound, "There is no such session.")))
            }
            Err(_) => Err(self.nonsense(&format!(
                "it answers {status} without saying why; is that address a Tandem node?"
            ))),
        }
    }

    fn offset(&self, response: &Response) -> Result<u64, PeerError> {
        response
            .headers()
            .get(headers::UPLOAD_OFFSET)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| self.nonsense("it does not say how much of the upload it has"))
    }

    fn unreachable(&self, cause: &reqwest::Error) -> PeerError {
        // reqwest's own text says little; the innermost cause says `connection refused`.
        let mut innermost: &dyn std::error::Error = cause;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let reason =
            if cause.is_timeout() { "it does not answer in time".to_owned() } else { innermost.to_string() };
        PeerError::Unreachable { peer: self.peer.clone(), reason }
    }

    fn nonsense(&self, reason: &str) -> PeerError {
        PeerError::Protocol { peer: self.peer.clone(), reason: reason.to_owned() }
    }
}
