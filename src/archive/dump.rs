//! What `pg_dump --data-only` prints -> its rows and sequence values, and nothing else.
//!
//! Nothing of a dump is ever executed. It is read by a grammar that knows the lines that pg_dump 13 to 18 write:
//! comments, a fixed list of settings, `\restrict` at the top and `\unrestrict` at the bottom, COPY blocks, `setval`.
//! Any other line is refused with its number; so is a dump that ends before it says that it is complete, because
//! psql would take such an end for a good one.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::identifier::{Backslash, Cursor};
use super::{ArchiveError, SequenceValue};
use crate::catalog::TableName;

/// What is asked of the pipe at once.
const READ_LEN: usize = 256 << 10;
/// The longest statement: 1,600 columns with names of 63 bytes, all quoted, need a fifth of it.
const MAX_STATEMENT: usize = 1 << 20;

const COMPLETE: &str = "-- PostgreSQL database dump complete";

/// Lines without meaning for rows. A setting that is not here is refused: it might change what the rows mean.
const SETTINGS: [&str; 13] = [
    "SET statement_timeout = 0;",
    "SET lock_timeout = 0;",
    "SET idle_in_transaction_session_timeout = 0;",
    "SET transaction_timeout = 0;",
    "SET client_encoding = 'UTF8';",
    "SET standard_conforming_strings = on;",
    "SELECT pg_catalog.set_config('search_path', '', false);",
    "SET check_function_bodies = false;",
    "SET xmloption = content;",
    "SET client_min_messages = warning;",
    "SET escape_string_warning = off;",
    "SET row_security = off;",
    "SET row_security = on;",
];

