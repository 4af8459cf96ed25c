//! Rows into a staging table one piece at a time, so that a row whose value the target cannot hold stands alone.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::postgres::{PgDatabaseError, PgPool, PgPoolCopyExt as _};

use super::super::{DatabaseError, LeftOut, Loaded, Loader};
use super::error::failed;
use super::set_aside::MOST;
use super::stages::PREFIX;
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
    async fn load(&mut self, mut rows: Vec<u8>) -> Result<(), DatabaseError> {
        while !rows.is_empty() {
            let cause = match self.copy(&rows).await {
                Ok(count) => {
                    self.loaded.rows += count;
                    break;
                }
                Err(cause) => cause,
            };
            failed(self.what(), &cause).refusal()?;
            let line = refused_line(&cause).filter(|line| after(&rows, line - 1) < rows.len()).unwrap_or(1);
            // Alone, so that what is left out is what the server refuses, whatever its context was taken to say.
            let rest = after(&rows, line);
            let row: Vec<u8> = rows.drain(after(&rows, line - 1)..rest).collect();
            match self.copy(&row).await {
                Ok(count) => self.loaded.rows += count,
                Err(cause) => {
                    let (sqlstate, reason) = failed(self.what(), &cause).refusal()?;
                    self.refuse(&row, sqlstate, reason)?;
                }
            }
        }
        Ok(())
    }

    async fn copy(&self, rows: &[u8]) -> Result<u64, sqlx::Error> {
        let mut copy = self.pool.copy_in_raw(self.statement.as_str()).await?;
        copy.send(rows).await?;
        copy.finish().await
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

/// The row, counted from 1, that the server names in its context: `COPY stage_…, line 7, column size: "99"`, in the
/// language of its messages.
fn refused_line(cause: &sqlx::Error) -> Option<usize> {
    let context = cause.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    context.and_then(PgDatabaseError::r#where).and_then(line_in)
}

/// The first number after the name of the table.
fn line_in(context: &str) -> Option<usize> {
    let (_, rest) = context.split_once(PREFIX)?;
    let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    let digits = rest.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok().filter(|&line| line > 0)
}

/// Where the first `lines` lines end.
fn after(rows: &[u8], lines: usize) -> usize {
    match lines.checked_sub(1) {
        Some(last) => memchr::memchr_iter(b'\n', rows).nth(last).map_or(rows.len(), |end| end + 1),
        None => 0,
    }
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
        self.load(rows).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Loaded, DatabaseError> {
        let rows = std::mem::take(&mut self.waiting);
        if !rows.is_empty() {
            self.load(rows).await?;
        }
        Ok(self.loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::{after, line_in};

    #[test]
    fn a_row_is_found_by_its_number_in_any_language() {
        assert_eq!(line_in("COPY stage_0a1b2c_3, line 7, column size: \"99\""), Some(7));
        assert_eq!(line_in("COPY stage_0a1b2c_3, Zeile 12, Spalte n: »1«"), Some(12));
        assert_eq!(line_in("stage_0a1b2c_3のCOPY、行4、列n: \"1\""), Some(4));
        assert_eq!(
            line_in("PL/pgSQL function f(integer) line 2 at RAISE\nCOPY stage_0a1b2c_3, line 5"),
            Some(5)
        );
        for unknown in ["", "COPY thing, line 5", "COPY stage_1", "COPY stage_1, line 0"] {
            assert_eq!(line_in(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn rows_end_with_their_lines() {
        assert_eq!([0, 1, 2, 3].map(|lines| after(b"a\nbc\n", lines)), [0, 2, 5, 5]);
    }
}
