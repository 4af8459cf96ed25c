//! The command line's side of the HTTP API: requests to a running node → answers, or the reason why not.

use std::path::PathBuf;
use std::time::Duration;

use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tandem::config::{NodeAccess, Secret};
use tandem::model::{HistoryPage, Overview, SessionId, SyncError, SyncRequest, SyncStatus};
use tokio::io::AsyncBufReadExt;
use tokio_util::io::StreamReader;
use tracing::debug;

use super::Stop;

/// Which node a command talks to.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Target {
    /// Address of the node [default: http:// and TANDEM_LISTEN]; TANDEM_API_TOKEN must be that of the node
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// File with settings, instead of ./tandem.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Target {
    pub(crate) fn connect(&self) -> Result<Api, Stop> {
        let access = NodeAccess::load(self.node.as_deref(), self.config.as_deref())?;
        Api::new(access.url, access.api_token)
    }
}

/// A node's HTTP API, with the token that opens it.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    node: Url,
    token: Secret,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Nothing answers there, or not all of it arrived.
    Unreachable {
        node: Url,
        source: reqwest::Error,
    },
    Refused(SyncError),
    /// Something answers that is not a node of this version.
    Strange {
        node: Url,
        status: StatusCode,
    },
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Unreachable { node, source } => Stop::unreachable(format!(
                "Cannot reach the node at {node} ({}). Is `tandem serve` running there? --node names another.",
                deepest(&source)
            )),
            ApiError::Refused(error) => error.into(),
            ApiError::Strange { node, status } => Stop::unreachable(format!(
                "What answers at {node} is not a Tandem node of this version (status {status}). \
                 --node names another."
            )),
        }
    }
}

/// reqwest's own text repeats the address; the last cause says what happened.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// TLS by ring for every client of this process; the second caller finds it done.
pub(crate) fn use_ring() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        debug!("a TLS provider is chosen already");
    }
}

impl Api {
    pub(crate) fn new(node: Url, token: Secret) -> Result<Self, Stop> {
        use_ring();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| Stop::failed(format!("Cannot make HTTP requests: {}.", deepest(&error))))?;
        Ok(Self { http, node, token })
    }

    pub(crate) fn node(&self) -> &Url {
        &self.node
    }

    pub(crate) async fn start_sync(&self, request: &SyncRequest) -> Result<SessionId, ApiError> {
        self.start("/api/admin/sync/full-sync", &json!({ "request": request })).await
    }

    pub(crate) async fn start_preview(&self, request: &SyncRequest) -> Result<SessionId, ApiError> {
        self.start("/api/admin/sync/preview", &json!({ "request": request })).await
    }

    pub(crate) async fn start_undo(&self, session: &SessionId, force: bool) -> Result<SessionId, ApiError> {
        self.start("/api/admin/sync/undo", &json!({ "session_id": session, "force": force })).await
    }

    async fn start(&self, path: &str, body: &serde_json::Value) -> Result<SessionId, ApiError> {
        #[derive(Deserialize)]
        struct Started {
            session_id: SessionId,
        }
        let started: Started = self.post(path, body).await?;
        Ok(started.session_id)
    }

    pub(crate) async fn cancel_sync(&self, session: &SessionId) -> Result<(), ApiError> {
        let _done: serde_json::Value =
            self.post("/api/admin/sync/cancel", &json!({ "session_id": session })).await?;
        Ok(())
    }

    pub(crate) async fn status(&self, session: &SessionId) -> Result<SyncStatus, ApiError> {
        self.get("/api/sync/backup-progress", &[("session_id", session.as_str())]).await
    }

    pub(crate) async fn refresh(&self) -> Result<Overview, ApiError> {
        self.post("/api/admin/peers/refresh", &json!({})).await
    }

    pub(crate) async fn history(&self, query: &[(&str, &str)]) -> Result<HistoryPage, ApiError> {
        self.get("/api/admin/sync/history", query).await
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let request = self.http.get(self.address("/readyz")).timeout(Duration::from_secs(5));
        request.send().await.is_ok_and(|response| response.status().is_success())
    }

    /// The node's running sync, line by line as it changes, until the node or the connection ends.
    pub(crate) async fn watch(
        &self,
    ) -> Result<BoxStream<'static, std::io::Result<Option<SyncStatus>>>, ApiError> {
        let request = self.request(Method::POST, "/api/admin/sync/watch").json(&json!({}));
        let response = self.send(request).await?;
        let bytes = response.bytes_stream().map_err(std::io::Error::other);
        let lines = futures::stream::unfold(StreamReader::new(bytes).lines(), |mut lines| async move {
            let line = lines.next_line().await.transpose()?;
            let status = line.and_then(|line| serde_json::from_str(&line).map_err(std::io::Error::from));
            Some((status, lines))
        });
        Ok(lines.boxed())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, ApiError> {
        let mut url = self.address(path);
        url.query_pairs_mut().extend_pairs(query);
        let request = self.http.get(url).bearer_auth(self.token.expose()).timeout(Duration::from_secs(30));
        self.answer(request).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &serde_json::Value) -> Result<T, ApiError> {
        let request = self.request(Method::POST, path).json(body).timeout(Duration::from_secs(60));
        self.answer(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.address(path)).bearer_auth(self.token.expose())
    }

    fn address(&self, path: &str) -> Url {
        let mut url = self.node.clone();
        url.set_path(path);
        url
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let response = self.send(request).await?;
        let status = response.status();
        let body = response.bytes().await.map_err(|source| self.unreachable(source))?;
        serde_json::from_slice(&body).map_err(|error| {
            debug!(%error, "the answer has another shape than expected");
            ApiError::Strange { node: self.node.clone(), status }
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        #[derive(Deserialize)]
        struct Refused {
            error: SyncError,
        }
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match response.json::<Refused>().await {
            Ok(refused) => Err(ApiError::Refused(refused.error)),
            Err(error) => {
                debug!(%error, "the refusal has another shape than expected");
                Err(ApiError::Strange { node: self.node.clone(), status })
            }
        }
    }

    fn unreachable(&self, source: reqwest::Error) -> ApiError {
        ApiError::Unreachable { node: self.node.clone(), source }
    }
}
