//! The source's part: its tables, cut into messages, each waited for until the target has it.

use std::sync::Arc;

use futures::TryStreamExt;

use super::super::line::Line;
use super::super::session::Session;
use super::super::source;
use super::message::{Cells, Message, Receipt, TableEnd, cells};
use crate::archive::copy_text::Malformed;
use crate::archive::{Rows, TableHasher, TooLong, hex};
use crate::backup;
use crate::catalog::{Table, TableName};
use crate::database::Snapshot;
use crate::model::{Code, Step, SyncError, text};

/// Bytes of COPY text in one message, unless one row alone is longer: a message counts only when it has arrived whole,
/// so on a bad line short ones get further.
const BYTES: usize = 128 * 1024;

/// Sends every row of the session's part of the database. The snapshot stays open for the digests.
pub(in super::super) async fn offer(
    session: &Session,
    line: Line<'_>,
) -> Result<Arc<dyn Snapshot>, SyncError> {
    let snapshot = source::open(session).await?;
    let progress = &session.progress;
    let catalog = snapshot.catalog();
    progress.enter(Step::Backup, "Reads table by table in one snapshot");
    let expected: u64 = catalog.tables.iter().map(|table| table.estimated_rows).sum();
    let mut sender = Sender { session, line, number: 0, rows: 0, expected };
    if sender.line.calls() {
        progress.enter(Step::Transfer, "Sends rows in JSON messages");
    } else {
        sender.receipt(0).await?;
    }
    sender.give(|number| Message::Begin { number, manifest: backup::manifest(catalog) }, 0).await?;
    for table in &catalog.tables {
        sender.table(&*snapshot, table).await?;
    }
    let sequences = snapshot.sequences().await.map_err(at_backup)?;
    let rows = text::counted(sender.rows, "row", "rows");
    progress.step(Step::Backup, sender.rows, Some(sender.rows));
    progress.done(Step::Backup, format!("{rows} read in one snapshot"));
    sender.give(|number| Message::End { number, sequences }, 0).await?;

    let (number, bytes) = (sender.number, sender.line.bytes());
    if sender.line.calls() {
        progress.bytes_total(bytes);
        progress.done(Step::Transfer, format!("{} sent", text::bytes(bytes)));
    } else {
        sender.line.say(&Message::Done { number }).await?;
    }
    progress.info(Step::Backup, format!("{rows} in {number} messages, {}", text::bytes(bytes)));
    Ok(snapshot)
}

struct Sender<'a> {
    session: &'a Session,
    line: Line<'a>,
    /// Of the last message.
    number: u32,
    rows: u64,
    expected: u64,
}

/// Rows that wait to be sent, each with the length of its text.
#[derive(Default)]
struct Waiting {
    rows: Vec<(Cells, usize)>,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, row: Cells, length: usize) {
        self.bytes += length;
        self.rows.push((row, length));
    }

    /// The rows of the next message, at least one when there is any.
    fn take(&mut self, most: usize) -> Vec<Cells> {
        let mut bytes = 0;
        let mut fits = |(_, length): &(Cells, usize)| {
            bytes += length;
            bytes <= BYTES
        };
        let count = self.rows.iter().take(most).take_while(|row| fits(row)).count();
        let count = count.max(1).min(self.rows.len());
        let rows: Vec<(Cells, usize)> = self.rows.drain(..count).collect();
        self.bytes -= rows.iter().map(|(_, length)| length).sum::<usize>();
        rows.into_iter().map(|(row, _)| row).collect()
    }

    fn fill_a_message(&self, most: usize) -> bool {
        self.rows.len() > most || self.bytes > BYTES && self.rows.len() > 1
    }
}

