//! The archive: what goes in comes out, byte for byte; what was damaged, forged or cut on the way does not.

mod copy_text;
mod damage;
mod digest;
mod dump;
mod forgery;
mod fuzz;
mod golden;
mod hostile_dumps;
mod pg_dump;
mod round_trip;
mod spool;

use std::future::Future;
use std::io;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::value::to_raw_value;
use tandem::archive::{
    ArchiveError, ArchiveReader, ArchiveWriter, Compression, Event, FORMAT, Manifest, Order, Section,
    SequenceValue, Spool,
};
use tandem::catalog::TableName;

/// Tables by name, columns and rows, and the sequences: everything that an archive is made of.
#[derive(Debug, Clone)]
struct Contents {
    manifest: Manifest,
    rows: Vec<Vec<u8>>,
    sequences: Vec<SequenceValue>,
}

impl Contents {
    fn new(tables: &[(&str, &[&str], &str)]) -> Self {
        Self {
            manifest: Manifest {
                format: FORMAT,
                order: Order::Heap,
                catalog: to_raw_value(&serde_json::json!({ "tables": tables.len() })).unwrap(),
                sections: tables.iter().map(|(name, columns, _)| section(name, columns)).collect(),
            },
            rows: tables.iter().map(|(_, _, rows)| rows.as_bytes().to_vec()).collect(),
            sequences: vec![sequence("orders_id_seq", 42), sequence("customers_id_seq", 3)],
        }
    }

    /// Two small tables.
    fn small() -> Self {
        Self::new(&[
            ("customers", &["id", "name"], "1\tAda\n2\tBob\n3\t\\N\n"),
            ("orders", &["order_no", "customer"], "10\t1\n11\t3\n12\t3\n13\t2\n"),
        ])
    }

    /// The archive, its rows handed over in pieces of `piece` bytes.
    async fn archive(&self, compression: Compression, piece: usize) -> Result<Vec<u8>, ArchiveError> {
        let folder = tempfile::tempdir().unwrap();
        let (spool, reader) = Spool::create(folder.path().join("archive")).unwrap();
        let mut writer = ArchiveWriter::begin(spool, &self.manifest, compression).await?;
        for (index, rows) in self.rows.iter().enumerate() {
            writer.begin_table(index).await?;
            for piece in rows.chunks(piece) {
                writer.rows(Bytes::copy_from_slice(piece)).await?;
            }
            writer.end_table().await?;
        }
        let totals = writer.finish(&self.sequences).await?;
        let pieces: Vec<Bytes> = reader.read_from(0).try_collect().await.unwrap();
        let bytes = pieces.concat();
        assert_eq!(totals.archive_bytes, bytes.len() as u64);
        Ok(bytes)
    }
}

fn section(name: &str, columns: &[&str]) -> Section {
    Section {
        table: TableName::new("public", name),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        partitioned: false,
    }
}

fn sequence(name: &str, last_value: i64) -> SequenceValue {
    SequenceValue { name: TableName::new("public", name), last_value, is_called: true }
}

/// As it stands in the archive.
fn json(manifest: &Manifest) -> String {
    serde_json::to_string(manifest).unwrap()
}

/// Reads bytes that arrive in pieces of `piece`, to the end.
async fn read(bytes: &[u8], piece: usize) -> Result<(Manifest, Vec<Event>), ArchiveError> {
    let pieces: Vec<io::Result<Bytes>> =
        bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let (manifest, mut reader) = ArchiveReader::open(stream::iter(pieces).boxed()).await?;
    let mut events = Vec::new();
    while let Some(event) = reader.next().await? {
        events.push(event);
    }
    assert!(matches!(events.last(), Some(Event::End { .. })), "a good end is always said");
    Ok((manifest, events))
}

/// The byte at which the archive was refused.
async fn refused_at(bytes: &[u8]) -> u64 {
    match read(bytes, usize::MAX).await {
        Err(ArchiveError::Damaged { offset, .. }) => offset,
        Err(ArchiveError::Format { .. }) => 8,
        Err(other) => panic!("refused, but for no damage: {other}"),
        Ok(_) => panic!("a damaged archive was taken"),
    }
}

/// The reason of a refusal.
async fn refusal(bytes: &[u8]) -> String {
    match read(bytes, usize::MAX).await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("a forged archive was taken"),
    }
}

fn rows_of(events: &[Event]) -> Vec<Vec<u8>> {
    let mut tables = Vec::new();
    for event in events {
        match event {
            Event::Table(_) => tables.push(Vec::new()),
            Event::Rows(rows) => tables.last_mut().unwrap().extend_from_slice(rows),
            Event::EndTable(_) | Event::End { .. } => {}
        }
    }
    tables
}

/// For property tests, which are not async themselves.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
