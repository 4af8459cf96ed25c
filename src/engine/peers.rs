//! What peers ask a node for.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;

use super::{Caller, Engine};
use crate::full_sync::{Session, Talk};
use crate::model::wire::{self, PROTOCOL};
use crate::model::{Code, Direction, SessionId, SyncError};

impl Engine {
    pub async fn hello(
        &self,
        _caller: &Caller,
        _request: wire::HelloRequest,
    ) -> Result<wire::HelloReply, SyncError> {
        Ok(wire::HelloReply {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.config.name.clone(),
            clock_us: crate::clock::now_us(),
            database: self.facts().await?,
        })
    }

    pub async fn initiate_backup(
        &self,
        caller: &Caller,
        request: wire::Invitation,
    ) -> Result<wire::Accepted, SyncError> {
        self.full_sync.join(&caller.peer, Direction::Push, request).await
    }

    /// The bytes of the session's backup from `offset` on, while it is still being made; ends when it is whole.
    pub async fn download_backup(
        &self,
        caller: &Caller,
        session: &SessionId,
        offset: u64,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, SyncError> {
        let session = self.peers_session(caller, session)?;
        let spool = session.spool()?;
        if offset > spool.len() {
            let here = spool.len();
            return Err(SyncError::new(
                Code::BadRequest,
                format!("Byte {offset} is not there yet, only {here} are."),
            ));
        }
        let pieces = spool.read_from(offset).and_then(move |piece| {
            let session = session.clone();
            async move {
                session.pace(piece.len()).await;
                Ok(piece)
            }
        });
        Ok(Box::pin(pieces))
    }

    pub async fn receive_backup(
        &self,
        caller: &Caller,
        request: wire::Invitation,
    ) -> Result<wire::Accepted, SyncError> {
        self.full_sync.join(&caller.peer, Direction::Pull, request).await
    }

    /// How many bytes of the upload are here.
    pub async fn received(&self, caller: &Caller, session: &SessionId) -> Result<u64, SyncError> {
        Ok(self.peers_session(caller, session)?.spool()?.len())
    }

    /// Appends to the upload; `offset` must be where it ends now. Returns the new length.
    pub async fn receive_bytes(
        &self,
        caller: &Caller,
        session: &SessionId,
        offset: u64,
        bytes: Bytes,
    ) -> Result<u64, SyncError> {
        self.peers_session(caller, session)?.append(offset, bytes).await
    }

    pub async fn restore_backup(
        &self,
        caller: &Caller,
        request: wire::RestoreBackup,
    ) -> Result<wire::Accepted, SyncError> {
        let session = self.peers_session(caller, &request.session_id)?;
        session.close_upload(request.bytes).await?;
        Ok(wire::Accepted { status: session.progress.status() })
    }

    /// A numbered message about rows that differ or with rows, and the answer to it; None when that takes longer.
    pub async fn exchange(
        &self,
        caller: &Caller,
        session: &SessionId,
        number: u32,
        message: Bytes,
    ) -> Result<Option<Bytes>, SyncError> {
        self.peers_session(caller, session)?.exchange(number, message).await
    }

    /// The starter's state comes in, ours goes out: also after the end, so that a starter that missed it learns it.
    pub async fn report(&self, caller: &Caller, request: wire::Report) -> Result<wire::Said, SyncError> {
        if let Ok(session) = self.peers_session(caller, &request.session_id) {
            return Ok(session.answer(request.said).await);
        }
        let ended = self.session(&request.session_id).await?.status;
        if ended.peer != caller.peer {
            return Err(SyncError::new(
                Code::NotFound,
                format!("There is no session {}.", request.session_id),
            ));
        }
        Ok(Talk::default().say(ended, None))
    }

    pub async fn digest(
        &self,
        _caller: &Caller,
        _request: wire::DigestRequest,
    ) -> Result<wire::DigestReply, SyncError> {
        Ok(wire::DigestReply { digests: self.full_sync.digests().await? })
    }

    /// A session may be touched only by the peer that takes part in it.
    fn peers_session(&self, caller: &Caller, id: &SessionId) -> Result<Arc<Session>, SyncError> {
        self.full_sync
            .running(id)
            .filter(|session| session.peer == caller.peer)
            .ok_or_else(|| SyncError::new(Code::NotFound, format!("There is no running session {id}.")))
    }
}
