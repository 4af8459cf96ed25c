//! What goes into an archive comes out of it, and the same contents give the same bytes.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use tandem::archive::{ArchiveError, ArchiveReader, ArchiveWriter, Compression, Event, Spool, TableTotals};

use super::{Contents, json, read, rows_of, run};

const MANY: usize = 40_000;

#[tokio::test]
async fn manifest_rows_totals_and_sequences_come_back() {
    let contents = Contents::small();
    for compression in [Compression::Stored, Compression::Zstd(3)] {
        let bytes = contents.archive(compression, 7).await.unwrap();

        let (manifest, events) = read(&bytes, 11).await.unwrap();

        assert_eq!(json(&manifest), json(&contents.manifest));
        assert_eq!(rows_of(&events), contents.rows);
        assert!(matches!(events[0], Event::Table(0)));
        assert!(matches!(events[2], Event::EndTable(TableTotals { rows: 3, raw_bytes: 17, .. })));
        let Some(Event::End { sequences, totals }) = events.last() else { panic!("the end is missing") };
        assert_eq!(sequences[0].name.name, "customers_id_seq", "sequences come in the order of their names");
        assert_eq!(sequences.len(), 2);
        assert_eq!((totals.tables, totals.rows, totals.archive_bytes), (2, 7, bytes.len() as u64));
    }
}

#[tokio::test]
async fn large_tables_come_back_in_frames_of_whole_rows() {
    let contents = Contents::new(&[("orders", &["id", "note"], &many_rows()), ("none", &["id"], "")]);
    for compression in [Compression::Stored, Compression::Zstd(1)] {
        let bytes = contents.archive(compression, 65_536).await.unwrap();
        let (_, events) = read(&bytes, 100_000).await.unwrap();

        assert_eq!(rows_of(&events), contents.rows);
        let frames: Vec<&Bytes> = events
            .iter()
            .filter_map(|event| if let Event::Rows(rows) = event { Some(rows) } else { None })
            .collect();
        assert!(frames.len() > 2, "{} frames", frames.len());
        assert!(frames.iter().all(|rows| rows.ends_with(b"\n")));
    }
}

#[tokio::test]
async fn a_row_longer_than_a_frame_goes_through() {
    let long = "x".repeat(5 << 20);
    for columns in [["a", "b", "c"], ["c", "b", "a"]] {
        let rows = format!("1\ta\tb\n2\t{long}\tc\n3\t\\N\t{long}\n4\td\te\n");
        let contents = Contents::new(&[("notes", &columns, &rows)]);
        let bytes = contents.archive(Compression::Zstd(1), 200_000).await.unwrap();

        let (_, events) = read(&bytes, 300_000).await.unwrap();

        assert_eq!(rows_of(&events), contents.rows);
        assert!(events.iter().any(|event| matches!(event, Event::EndTable(TableTotals { rows: 4, .. }))));
    }
}

#[tokio::test]
async fn rows_that_pack_beyond_measure_stay_within_the_reader_s_limit() {
    let rows = "t\n".repeat(3 << 20);
    let contents = Contents::new(&[("flags", &["flag"], &rows)]);
    let bytes = contents.archive(Compression::Zstd(3), 1 << 20).await.unwrap();

    assert!(bytes.len() < rows.len() / 150, "{} bytes", bytes.len());
    assert_eq!(rows_of(&read(&bytes, 4096).await.unwrap().1), contents.rows);
}

#[tokio::test]
async fn tables_without_columns_and_without_rows_go_through() {
    let contents = Contents::new(&[("nothing", &[], "\n\n\n"), ("empty", &["id"], "")]);
    let bytes = contents.archive(Compression::Stored, 1).await.unwrap();
    assert_eq!(rows_of(&read(&bytes, 1).await.unwrap().1), contents.rows);

    let nothing = Contents::new(&[]).archive(Compression::Stored, 1).await.unwrap();
    assert_eq!(read(&nothing, 1).await.unwrap().1.len(), 1, "only the end");
}

#[tokio::test]
async fn the_rows_of_a_partitioned_table_may_come_in_pieces() {
    let mut contents = Contents::new(&[("payments", &["id"], ""), ("other", &["id"], "")]);
    contents.manifest.sections[0].partitioned = true;
    let folder = tempfile::tempdir().unwrap();
    let (spool, reader) = Spool::create(folder.path().join("archive")).unwrap();
    let mut writer = ArchiveWriter::begin(spool, &contents.manifest, Compression::Stored).await.unwrap();
    for (index, rows) in [(0, "1\n2\n"), (1, "7\n"), (0, "3\n")] {
        writer.begin_table(index).await.unwrap();
        writer.rows(Bytes::from(rows)).await.unwrap();
        writer.end_table().await.unwrap();
    }
    let totals = writer.finish(&[]).await.unwrap();
    let bytes: Vec<Bytes> = reader.read_from(0).try_collect().await.unwrap();

    let (_, events) = read(&bytes.concat(), 5).await.unwrap();

    assert_eq!(rows_of(&events), [b"1\n2\n".to_vec(), b"7\n".to_vec(), b"3\n".to_vec()]);
    assert_eq!((totals.tables, totals.rows), (2, 4));
}

#[tokio::test]
async fn the_content_hash_is_about_contents_only() {
    let one = Contents::new(&[("a", &["x", "y"], "1\t2\n3\t4\n"), ("b", &["z"], "5\n")]);
    let mut shuffled = one.clone();
    shuffled.rows[0] = b"3\t4\n1\t2\n".to_vec();
    shuffled.sequences.reverse();
    let mut changed = one.clone();
    changed.rows[1] = b"6\n".to_vec();

    let expected = content_hash(&one, Compression::Stored).await;

    assert_eq!(content_hash(&one, Compression::Zstd(19)).await, expected);
    assert_eq!(content_hash(&shuffled, Compression::Stored).await, expected);
    assert_ne!(content_hash(&changed, Compression::Stored).await, expected);
}

