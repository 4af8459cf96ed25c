//! Archives of the first version of the format, kept as files: their bytes are made again and they are read for ever.
//!
//! A new format gets its own file beside these. `zstd.archive` may only be made anew when a new zstd packs otherwise:
//! then old archives are still read, but two nodes with different versions make different bytes. To write the files:
//! `cargo test --test engine write_the_golden_files -- --ignored`.

use std::path::{Path, PathBuf};

use tandem::archive::Compression;

use super::{Contents, json, read, rows_of};

const FILES: [(&str, Compression); 2] =
    [("stored.archive", Compression::Stored), ("zstd.archive", Compression::Zstd(3))];

#[tokio::test]
async fn the_stored_archive_is_made_again_and_read() {
    check(FILES[0]).await;
}

#[tokio::test]
async fn the_packed_archive_is_made_again_and_read() {
    check(FILES[1]).await;
}

#[tokio::test]
#[ignore = "writes the files that the other tests compare with"]
async fn write_the_golden_files() {
    for (file, compression) in FILES {
        std::fs::write(folder().join(file), contents().archive(compression, 50).await.unwrap()).unwrap();
    }
}

async fn check((file, compression): (&str, Compression)) {
    let contents = contents();
    let golden = std::fs::read(folder().join(file)).unwrap();

    let (manifest, events) = read(&golden, 1_000).await.unwrap();
    let made = contents.archive(compression, 50).await.unwrap();

    assert_eq!(json(&manifest), json(&contents.manifest));
    assert_eq!(rows_of(&events), contents.rows);
    assert!(made == golden, "{file} is not made again byte for byte");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/data/archive")
}

/// Everything that the format has: several tables, one of them empty, one without columns, NULL and escapes.
fn contents() -> Contents {
    let orders: String = (1..=60)
        .map(|id| format!("{id}\tcustomer {}\t{}.50\t2026-01-{:02}\n", id % 7, id * 3, id % 28 + 1))
        .collect();
    Contents::new(&[
        ("customers", &["name", "id"], "Ada\t1\nB\\tob\t2\n\\N\t3\nGröße\t4\n\t5\n"),
        ("orders", &["id", "customer", "amount", "day"], &orders),
        ("empty", &["id"], ""),
        ("without columns", &[], "\n\n"),
    ])
}
