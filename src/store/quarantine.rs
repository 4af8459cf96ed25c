//! Rows that syncs left out.

use super::{Store, StoreError};
use crate::clock::now_us;
use crate::database::{LeftOut, Statement};
use crate::model::SessionId;

impl Store {
    /// Commits together with the rows that did come in.
    pub(crate) fn quarantine(session: &SessionId, table: &str, row: &LeftOut, until_us: i64) -> Statement {
        Statement::new(
            "insert into {t}quarantine (session, relation, row, sqlstate, reason, image, until_us)
             values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(session.as_str())
        .bind(table)
        .bind(row.row.as_str())
        .bind(row.sqlstate.as_str())
        .bind(row.reason.as_str())
        .bind(row.image.as_str())
        .bind(until_us)
    }

    /// Drops the rows that were kept for long enough.
    pub(crate) async fn expire_quarantine(&self) -> Result<(), StoreError> {
        let statement = Statement::new("delete from {t}quarantine where until_us < $1").bind(now_us());
        self.database.execute(statement).await?;
        Ok(())
    }
}
