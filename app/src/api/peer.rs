//! What peers ask for; their signature was checked before. Bodies are `{"request": …}` with a type of `wire`.

use leptos::prelude::*;
use server_fn::codec::Json;
use tandem::model::wire;

#[cfg(feature = "ssr")]
use super::{caller, engine};
use crate::error::ApiError;

/// Who we are, for a peer that probes.
#[server(prefix = "/api", endpoint = "sync/hello", input = Json, output = Json)]
pub async fn hello(request: wire::HelloRequest) -> Result<wire::HelloReply, ApiError> {
    Ok(engine()?.hello(&caller()?, request).await?)
}

/// Pull: makes a backup of our database for the peer.
#[server(prefix = "/api", endpoint = "sync/initiate-backup", input = Json, output = Json)]
pub async fn initiate_backup(request: wire::Invitation) -> Result<wire::Accepted, ApiError> {
    Ok(engine()?.initiate_backup(&caller()?, request).await?)
}

/// Push: gets ready for the peer's upload.
#[server(prefix = "/api", endpoint = "sync/receive-backup", input = Json, output = Json)]
pub async fn receive_backup(request: wire::Invitation) -> Result<wire::Accepted, ApiError> {
    Ok(engine()?.receive_backup(&caller()?, request).await?)
}

/// Push: restores what was uploaded.
#[server(prefix = "/api", endpoint = "sync/restore-backup", input = Json, output = Json)]
pub async fn restore_backup(request: wire::RestoreBackup) -> Result<wire::Accepted, ApiError> {
    Ok(engine()?.restore_backup(&caller()?, request).await?)
}

/// Takes the starter's state and answers with ours.
#[server(prefix = "/api", endpoint = "sync/report", input = Json, output = Json)]
pub async fn report(request: wire::Report) -> Result<wire::Said, ApiError> {
    Ok(engine()?.report(&caller()?, request).await?)
}

/// Count and hash of each of our tables.
#[server(prefix = "/api", endpoint = "sync/digest", input = Json, output = Json)]
pub async fn digest(request: wire::DigestRequest) -> Result<wire::DigestReply, ApiError> {
    Ok(engine()?.digest(&caller()?, request).await?)
}