/// What an error may say of a line: nothing but these can be sure to be no value of a row.
const KEYWORDS: [&str; 14] = [
    "ALTER", "ANALYZE", "BEGIN", "COMMIT", "COPY", "CREATE", "DELETE", "DO", "DROP", "INSERT", "REFRESH",
    "SELECT", "SET", "UPDATE",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpEvent {
    /// The rows that follow belong to this table and these columns.
    Table {
        name: TableName,
        columns: Vec<String>,
    },
    /// COPY text of the open table: whole rows, unless a row is very long.
    Rows(Bytes),
    EndTable,
    Sequence(SequenceValue),
}

/// Reads one dump from a pipe, in memory that does not grow with it.
pub struct DumpReader<R> {
    input: R,
    buffer: BytesMut,
    is_input_over: bool,
    /// Number of the buffer's first line.
    line: u64,
    place: Place,
    backslash: Backslash,
    restrict: Restrict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Script,
    /// The buffer begins with a row, or with the end mark.
    Rows,
    /// The buffer begins inside a row.
    InRow,
    /// The dump has said that it is complete; only its frame may follow.
    Complete,
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Restrict {
    Never,
    On { key: String },
    Lifted,
}

impl<R: AsyncRead + Unpin> DumpReader<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            buffer: BytesMut::new(),
            is_input_over: false,
            line: 1,
            place: Place::Script,
            backslash: Backslash::Plain,
            restrict: Restrict::Never,
        }
    }

    /// The next event; none when the dump was whole. May be dropped while it waits and called again.
    pub async fn next(&mut self) -> Result<Option<DumpEvent>, ArchiveError> {
        loop {
            let event = match self.place {
                Place::Script | Place::Complete => self.statement().await?,
                Place::Rows | Place::InRow => self.rows().await?,
                Place::Over => return Ok(None),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// Takes one statement or line that is none. Nothing leaves the buffer before the statement is there as a whole.
    async fn statement(&mut self) -> Result<Option<DumpEvent>, ArchiveError> {
        let len = loop {
            if let Some(len) = statement_len(&self.buffer) {
                break len;
            }
            if self.buffer.len() > MAX_STATEMENT {
                return Err(self.refused("a statement does not end"));
            }
            if !self.read_more().await? {
                self.end_of_input()?;
                self.place = Place::Over;
                return Ok(None);
            }
        };
        let text = self.buffer.split_to(len + 1).freeze();
        let Ok(text) = std::str::from_utf8(&text[..len]) else { return Err(self.refused("it is not UTF-8")) };
        let event = self.understand(text)?;
        self.line += text.matches('\n').count() as u64 + 1;
        Ok(event)
    }

    fn understand(&mut self, text: &str) -> Result<Option<DumpEvent>, ArchiveError> {
        if text.contains(['\r', '\0']) {
            return Err(self.refused("a control character stands in it"));
        }
        if text.is_empty() || (text.starts_with("--") && text != COMPLETE) {
            return Ok(None);
        }
        if let Some(key) = text.strip_prefix("\\unrestrict ") {
            return self.lift_restriction(key).map(|()| None);
        }
        if self.place == Place::Complete {
            return Err(self.refused("it stands behind the end of the dump"));
        }
        if text == COMPLETE {
            self.place = Place::Complete;
            return Ok(None);
        }
        if let Some(key) = text.strip_prefix("\\restrict ") {
            return self.set_restriction(key).map(|()| None);
        }
        if text == "SET standard_conforming_strings = off;" {
            self.backslash = Backslash::Doubled;
            return Ok(None);
        }
        if SETTINGS.contains(&text) {
            return Ok(None);
        }
        if let Some((name, columns)) = copy_statement(text) {
            self.place = Place::Rows;
            return Ok(Some(DumpEvent::Table { name, columns }));
        }
        if let Some(value) = setval_statement(text, self.backslash) {
            return Ok(Some(DumpEvent::Sequence(value)));
        }
        let known = KEYWORDS.iter().find(|&&word| text.split(' ').next() == Some(word));
        Err(self.refused(&match known {
            Some(word) => format!("this {word} is no part of a dump of rows"),
            None => "it is no line that pg_dump writes around rows".to_owned(),
        }))
    }

    fn set_restriction(&mut self, key: &str) -> Result<(), ArchiveError> {
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_key || self.restrict != Restrict::Never {
            return Err(self.refused("this \\restrict does not belong here"));
        }
        self.restrict = Restrict::On { key: key.to_owned() };
        Ok(())
    }

    fn lift_restriction(&mut self, key: &str) -> Result<(), ArchiveError> {
        let fits = matches!(&self.restrict, Restrict::On { key: set } if set == key);
        if !fits || self.place != Place::Complete {
            return Err(self.refused("this \\unrestrict does not belong here"));
        }
        self.restrict = Restrict::Lifted;
        Ok(())
    }

    fn end_of_input(&self) -> Result<(), ArchiveError> {
        if !self.buffer.is_empty() {
            return Err(self.refused("the dump is cut off inside a line"));
        }
        if self.place != Place::Complete {
            return Err(self.refused("the dump is cut off here"));
        }
        if matches!(self.restrict, Restrict::On { .. }) {
            return Err(self.refused("the dump is cut off before its \\unrestrict"));
        }
        Ok(())
    }

    /// Takes as many rows as are there, without touching them one by one.
    async fn rows(&mut self) -> Result<Option<DumpEvent>, ArchiveError> {
        const END_MARK: &[u8] = b"\\.\n";
        loop {
            if self.place == Place::Rows && self.buffer.starts_with(END_MARK) {
                bytes::Buf::advance(&mut self.buffer, END_MARK.len());
                self.line += 1;
                self.place = Place::Script;
                return Ok(Some(DumpEvent::EndTable));
            }
            let may_be_mark = self.place == Place::Rows && END_MARK.starts_with(&self.buffer);
            let whole_rows = match memchr::memmem::find(&self.buffer, b"\n\\.\n") {
                Some(newline) => Some(newline + 1),
                None => memchr::memrchr(b'\n', &self.buffer).map(|newline| newline + 1),
            };
            if let Some(len) = whole_rows {
                self.place = Place::Rows;
                return self.take_rows(len).map(Some);
            }
            if self.buffer.len() >= READ_LEN && !may_be_mark {
                self.place = Place::InRow;
                return self.take_rows(self.buffer.len()).map(Some);
            }
            if !self.read_more().await? {
                return Err(self.refused("the dump is cut off inside the rows of a table"));
            }
        }
    }

    fn take_rows(&mut self, len: usize) -> Result<DumpEvent, ArchiveError> {
        let rows = self.buffer.split_to(len).freeze();
        if let Some(at) = memchr::memchr2(0, b'\r', &rows) {
            self.line += newlines(&rows[..at]);
            return Err(self.refused("a control character stands unescaped in a row"));
        }
        self.line += newlines(&rows);
        Ok(DumpEvent::Rows(rows))
    }

    /// False at the end of the input.
    async fn read_more(&mut self) -> Result<bool, ArchiveError> {
        if self.is_input_over {
            return Ok(false);
        }
        // A pipe hands over 64 KiB at most; as long as that fits, the same memory is used on.
        if self.buffer.capacity() - self.buffer.len() < READ_LEN / 4 {
            self.buffer.reserve(READ_LEN);
        }
        let read = self.input.read_buf(&mut self.buffer).await?;
        self.is_input_over = read == 0;
        Ok(read > 0)
    }

    fn refused(&self, what: &str) -> ArchiveError {
        ArchiveError::Dump { line: self.line, what: what.to_owned() }
    }
}

/// Where the newline is that ends the first statement: a name in quotes may contain others.
fn statement_len(buffer: &[u8]) -> Option<usize> {
    let quote = match buffer {
        [b'C', b'O', b'P', b'Y', b' ', ..] => b'"',
        [b'S', b'E', b'L', b'E', b'C', b'T', b' ', ..] => b'\'',
        _ => return memchr::memchr(b'\n', buffer),
    };
    let mut is_quoted = false;
    for at in memchr::memchr2_iter(quote, b'\n', buffer) {
        if buffer[at] == quote {
            is_quoted = !is_quoted;
        } else if !is_quoted {
            return Some(at);
        }
    }
    None
}

/// `COPY schema.table (a, b) FROM stdin;`
fn copy_statement(text: &str) -> Option<(TableName, Vec<String>)> {
    let mut cursor = Cursor(text);
    cursor.take("COPY ")?;
    let name = cursor.qualified()?;
    cursor.take(" ")?;
    let columns = cursor.columns()?;
    cursor.take(" FROM stdin;")?;
    cursor.0.is_empty().then_some((name, columns))
}

/// `SELECT pg_catalog.setval('schema.sequence', 42, true);`
fn setval_statement(text: &str, backslash: Backslash) -> Option<SequenceValue> {
    let mut cursor = Cursor(text);
    cursor.take("SELECT pg_catalog.setval(")?;
    let name = cursor.literal(backslash)?;
    let mut quoted = Cursor(&name);
    let name = quoted.qualified().filter(|_| quoted.0.is_empty())?;
    cursor.take(", ")?;
    let last_value = cursor.number()?;
    cursor.take(", ")?;
    let is_called = match cursor.0 {
        "true);" => true,
        "false);" => false,
        _ => return None,
    };
    Some(SequenceValue { name, last_value, is_called })
}

fn newlines(rows: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', rows).count() as u64
}
