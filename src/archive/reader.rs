//! The bytes of an archive, wherever they come from -> its tables, rows and sequences, or the byte at which it is
//! damaged.
//!
//! The reader believes nothing: it knows the order in which frames may come, checks every length before it makes room,
//! gives no row away before its frame's hash is checked, and compares each table's trailer with the rows that it saw.
//! It reads ahead by a few frames, which are checked and unpacked on blocking threads.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::task::{JoinHandle, spawn_blocking};

use super::codec::{Codec, Looked, lanes};
use super::digest::{ColumnOrder, TableHasher};
use super::frame::{HEADER_LEN, Hash, Header, Kind, PREAMBLE_LEN, check_preamble, damaged, preamble};
use super::writer::{Content, EndRecord};
use super::{ArchiveError, ArchiveTotals, Manifest, SequenceValue, TableTotals};

/// What an archive says, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The rows that follow belong to the manifest's section of this number.
    Table(usize),
    /// COPY text of the open table: whole rows, unless a row is longer than a frame.
    Rows(Bytes),
    /// The table is over, and these totals are those of the rows that came.
    EndTable(TableTotals),
    /// Everything came, and nothing else.
    End { sequences: Vec<SequenceValue>, totals: ArchiveTotals },
}

/// Reads one archive, front to back.
pub struct ArchiveReader {
    cutter: Cutter,
    codec: Arc<Codec>,
    ahead: VecDeque<Ahead>,
    lanes: usize,
    content: Content,
    open: Option<OpenTable>,
    state: State,
    consumed: Arc<AtomicU64>,
}

struct OpenTable {
    index: usize,
    hasher: TableHasher,
    raw_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The end record was given out.
    Ended,
    Refused {
        at: u64,
    },
}

/// A frame that was cut off the stream; `end` is the byte behind it.
struct Ahead {
    start: u64,
    end: u64,
    work: Work,
}

enum Work {
    Unpacking(JoinHandle<Result<Looked, String>>),
    Table(usize, Arc<ColumnOrder>),
    EndTable([u8; 32]),
    End(EndRecord),
    Refused(ArchiveError),
}

impl ArchiveReader {
    /// Reads the manifest.
    pub async fn open(
        bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(Manifest, Self), ArchiveError> {
        let mut cutter = Cutter {
            source: bytes.boxed(),
            buffer: BytesMut::new(),
            offset: 0,
            previous: blake3::hash(&preamble()).into(),
            orders: Vec::new(),
            place: Place::Between,
        };
        let (manifest, content) = cutter.manifest().await?;
        let consumed = Arc::new(AtomicU64::new(cutter.offset));
        let reader = Self {
            cutter,
            codec: Arc::default(),
            ahead: VecDeque::new(),
            lanes: lanes(),
            content,
            open: None,
            state: State::Reading,
            consumed,
        };
        Ok((manifest, reader))
    }

    /// How many bytes of the archive have been given out as events: for a progress display.
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }

    /// The next event; none after [`Event::End`]. An archive is only whole when that has come. May be dropped while it
    /// waits and called again.
    pub async fn next(&mut self) -> Result<Option<Event>, ArchiveError> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Refused { at } => return Err(damaged(at, "it was refused here before")),
        }
        loop {
            let may_cut = self.cutter.place != Place::Over && self.ahead.len() < self.lanes;
            tokio::select! {
                biased;
                cut = self.cutter.next(&self.codec), if may_cut => self.ahead.push_back(cut),
                unpacked = first_unpacked(&mut self.ahead), if !self.ahead.is_empty() => {
                    let ahead = self.ahead.pop_front().expect("its work is done");
                    let (start, end) = (ahead.start, ahead.end);
                    let event = self.accept(ahead, unpacked).inspect_err(|_| {
                        self.state = State::Refused { at: start };
                    })?;
                    self.consumed.store(end, Ordering::Relaxed);
                    return Ok(Some(event));
                }
            }
        }
    }

    fn accept(
        &mut self,
        ahead: Ahead,
        unpacked: Option<Result<Looked, ArchiveError>>,
    ) -> Result<Event, ArchiveError> {
        let refuse = |what: String| damaged(ahead.start, what);
        match ahead.work {
            Work::Refused(error) => Err(error),
            Work::Table(index, order) => {
                self.content.begin_table(index).map_err(refuse)?;
                self.open = Some(OpenTable { index, hasher: TableHasher::with_order(order), raw_bytes: 0 });
                Ok(Event::Table(index))
            }
            Work::Unpacking(_) => {
                let rows = unpacked.expect("work on rows ends with rows")?;
                let table = self.open.as_mut().ok_or_else(|| refuse("rows stand outside a table".into()))?;
                rows.add_to(&mut table.hasher).map_err(|malformed| refuse(malformed.to_string()))?;
                table.raw_bytes += rows.raw.len() as u64;
                Ok(Event::Rows(rows.raw))
            }
            Work::EndTable(claimed) => {
                let table = self.open.take().ok_or_else(|| refuse("there is no table to end".into()))?;
                if !table.hasher.is_at_row_end() {
                    return Err(refuse("a table ends inside a row".into()));
                }
                let (rows, hash) = table.hasher.finish();
                let totals = TableTotals { rows, hash, raw_bytes: table.raw_bytes };
                if totals.bytes() != claimed {
                    return Err(refuse("the table's trailer does not fit its rows".into()));
                }
                self.content.end_table(table.index, totals);
                Ok(Event::EndTable(totals))
            }
            Work::End(record) => {
                let expected = self.content.end(record.sequences.clone()).map_err(refuse)?;
                if expected != record {
                    return Err(refuse("the end record does not fit what came before".into()));
                }
                self.state = State::Ended;
                Ok(Event::End { totals: record.totals(ahead.end), sequences: record.sequences })
            }
        }
    }
}

/// Waits until the first frame is ready. Nothing is taken off before, so that the wait may be given up.
async fn first_unpacked(ahead: &mut VecDeque<Ahead>) -> Option<Result<Looked, ArchiveError>> {
    let Ahead { start, work: Work::Unpacking(work), .. } = ahead.front_mut()? else { return None };
    let unpacked = match work.await {
        Ok(unpacked) => unpacked.map_err(|what| damaged(*start, what)),
        Err(stopped) => Err(io::Error::other(stopped).into()),
    };
    Some(unpacked)
}

/// Where in the grammar the next frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    InTable(usize),
    /// The end record was cut off, or an error.
    Over,
}

/// Cuts the stream into frames. Knows the order in which they may come; leaves the hashing of rows to others.
struct Cutter {
    source: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    /// Came, and is not yet a frame.
    buffer: BytesMut,
    /// Of the buffer's first byte in the archive.
    offset: u64,
    /// The hash that the frame before claims; whoever checks that frame makes it true.
    previous: Hash,
    orders: Vec<Arc<ColumnOrder>>,
    place: Place,
}

impl Cutter {
    async fn manifest(&mut self) -> Result<(Manifest, Content), ArchiveError> {
        self.fill(PREAMBLE_LEN).await?;
        let preamble = self.buffer.split_to(PREAMBLE_LEN);
        check_preamble(preamble[..].try_into().expect("it was split at this length"))?;
        self.offset = PREAMBLE_LEN as u64;
        let refuse = |what: String| damaged(PREAMBLE_LEN as u64, what);
        let header = self.fill_frame().await?;
        if header.kind != Kind::Manifest {
            return Err(refuse("the manifest is missing".into()));
        }
        let payload = self.split_checked(&header).map_err(refuse)?;
        let manifest: Manifest =
            serde_json::from_slice(&payload).map_err(|error| refuse(format!("the manifest: {error}")))?;
        let content = Content::begin(&manifest, &payload).map_err(|error| match error {
            ArchiveError::Unfit { what } => refuse(what),
            other => other,
        })?;
        self.orders =
            manifest.sections.iter().map(|section| Arc::new(ColumnOrder::new(&section.columns))).collect();
        Ok((manifest, content))
    }

