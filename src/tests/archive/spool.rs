//! The spool: written and read at the same time, and gone when nobody holds it.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;
use tandem::archive::{Spool, SpoolWriter};
use tempfile::TempDir;

use super::run;

#[tokio::test]
async fn readers_follow_the_writer_from_any_offset_to_the_end() {
    let (_folder, mut writer, spool) = spool().await;
    let first = tokio::spawn(read_all(Arc::clone(&spool), 0));
    let second = tokio::spawn(read_all(Arc::clone(&spool), 700_001));

    let bytes: Vec<u8> = (0..1_500_000u32).map(|number| (number % 251) as u8).collect();
    for piece in bytes.chunks(99_991) {
        writer.append(Bytes::copy_from_slice(piece)).await.unwrap();
        assert_eq!(spool.len(), writer.len());
    }
    assert!(!spool.is_finished());
    assert_eq!(writer.finish().await.unwrap(), bytes.len() as u64);

    assert!(spool.is_finished());
    assert!(first.await.unwrap().unwrap() == bytes);
    assert!(second.await.unwrap().unwrap() == bytes[700_001..]);
    assert!(read_all(spool, bytes.len() as u64).await.unwrap().is_empty());
}

#[tokio::test]
async fn pieces_are_at_most_256_kib() {
    let (_folder, mut writer, spool) = spool().await;
    writer.append(Bytes::from(vec![7; 1 << 20])).await.unwrap();
    writer.finish().await.unwrap();
    let lengths: Vec<usize> = spool.read_from(0).map_ok(|piece| piece.len()).try_collect().await.unwrap();
    assert_eq!(lengths, [256 << 10; 4]);
}

#[tokio::test]
async fn a_spool_that_fails_tells_its_readers_why() {
    let (_folder, mut writer, spool) = spool().await;
    writer.append(Bytes::from("half")).await.unwrap();
    let reader = tokio::spawn(read_all(Arc::clone(&spool), 2));
    writer.fail("the peer went away");
    assert_eq!(reader.await.unwrap().unwrap_err().to_string(), "the peer went away");
    assert_eq!(spool.wait_for_len(100).await.unwrap_err().to_string(), "the peer went away");
    assert!(!spool.is_finished());
}

#[tokio::test]
async fn a_writer_that_is_dropped_fails_the_spool() {
    let (_folder, writer, spool) = spool().await;
    drop(writer);
    assert!(read_all(spool, 0).await.unwrap_err().to_string().contains("went away before the end"));
}

#[tokio::test]
async fn waiting_ends_with_the_bytes_or_with_the_end() {
    let (_folder, mut writer, spool) = spool().await;
    let waiting = {
        let spool = Arc::clone(&spool);
        tokio::spawn(async move { (spool.wait_for_len(3).await, spool.wait_for_len(100).await) })
    };
    writer.append(Bytes::from("four")).await.unwrap();
    writer.finish().await.unwrap();
    let (some, all) = waiting.await.unwrap();
    assert_eq!((some.unwrap(), all.unwrap()), (4, 4));
}

#[tokio::test]
async fn an_offset_behind_the_end_is_an_error() {
    let (_folder, mut writer, spool) = spool().await;
    writer.append(Bytes::from("four")).await.unwrap();
    writer.finish().await.unwrap();
    let error = read_all(spool, 5).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn only_the_owner_reads_the_file_and_nothing_is_overwritten() {
    let (folder, _writer, spool) = spool().await;
    let mode = std::fs::metadata(spool.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let again = Spool::create(spool.path()).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(again.to_string().contains(&spool.path().display().to_string()));

    let nowhere = folder.path().join("no such folder").join("spool");
    assert_eq!(Spool::create(&nowhere).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn the_file_goes_with_its_last_holder() {
    let (folder, mut writer, spool) = spool().await;
    let path = spool.path().to_owned();
    writer.append(Bytes::from("four")).await.unwrap();
    let mut reading = Box::pin(spool.read_from(0));
    drop(spool);
    writer.finish().await.unwrap();
    assert!(path.exists(), "somebody still reads");
    assert_eq!(reading.next().await.unwrap().unwrap(), "four");
    drop(reading);
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// An upload whose connection breaks drops the request in the middle of its write, and sends the bytes again.
#[tokio::test]
async fn an_append_that_is_given_up_counts_for_nothing() {
    let (_folder, mut writer, spool) = spool().await;
    let mut expected = Vec::new();
    for round in 0..50u8 {
        let given_up = {
            let mut append = pin!(writer.append(Bytes::from(vec![0xff; 300_000])));
            std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await.is_pending()
        };
        if !given_up {
            expected.extend_from_slice(&[0xff; 300_000]);
        }
        assert_eq!(writer.len(), expected.len() as u64);
        let again = vec![round; 1_000 * usize::from(round)];
        writer.append(Bytes::from(again.clone())).await.unwrap();
        expected.extend_from_slice(&again);
        assert_eq!(writer.len(), expected.len() as u64);
    }
    writer.finish().await.unwrap();
    assert_eq!(std::fs::metadata(spool.path()).unwrap().len(), expected.len() as u64);
    assert!(read_all(spool, 0).await.unwrap() == expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_appended_is_read(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3_000), 0..20),
        offset in 0..5_000usize,
    ) {
        run(async {
            let (_folder, mut writer, spool) = spool().await;
            for piece in &pieces {
                writer.append(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            writer.finish().await.unwrap();
            let bytes = pieces.concat();
            let offset = offset.min(bytes.len());
            assert_eq!(read_all(spool, offset as u64).await.unwrap(), &bytes[offset..]);
        });
    }
}

async fn spool() -> (TempDir, SpoolWriter, Arc<Spool>) {
    let folder = tempfile::tempdir().unwrap();
    let (writer, spool) = Spool::create(folder.path().join("spool")).unwrap();
    (folder, writer, spool)
}

async fn read_all(spool: Arc<Spool>, offset: u64) -> std::io::Result<Vec<u8>> {
    let pieces: Vec<Bytes> = spool.read_from(offset).try_collect().await?;
    Ok(pieces.concat())
}
