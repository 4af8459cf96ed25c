//! The target's part: every message checked, taken into its own archive, and answered; restored at the same time.

use std::sync::Arc;

use super::super::line::Line;
use super::super::session::{Outcome, Session};
use super::super::target;
use super::message::{Cells, Message, Receipt, Refused, TableEnd, write};
use crate::archive::{
    ArchiveError, ArchiveWriter, Compression, Manifest, Section, SequenceValue, Spool, SpoolWriter, hex,
};
use crate::model::{Code, Step, SyncError, text};

/// Takes the rows that the source sends, and restores them like any archive.
pub(in super::super) async fn restore(
    session: &Session,
    line: Line<'_>,
    writer: SpoolWriter,
    spool: Arc<Spool>,
) -> Result<Outcome, SyncError> {
    let take = async { take(session, line, writer).await.map_err(|error| error.at(Step::Transfer)) };
    let (bytes, mut outcome) = tokio::try_join!(take, target::restore(session, spool, None))?;
    if let Some(result) = &mut outcome.result {
        // The archive never left this node.
        result.archive_bytes = bytes;
    }
    Ok(outcome)
}

/// Returns how many bytes were said.
async fn take(session: &Session, mut line: Line<'_>, spool: SpoolWriter) -> Result<u64, SyncError> {
    let progress = &session.progress;
    if line.calls() {
        progress.enter(Step::Transfer, "Receives rows in JSON messages");
        line.say(&Receipt::default()).await?;
    }
    let mut intake = Intake::new(spool, session.compression());
    while !intake.is_whole() {
        let message: Message = line.hear().await?;
        let receipt = intake.take(message).await?;
        line.say(&receipt).await?;
        if let Some(first) = receipt.refused.first() {
            return Err(refused(session, &receipt, first));
        }
        if line.calls() {
            progress.bytes(line.bytes());
        }
    }
    let bytes = line.bytes();
    if line.calls() {
        let Message::Done { .. } = line.hear().await? else {
            return Err(line.nonsense(&"a message out of order"));
        };
        progress.bytes_total(bytes);
        progress.done(Step::Transfer, format!("{} received", text::bytes(bytes)));
    }
    Ok(bytes)
}

fn refused(session: &Session, receipt: &Receipt, first: &Refused) -> SyncError {
    let which = first.row.map(|row| format!(", row {row}")).unwrap_or_default();
    let (peer, number, reason) = (&session.peer, receipt.number, &first.reason);
    SyncError::new(Code::Damaged, format!("Message {number}{which} of {peer} was refused: {reason}."))
        .hint("Nothing was changed. Start the sync again; if it happens again, take the method backup.")
}

/// What has come so far: the manifest, whole tables, and the one at hand.
struct Intake {
    state: State,
    compression: Compression,
    /// Of the last message.
    number: u32,
}

enum State {
    /// Boxed, as the next: it is moved from state to state.
    Empty(SpoolWriter),
    Open(Box<Open>),
    Whole,
}

struct Open {
    writer: ArchiveWriter,
    sections: Vec<Section>,
    /// The section whose rows come now, or next.
    at: usize,
    /// Rows of it have come.
    is_begun: bool,
}

/// Why a message was not taken.
enum Fault {
    Refused(Vec<Refused>),
    /// Not the message's fault.
    Archive(ArchiveError),
}

impl From<ArchiveError> for Fault {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Unfit { .. } | ArchiveError::Format { .. } => {
                Fault::Refused(vec![Refused::message(error.to_string())])
            }
            other => Fault::Archive(other),
        }
    }
}

impl Intake {
    fn new(spool: SpoolWriter, compression: Compression) -> Self {
        Self { state: State::Empty(spool), compression, number: 0 }
    }

    fn is_whole(&self) -> bool {
        matches!(self.state, State::Whole)
    }

    /// Takes a message whole or not at all. After a refusal nothing more is taken.
    async fn take(&mut self, message: Message) -> Result<Receipt, SyncError> {
        let number = message.number();
        match self.step(message).await {
            Ok(accepted) => {
                self.number = number;
                Ok(Receipt { number, accepted, refused: Vec::new() })
            }
            Err(Fault::Refused(refused)) => Ok(Receipt { number, accepted: 0, refused }),
            Err(Fault::Archive(error)) => Err(error.into()),
        }
    }

    async fn step(&mut self, message: Message) -> Result<u64, Fault> {
        if message.number() != self.number + 1 {
            let (came, expected) = (message.number(), self.number + 1);
            return Err(fault(format!("it is message {came}, and {expected} is expected")));
        }
        // Lost with a refusal, and then the spool fails too.
        match (std::mem::replace(&mut self.state, State::Whole), message) {
            (State::Empty(spool), Message::Begin { manifest, .. }) => {
                self.state = State::Open(Box::new(Open::begin(spool, manifest, self.compression).await?));
                Ok(0)
            }
            (State::Open(mut open), Message::Rows { table, columns, rows, end, .. }) => {
                open.rows(&table, &columns, &rows).await?;
                if let Some(end) = end {
                    open.end_table(&end).await?;
                }
                self.state = State::Open(open);
                Ok(rows.len() as u64)
            }
            (State::Open(open), Message::End { sequences, .. }) => {
                open.finish(&sequences).await?;
                Ok(0)
            }
            _ => Err(fault("it is out of order")),
        }
    }
}

impl Open {
    async fn begin(
        spool: SpoolWriter,
        manifest: Manifest,
        compression: Compression,
    ) -> Result<Self, ArchiveError> {
        let writer = ArchiveWriter::begin(spool, &manifest, compression).await?;
        Ok(Self { writer, sections: manifest.sections, at: 0, is_begun: false })
    }

    async fn rows(&mut self, table: &str, columns: &[String], rows: &[Cells]) -> Result<(), Fault> {
        let Some(section) = self.sections.get(self.at) else {
            return Err(fault(format!("it has rows of {table}, and no more tables were announced")));
        };
        if section.table.to_string() != table {
            return Err(fault(format!("it has rows of {table}, and {} is next", section.table)));
        }
        if section.columns != columns {
            return Err(fault(format!("its columns are not those that were announced for {table}")));
        }
        let (mut text, mut refused) = (Vec::new(), Vec::new());
        for (place, row) in rows.iter().enumerate() {
            if let Err(reason) = write(row, columns.len(), &mut text) {
                refused.push(Refused { row: Some(place), reason });
            }
        }
        if !refused.is_empty() {
            return Err(Fault::Refused(refused));
        }
        if !self.is_begun {
            self.writer.begin_table(self.at).await?;
            self.is_begun = true;
        }
        Ok(self.writer.rows(text.into()).await?)
    }

    async fn end_table(&mut self, end: &TableEnd) -> Result<(), Fault> {
        let totals = self.writer.end_table().await?;
        let table = &self.sections[self.at].table;
        if (totals.rows, hex(totals.hash)) != (end.rows, end.hash.clone()) {
            return Err(fault(format!(
                "the rows of {table} are not those that the source has counted and hashed"
            )));
        }
        self.at += 1;
        self.is_begun = false;
        Ok(())
    }

    /// The writer itself refuses an end before every table has come.
    async fn finish(self, sequences: &[SequenceValue]) -> Result<(), ArchiveError> {
        self.writer.finish(sequences).await.map(|_| ())
    }
}

fn fault(reason: impl Into<String>) -> Fault {
    Fault::Refused(vec![Refused::message(reason)])
}
