//! Rows into a staging table, by COPY on a connection of their own; the next table begins while this one ends.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::Postgres as Driver;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgCopyIn, PgPool, PgPoolCopyExt};
use tokio::task::JoinSet;

use super::super::{DatabaseError, Loaded, Loader};
use super::error::failed;
use crate::sql::Sql;

/// The ends of loads, each with the error that it may have.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<Mutex<JoinSet<Result<(), DatabaseError>>>>);

impl Ending {
    /// Waits for the last word of each: then all rows are there.
    pub(super) async fn all(&self) -> Result<(), DatabaseError> {
        let mut ending = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while let Some(ended) = ending.join_next().await {
            ended.map_err(|panic| DatabaseError::Unavailable { reason: panic.to_string() })??;
        }
        Ok(())
    }
}

pub(super) struct PooledLoader {
    copy: PgCopyIn<PoolConnection<Driver>>,
    what: String,
    /// Sent so far.
    rows: u64,
    ending: Ending,
}

impl PooledLoader {
    pub(super) async fn start(
        pool: &PgPool,
        statement: &Sql,
        what: String,
        ending: &Ending,
    ) -> Result<Self, DatabaseError> {
        match pool.copy_in_raw(statement.as_str()).await {
            Ok(copy) => Ok(Self { copy, what, rows: 0, ending: ending.clone() }),
            Err(cause) => Err(failed(what, &cause)),
        }
    }
}

#[async_trait]
impl Loader for PooledLoader {
    async fn send(&mut self, rows: Bytes) -> Result<(), DatabaseError> {
        self.rows += memchr::memchr_iter(b'\n', &rows).count() as u64;
        match self.copy.send(rows).await {
            Ok(_) => Ok(()),
            Err(cause) => Err(failed(self.what.clone(), &cause)),
        }
    }

    async fn finish(self: Box<Self>) -> Result<Loaded, DatabaseError> {
        let Self { copy, what, rows, ending } = *self;
        // Not worth waiting for: it takes a round trip, and 40 ms where `nodelay` may not do its work.
        ending.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            let loaded = copy.finish().await.map_err(|cause| failed(what.clone(), &cause))?;
            if loaded == rows {
                return Ok(());
            }
            let reason = format!("the server took {loaded} of {rows} rows");
            Err(DatabaseError::Statement { what, reason, sqlstate: String::new() })
        });
        Ok(Loaded { rows, unfit: Vec::new() })
    }
}