impl Sender<'_> {
    async fn table(&mut self, snapshot: &dyn Snapshot, table: &Table) -> Result<(), SyncError> {
        let columns = table.stored_columns();
        let most = self.session.node.config.batch_size;
        let mut hasher = TableHasher::new(&columns);
        let (mut splitter, mut waiting) = (Rows::default(), Waiting::default());
        let mut chunks = snapshot.rows(table, &columns).await.map_err(at_backup)?;
        while let Some(chunk) = chunks.try_next().await.map_err(at_backup)? {
            let read = hasher.update(&chunk).map_err(Unfit::from).and_then(|()| {
                splitter.split(&chunk, |row| {
                    waiting.push(cells(row)?, row.len());
                    Ok(())
                })
            });
            read.map_err(|unfit| unfit.of(&table.name))?;
            while waiting.fill_a_message(most) {
                self.rows(&table.name, &columns, waiting.take(most), None).await?;
            }
        }
        let (rows, hash) = hasher.finish();
        let end = TableEnd { rows, hash: hex(hash) };
        self.rows(&table.name, &columns, waiting.take(most), Some(end)).await
    }

    async fn rows(
        &mut self,
        table: &TableName,
        columns: &[String],
        rows: Vec<Cells>,
        end: Option<TableEnd>,
    ) -> Result<(), SyncError> {
        let (table, columns, count) = (table.to_string(), columns.to_vec(), rows.len() as u64);
        self.give(|number| Message::Rows { number, table, columns, rows, end }, count).await?;
        self.rows += count;
        let progress = &self.session.progress;
        progress.step(Step::Backup, self.rows, Some(self.expected.max(self.rows)));
        if self.line.calls() {
            progress.bytes(self.line.bytes());
        }
        Ok(())
    }

    /// Sends the next message, with so many rows, and waits until all of them are accepted.
    async fn give(&mut self, message: impl FnOnce(u32) -> Message, rows: u64) -> Result<(), SyncError> {
        self.number += 1;
        self.line.say(&message(self.number)).await?;
        self.receipt(rows).await
    }

    async fn receipt(&mut self, rows: u64) -> Result<(), SyncError> {
        let receipt: Receipt = self.line.hear().await?;
        if let Some(first) = receipt.refused.first() {
            let which = first.row.map(|row| format!(", row {row}")).unwrap_or_default();
            return Err(SyncError::new(
                Code::RowRefused,
                format!("{} refused message {}{which}: {}.", self.session.peer, receipt.number, first.reason),
            )
            .hint("Nothing was changed. Start the sync again, or take the method backup."));
        }
        if (receipt.number, receipt.accepted) != (self.number, rows) {
            return Err(self.line.nonsense(&"a receipt for something else"));
        }
        Ok(())
    }
}

/// Why rows cannot be sent as JSON.
enum Unfit {
    Malformed(Malformed),
    TooLong,
}

impl From<Malformed> for Unfit {
    fn from(malformed: Malformed) -> Self {
        Unfit::Malformed(malformed)
    }
}

impl From<TooLong> for Unfit {
    fn from(TooLong: TooLong) -> Self {
        Unfit::TooLong
    }
}

impl Unfit {
    fn of(self, table: &TableName) -> SyncError {
        let why = match self {
            Unfit::Malformed(malformed) => malformed.to_string(),
            Unfit::TooLong => "one is longer than 8 MiB".to_owned(),
        };
        SyncError::new(Code::Refused, format!("The rows of {table} cannot be sent as JSON: {why}."))
            .hint("Take the method backup: it sends rows as they are.")
            .at(Step::Backup)
    }
}

fn at_backup(error: impl Into<SyncError>) -> SyncError {
    error.into().at(Step::Backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_by_rows_and_by_bytes_and_lose_none() {
        for (lengths, expected) in [
            (vec![10; 7], vec![3, 3, 1]),
            (vec![BYTES / 2, BYTES / 2, 1, 1], vec![2, 2]),
            (vec![2 * BYTES, 1, 2 * BYTES], vec![1, 1, 1]),
            (vec![], vec![0]),
        ] {
            let mut waiting = Waiting::default();
            for (number, length) in lengths.iter().enumerate() {
                waiting.push(vec![Some(number.to_string())], *length);
            }
            let (mut counts, mut sent) = (Vec::new(), Vec::new());
            loop {
                let rows = waiting.take(3);
                counts.push(rows.len());
                sent.extend(rows.into_iter().flatten().flatten());
                if waiting.rows.is_empty() {
                    break;
                }
            }
            assert_eq!(counts, expected);
            assert_eq!(sent, (0..lengths.len()).map(|number| number.to_string()).collect::<Vec<_>>());
            assert_eq!(waiting.bytes, 0);
        }
    }
}