#[tokio::test]
async fn a_writer_refuses_what_no_reader_would_take() {
    let two = Contents::new(&[("a", &["x", "y"], ""), ("b", &["z"], "")]);
    for (rows, reason) in [
        ("1\t2", "inside a row"),
        ("1\n", "fields"),
        ("1\t2\t3\n", "fields"),
        ("1\t\\.\n", "end mark"),
        ("\\.\n", "end mark"),
        ("1\t2\\\n", "separator"),
        ("1\\\t2\n", "separator"),
        ("1\t\r\n", "control character"),
        ("1\t\0\n", "control character"),
    ] {
        let mut contents = two.clone();
        contents.rows[0] = rows.as_bytes().to_vec();
        for piece in [1, 100] {
            let error = contents.archive(Compression::Stored, piece).await.unwrap_err().to_string();
            assert!(error.contains(reason), "{rows:?}: {error}");
        }
    }

    let mut twice = two.clone();
    twice.manifest.sections[1].table = twice.manifest.sections[0].table.clone();
    assert_unfit(&twice, "twice in the manifest").await;
    let mut same_column = two.clone();
    same_column.manifest.sections[0].columns[1] = "x".into();
    assert_unfit(&same_column, "twice in the manifest").await;
    let mut same_sequence = two.clone();
    same_sequence.sequences[1] = same_sequence.sequences[0].clone();
    assert_unfit(&same_sequence, "comes twice").await;
    let mut missing = two.clone();
    missing.rows.truncate(1);
    assert_unfit(&missing, "rows of section 1 are missing").await;
    let mut surplus = two;
    surplus.rows.push(Vec::new());
    assert_unfit(&surplus, "there is no section 2").await;
}

#[tokio::test]
async fn a_writer_that_is_dropped_makes_its_reader_fail() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, reader) = Spool::create(folder.path().join("archive")).unwrap();
    let manifest = Contents::small().manifest;
    let writer = ArchiveWriter::begin(spool, &manifest, Compression::Stored).await.unwrap();
    let (found, mut archive) = ArchiveReader::open(reader.read_from(0)).await.unwrap();
    assert_eq!(json(&found), json(&manifest));

    drop(writer);

    assert!(matches!(archive.next().await, Err(ArchiveError::Io { .. })));
    assert!(archive.next().await.is_err(), "a failed archive never ends well");
}

#[tokio::test]
async fn events_come_while_the_archive_is_still_being_written() {
    let contents = Contents::small();
    let folder = tempfile::tempdir().unwrap();
    let (spool, reader) = Spool::create(folder.path().join("archive")).unwrap();
    let mut writer = ArchiveWriter::begin(spool, &contents.manifest, Compression::Zstd(1)).await.unwrap();
    let (_, mut archive) = ArchiveReader::open(reader.read_from(0)).await.unwrap();
    let consumed = archive.consumed();
    let before = consumed.load(std::sync::atomic::Ordering::Relaxed);

    writer.begin_table(1).await.unwrap();
    writer.rows(Bytes::from("10\t1\n")).await.unwrap();
    writer.end_table().await.unwrap();

    assert_eq!(archive.next().await.unwrap(), Some(Event::Table(1)));
    assert_eq!(archive.next().await.unwrap(), Some(Event::Rows(Bytes::from("10\t1\n"))));
    assert!(consumed.load(std::sync::atomic::Ordering::Relaxed) > before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_rows_give_the_same_bytes_however_they_are_cut(
        rows in proptest::collection::vec("[a-z]{0,12}\t[a-z]{0,60}\n", 0..400),
        pieces in proptest::collection::vec(1..5_000usize, 2..4),
        level in 0..3i32,
    ) {
        let contents = Contents::new(&[("rows", &["b", "a"], &rows.concat())]);
        let compression = if level == 0 { Compression::Stored } else { Compression::Zstd(level) };
        run(async {
            let whole = contents.archive(compression, usize::MAX).await.unwrap();
            for piece in pieces {
                assert_eq!(contents.archive(compression, piece).await.unwrap(), whole);
                assert_eq!(rows_of(&read(&whole, piece).await.unwrap().1), contents.rows);
            }
        });
    }
}

#[tokio::test]
async fn frames_do_not_depend_on_how_large_rows_are_cut() {
    let contents = Contents::new(&[("orders", &["id", "note"], &many_rows())]);
    let whole = contents.archive(Compression::Zstd(1), usize::MAX).await.unwrap();
    for piece in [997, 65_536, 1 << 20, (1 << 20) + 1] {
        assert!(contents.archive(Compression::Zstd(1), piece).await.unwrap() == whole, "pieces of {piece}");
    }
}

/// About 3 MB.
fn many_rows() -> String {
    (0..MANY).map(|id| format!("{id}\t{:0>70}\n", id * 7919 % 10_007)).collect()
}

async fn content_hash(contents: &Contents, compression: Compression) -> String {
    let bytes = contents.archive(compression, usize::MAX).await.unwrap();
    let pieces = futures::stream::iter([Ok(Bytes::from(bytes))]).boxed();
    let (_, mut reader) = ArchiveReader::open(pieces).await.unwrap();
    loop {
        if let Some(Event::End { totals, .. }) = reader.next().await.unwrap() {
            return totals.content_hash;
        }
    }
}

async fn assert_unfit(contents: &Contents, reason: &str) {
    let error = contents.archive(Compression::Stored, 100).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::Unfit { what } if what.contains(reason)), "{error}");
}
