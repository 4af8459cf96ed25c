//! What an admin asks for, on the panel or with a token.

use leptos::prelude::*;
use server_fn::codec::{GetUrl, Json, StreamingText, TextStream};
// Not by name where a server function has the same one: it makes a type of it.
use tandem::model::{
    self, Check, Comparison, HistoryPage, Kind, Peer, Phase, SessionDetail, SessionId, SyncRequest,
    SyncStatus,
};

use super::{Done, Started};
#[cfg(feature = "ssr")]
use super::{Who, context, engine};
use crate::error::ApiError;

/// Starts a full sync and answers at once; 409 names the one that is running.
#[server(prefix = "/api", endpoint = "admin/sync/full-sync", input = Json, output = Json)]
pub async fn full_sync(request: SyncRequest) -> Result<Started, ApiError> {
    let Who(who) = context("who is calling")?;
    let session_id = engine()?.start_sync(request, &who).await?;
    Ok(Started { session_id })
}

/// Finds out what a full sync would do, without a write, and answers at once: the session ends with the preview.
#[server(prefix = "/api", endpoint = "admin/sync/preview", input = Json, output = Json)]
pub async fn preview(request: SyncRequest) -> Result<Started, ApiError> {
    let Who(who) = context("who is calling")?;
    let session_id = engine()?.start_preview(request, &who).await?;
    Ok(Started { session_id })
}

/// Takes a committed sync of this node's database back; answers with the session that does it. Rows that were changed
/// since are left alone, unless `force` is set.
#[server(prefix = "/api", endpoint = "admin/sync/undo", input = Json, output = Json)]
pub async fn undo(session_id: SessionId, force: Option<bool>) -> Result<Started, ApiError> {
    let Who(who) = context("who is calling")?;
    let session_id = engine()?.start_undo(&session_id, force.unwrap_or_default(), &who).await?;
    Ok(Started { session_id })
}

/// Asks the running sync to stop; the status tells when it has.
#[server(prefix = "/api", endpoint = "admin/sync/cancel", input = Json, output = Json)]
pub async fn cancel(session_id: SessionId) -> Result<Done, ApiError> {
    let Who(who) = context("who is calling")?;
    engine()?.cancel_sync(&session_id, &who).await?;
    Ok(Done {})
}

/// The status of any session.
#[server(prefix = "/api", endpoint = "sync/backup-progress", input = GetUrl, output = Json)]
pub async fn backup_progress(session_id: SessionId) -> Result<SyncStatus, ApiError> {
    Ok(engine()?.status(&session_id).await?)
}

/// The current sync as JSON lines of `Option<SyncStatus>`: at once, at each change, at least every ten seconds.
#[server(prefix = "/api", endpoint = "admin/sync/watch", input = Json, output = StreamingText)]
pub async fn watch() -> Result<TextStream<ApiError>, ApiError> {
    let stop = context::<tokio_util::sync::CancellationToken>("when it stops")?;
    Ok(super::watch::lines(engine()?.current(), stop).into())
}

/// Past and present sessions, the newest first.
#[server(prefix = "/api", endpoint = "admin/sync/history", input = GetUrl, output = Json)]
pub async fn history(
    peer: Option<String>,
    phase: Option<Phase>,
    kind: Option<Kind>,
    before: Option<SessionId>,
    limit: Option<u32>,
) -> Result<HistoryPage, ApiError> {
    let limit = limit.unwrap_or_default();
    let filter = model::HistoryFilter { peer, phase, kind, before, limit, without_previews: false };
    Ok(engine()?.history(&filter).await?)
}

/// One session whole; scripts have it as `/api/admin/sync/history/{id}`.
#[server(prefix = "/api", endpoint = "admin/sync/session", input = GetUrl, output = Json)]
pub async fn session(session_id: SessionId) -> Result<SessionDetail, ApiError> {
    Ok(engine()?.session(&session_id).await?)
}

/// What this node knows of itself and its peers.
#[server(prefix = "/api", endpoint = "admin/overview", input = GetUrl, output = Json)]
pub async fn overview() -> Result<model::Overview, ApiError> {
    Ok(engine()?.overview().await?)
}

/// Asks every peer now instead of waiting for the next probe.
#[server(prefix = "/api", endpoint = "admin/peers/refresh", input = Json, output = Json)]
pub async fn refresh() -> Result<model::Overview, ApiError> {
    Ok(engine()?.refresh().await?)
}

/// This node first, then its peers.
#[server(prefix = "/api", endpoint = "admin/peers", input = GetUrl, output = Json)]
pub async fn peers() -> Result<Vec<Peer>, ApiError> {
    let overview = engine()?.overview().await?;
    Ok(std::iter::once(overview.local).chain(overview.peers).collect())
}

/// Compares this database with the peer's, table by table. Nothing is written to either.
#[server(prefix = "/api", endpoint = "admin/sync/compare", input = Json, output = Json)]
pub async fn compare(peer: String) -> Result<Comparison, ApiError> {
    Ok(engine()?.compare(&peer).await?)
}

/// Checks tools, versions, rights, disk, clock and peers of this node.
#[server(prefix = "/api", endpoint = "admin/doctor", input = GetUrl, output = Json)]
pub async fn doctor() -> Result<Vec<Check>, ApiError> {
    Ok(engine()?.doctor().await)
}
