//! Bytes that changed on the way: every cut, every flipped bit, every exchanged frame is noticed at its place.

use proptest::prelude::*;
use tandem::archive::Compression;

use super::{Contents, read, refusal, refused_at, rows_of, run};

#[tokio::test]
async fn an_archive_that_is_cut_anywhere_is_refused() {
    for compression in [Compression::Stored, Compression::Zstd(3)] {
        let whole = packable().archive(compression, 100).await.unwrap();
        for len in 0..whole.len() {
            let at = refused_at(&whole[..len]).await;
            assert_eq!(at, len as u64, "the error names the byte of the cut");
        }
    }
}

#[tokio::test]
async fn every_flipped_bit_is_noticed_in_its_frame() {
    for compression in [Compression::Stored, Compression::Zstd(3)] {
        let whole = packable().archive(compression, 100).await.unwrap();
        let frames = frames(&whole);
        for at in 0..whole.len() {
            for bit in [0, 3, 7] {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                let offset = refused_at(&flipped).await;
                let frame = frames.iter().rev().find(|frame| frame.start <= at);
                let start = frame.map_or(0, |frame| frame.start) as u64;
                // A frame that claims to be longer than it is ends behind the whole archive.
                let is_near = (start..=start + 12).contains(&offset) || offset == whole.len() as u64;
                assert!(
                    is_near,
                    "byte {at} was flipped, the error says {offset}, the frame begins at {start}"
                );
            }
        }
    }
}

#[tokio::test]
async fn lost_repeated_and_exchanged_frames_are_refused() {
    let whole = packable().archive(Compression::Stored, 100).await.unwrap();
    let frames = frames(&whole);
    assert!(frames.len() >= 8);
    for (one, first) in frames.iter().enumerate() {
        let mut lost = whole[..first.start].to_vec();
        lost.extend_from_slice(&whole[first.end..]);
        refused_at(&lost).await;

        let mut repeated = whole[..first.end].to_vec();
        repeated.extend_from_slice(&whole[first.start..]);
        refused_at(&repeated).await;

        for second in &frames[one + 1..] {
            let mut exchanged = whole[..first.start].to_vec();
            exchanged.extend_from_slice(&whole[second.start..second.end]);
            exchanged.extend_from_slice(&whole[first.end..second.start]);
            exchanged.extend_from_slice(&whole[first.start..first.end]);
            exchanged.extend_from_slice(&whole[second.end..]);
            refused_at(&exchanged).await;
        }
    }
}

#[tokio::test]
async fn bytes_behind_the_end_are_refused() {
    let whole = Contents::small().archive(Compression::Stored, 100).await.unwrap();
    for surplus in [&b"\0"[..], &whole[..], &whole[frames(&whole)[1].start..]] {
        assert_eq!(refused_at(&[&whole[..], surplus].concat()).await, whole.len() as u64);
    }
}

#[tokio::test]
async fn frames_of_another_archive_of_the_same_tables_are_refused() {
    let one = Contents::small();
    let mut other = Contents::small();
    other.rows[1] = b"10\t1\n11\t3\n12\t3\n13\t1\n".to_vec();
    let (one, other) = (
        one.archive(Compression::Stored, 100).await.unwrap(),
        other.archive(Compression::Stored, 100).await.unwrap(),
    );
    let tail =
        frames(&one).iter().map(|frame| frame.start).find(|&start| one[..start] != other[..start]).unwrap();

    assert_eq!(refused_at(&[&one[..tail], &other[tail..]].concat()).await, tail as u64);
}

#[tokio::test]
async fn a_stream_that_fails_is_no_damage() {
    use futures::StreamExt;
    let whole = Contents::small().archive(Compression::Stored, 100).await.unwrap();
    let pieces = futures::stream::iter([
        Ok(bytes::Bytes::copy_from_slice(&whole[..whole.len() - 1])),
        Err(std::io::Error::other("the line went dead")),
    ]);
    let (_, mut reader) = tandem::archive::ArchiveReader::open(pieces.boxed()).await.unwrap();
    let error = loop {
        if let Err(error) = reader.next().await {
            break error;
        }
    };
    assert!(matches!(error, tandem::archive::ArchiveError::Io { .. }), "{error}");
}

#[tokio::test]
async fn other_files_and_other_versions_are_named_as_such() {
    assert!(refusal(b"PGDMP\x01\x0e\0 and so on").await.contains("not an archive of Tandem"));
    let mut newer = Contents::small().archive(Compression::Stored, 100).await.unwrap();
    newer[8] = 9;
    assert!(refusal(&newer).await.contains("format 9"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        run(async { assert!(read(&bytes, 100).await.is_err()) });
    }

    #[test]
    fn arbitrary_bytes_behind_a_good_beginning_never_panic(
        keep in 12..1_500usize,
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        kind in 0..8u8,
    ) {
        run(async {
            let whole = packable().archive(Compression::Zstd(1), 100).await.unwrap();
            let mut bytes = whole[..keep.min(whole.len() - 1)].to_vec();
            bytes.push(kind);
            bytes.extend_from_slice(&noise);
            if bytes != whole {
                assert!(read(&bytes, 64).await.is_err());
            }
        });
    }

    #[test]
    fn any_overwritten_stretch_is_refused(
        at in 0..2_000usize,
        noise in proptest::collection::vec(any::<u8>(), 1..60),
    ) {
        run(async {
            let contents = packable();
            let whole = contents.archive(Compression::Zstd(1), 100).await.unwrap();
            let mut bytes = whole.clone();
            let at = at % (bytes.len() - noise.len());
            bytes[at..at + noise.len()].copy_from_slice(&noise);
            match read(&bytes, 77).await {
                Ok((_, events)) => {
                    assert_eq!(bytes, whole);
                    assert_eq!(rows_of(&events), contents.rows);
                }
                Err(_) => assert_ne!(bytes, whole),
            }
        });
    }
}

/// Rows long enough to be packed.
fn packable() -> Contents {
    let rows: String = (0..20).map(|id| format!("{id}\tthe same words again and again\n")).collect();
    Contents::new(&[("words", &["id", "words"], &rows), ("few", &["id"], "1\n")])
}

struct Frame {
    start: usize,
    end: usize,
}

/// Where the frames lie, by the format's description.
fn frames(archive: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut start = 12;
    while start < archive.len() {
        let len = u32::from_le_bytes(archive[start + 1..start + 5].try_into().unwrap()) as usize;
        frames.push(Frame { start, end: start + 41 + len });
        start += 41 + len;
    }
    frames
}
