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

    /// Puts each of `bytes` down, one after the other.
    pub(crate) async fn put<const N: usize>(&self, bytes: [Bytes; N]) -> io::Result<[Place; N]> {
        let len = bytes.iter().map(Bytes::len).sum::<usize>() as u64;
        let mut end = self.end.fetch_add(len, Ordering::Relaxed);
        let places = bytes.each_ref().map(|bytes| {
            let place = Place { at: end, len: bytes.len() };
            end += bytes.len() as u64;
            place
        });
        let file = self.file.clone();
        spawn_blocking(move || {
            bytes.iter().zip(places).try_for_each(|(bytes, place)| file.write_all_at(bytes, place.at))
        })
        .await??;
        Ok(places)
    }

    /// What `work` makes of what was put down, on a thread that may wait for the disk.
    pub(crate) async fn read<T, E>(
        &self,
        work: impl FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<io::Error> + Send + 'static,
    {
        let reader = Reader(self.file.clone());
        spawn_blocking(move || work(&reader)).await.map_err(io::Error::from)?
    }
}

/// What was put down.
pub(crate) struct Reader(Arc<File>);

impl Reader {
    pub(crate) fn get(&self, place: Place) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; place.len];
        self.0.read_exact_at(&mut bytes, place.at)?;
        Ok(bytes)
    }
}
