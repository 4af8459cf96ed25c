//! Bytes that are needed once more, in one file without a name: it is gone with the process, however that ends.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::task::spawn_blocking;

/// Written by several at once; each keeps its own places.
#[derive(Debug, Clone)]
pub(crate) struct Scratch {
    file: Arc<File>,
    end: Arc<AtomicU64>,
}

/// Where some bytes lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    at: u64,
    len: usize,
}

impl Scratch {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(tempfile::tempfile_in(folder)?), end: Arc::default() })
    }

    pub(crate) async fn put(&self, bytes: Bytes) -> io::Result<Place> {
        let place = Place { at: self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed), len: bytes.len() };
        let file = self.file.clone();
        spawn_blocking(move || file.write_all_at(&bytes, place.at)).await??;
        Ok(place)
    }

    pub(crate) async fn get(&self, place: Place) -> io::Result<Vec<u8>> {
        let file = self.file.clone();
        spawn_blocking(move || {
            let mut bytes = vec![0; place.len];
            file.read_exact_at(&mut bytes, place.at)?;
            Ok(bytes)
        })
        .await?
    }
}
