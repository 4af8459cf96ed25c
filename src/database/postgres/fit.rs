//! Rows into a staging table one piece at a time, so that a row whose value the target cannot hold stands alone.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::postgres::{PgPool, PgPoolCopyExt as _};

use super::super::{DatabaseError, LeftOut, Loaded, Loader};
use super::error::failed;
use super::set_aside::MOST;
use crate::catalog::TableName;
use crate::sql::Sql;

/// A statement for at least so many bytes.
const PIECE: usize = 256 * 1024;
/// Characters that are shown of a row.
const WIDTH: usize = 200;

pub(super) struct FitLoader {
    pool: PgPool,
    table: TableName,
    statement: Sql,
    /// Not sent yet; the last row may not be whole.
    waiting: Vec<u8>,
    loaded: Loaded,
}

impl FitLoader {
    pub(super) fn new(pool: PgPool, table: TableName, statement: Sql) -> Self {
        Self { pool, table, statement, waiting: Vec::new(), loaded: Loaded::default() }
    }

    fn what(&self) -> String {
        format!("load rows for {}", self.table)
    }

    /// Loads whole rows; those that do not fit are kept with the reason.
    async fn load(&mut self, rows: &[u8]) -> Result<(), DatabaseError> {
        let mut waiting = vec![rows];
        while let Some(rows) = waiting.pop() {
            match self.copy(rows).await {
                Ok(count) => self.loaded.rows += count,
                Err(error) => {
                    let (sqlstate, reason) = error.refusal()?;
                    match middle(rows) {
                        Some(middle) => waiting.extend([&rows[middle..], &rows[..middle]]),
                        None => self.refuse(rows, sqlstate, reason)?,
                    }
                }
            }
        }
        Ok(())
    }

    async fn copy(&self, rows: &[u8]) -> Result<u64, DatabaseError> {
        let what = |cause| failed(self.what(), &cause);
        let mut copy = self.pool.copy_in_raw(self.statement.as_str()).await.map_err(what)?;
        copy.send(rows).await.map_err(what)?;
        copy.finish().await.map_err(what)
    }

    fn refuse(&mut self, row: &[u8], sqlstate: String, reason: String) -> Result<(), DatabaseError> {
        if self.loaded.unfit.len() == MOST {
            return Err(DatabaseError::TooMany { table: self.table.clone(), most: MOST as u64 });
        }
        let image = String::from_utf8_lossy(row).trim_end_matches('\n').to_owned();
        let row = image.chars().take(WIDTH).collect();
        self.loaded.rows += 1;
        self.loaded.unfit.push(LeftOut { row, sqlstate, reason, image });
        Ok(())
    }
}

/// The beginning of a row near the middle; none when there is only one row.
fn middle(rows: &[u8]) -> Option<usize> {
    let half = rows.len() / 2;
    let after = memchr::memchr(b'\n', &rows[half..]).map(|at| half + at + 1).filter(|&at| at < rows.len());
    after.or_else(|| memchr::memrchr(b'\n', &rows[..half]).map(|at| at + 1))
}

#[async_trait]
impl Loader for FitLoader {
    async fn send(&mut self, rows: Bytes) -> Result<(), DatabaseError> {
        self.waiting.extend_from_slice(&rows);
        if self.waiting.len() < PIECE {
            return Ok(());
        }
        let Some(end) = memchr::memrchr(b'\n', &self.waiting) else { return Ok(()) };
        let rest = self.waiting.split_off(end + 1);
        let rows = std::mem::replace(&mut self.waiting, rest);
        self.load(&rows).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Loaded, DatabaseError> {
        let rows = std::mem::take(&mut self.waiting);
        if !rows.is_empty() {
            self.load(&rows).await?;
        }
        Ok(self.loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn rows_are_cut_between_two_of_them_or_not_at_all() {
        assert_eq!(middle(b"one\n"), None);
        assert_eq!(middle(b"a\nthis is the long one\n"), Some(2));
        assert_eq!(middle(b"this is the long one\nb\n"), Some(21));
        assert_eq!(middle(b"a\nb\nc\nd\n"), Some(6));
    }
}