    /// The next frame, or the error in its place. May be dropped while it waits: what came stays in the buffer.
    async fn next(&mut self, codec: &Arc<Codec>) -> Ahead {
        let start = self.offset;
        let work = match self.cut(codec).await {
            Ok(work) => work,
            Err(error) => {
                self.place = Place::Over;
                Work::Refused(error)
            }
        };
        Ahead { start, end: self.offset, work }
    }

    async fn cut(&mut self, codec: &Arc<Codec>) -> Result<Work, ArchiveError> {
        let header = self.fill_frame().await?;
        if header.kind == Kind::End {
            self.expect_end_after(HEADER_LEN + header.payload_len).await?;
        }
        // From here on nothing waits: the frame leaves the buffer and becomes work in one go.
        let start = self.offset;
        self.work(&header, codec).map_err(|what| damaged(start, what))
    }

    fn work(&mut self, header: &Header, codec: &Arc<Codec>) -> Result<Work, String> {
        match (self.place, header.kind) {
            (Place::InTable(index), Kind::Rows | Kind::Packed) => {
                let (header, previous) = (*header, self.previous);
                let (codec, order) = (Arc::clone(codec), Arc::clone(&self.orders[index]));
                let payload = self.split(&header);
                Ok(Work::Unpacking(spawn_blocking(move || codec.unpack(&header, payload, &previous, order))))
            }
            (Place::Between, Kind::Table) => {
                let payload = self.split_checked(header)?;
                let number: [u8; 4] = payload[..].try_into().expect("the header was checked");
                let index = u32::from_le_bytes(number) as usize;
                let order = self.orders.get(index).ok_or_else(|| format!("there is no section {index}"))?;
                self.place = Place::InTable(index);
                Ok(Work::Table(index, Arc::clone(order)))
            }
            (Place::InTable(_), Kind::TableEnd) => {
                let payload = self.split_checked(header)?;
                self.place = Place::Between;
                Ok(Work::EndTable(payload[..].try_into().expect("the header was checked")))
            }
            (Place::Between, Kind::End) => {
                let payload = self.split_checked(header)?;
                self.place = Place::Over;
                let record = serde_json::from_slice(&payload);
                record.map(Work::End).map_err(|error| format!("the end record: {error}"))
            }
            (_, kind) => Err(format!("a frame of kind {} does not belong here", kind as u8)),
        }
    }

    /// Takes the frame off the buffer and checks it at once: for frames so small that a thread would cost more.
    fn split_checked(&mut self, header: &Header) -> Result<Bytes, String> {
        let previous = self.previous;
        let payload = self.split(header);
        header.check(&previous, &payload)?;
        Ok(payload)
    }

    fn split(&mut self, header: &Header) -> Bytes {
        let mut frame = self.buffer.split_to(HEADER_LEN + header.payload_len);
        self.offset += frame.len() as u64;
        self.previous = header.hash;
        frame.split_off(HEADER_LEN).freeze()
    }

    /// Waits until the next frame is in the buffer as a whole.
    async fn fill_frame(&mut self) -> Result<Header, ArchiveError> {
        self.fill(HEADER_LEN).await?;
        let bytes = self.buffer[..HEADER_LEN].try_into().expect("it was filled to this length");
        let header = Header::parse(bytes).map_err(|what| damaged(self.offset, what))?;
        self.fill(HEADER_LEN + header.payload_len).await?;
        Ok(header)
    }

    /// The buffer grows only by what really came, whatever a header claims.
    async fn fill(&mut self, len: usize) -> Result<(), ArchiveError> {
        while self.buffer.len() < len {
            match self.source.next().await {
                Some(bytes) => self.buffer.extend_from_slice(&bytes?),
                None => {
                    let end = self.offset + self.buffer.len() as u64;
                    return Err(damaged(end, "it is cut off here"));
                }
            }
        }
        Ok(())
    }

    async fn expect_end_after(&mut self, len: usize) -> Result<(), ArchiveError> {
        while self.buffer.len() == len {
            match self.source.next().await {
                Some(bytes) => self.buffer.extend_from_slice(&bytes?),
                None => return Ok(()),
            }
        }
        Err(damaged(self.offset + len as u64, "there are bytes behind its end"))
    }
}
