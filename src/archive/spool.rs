//! A file that is written and read at the same time: what is appended can be read at once, from any offset, by anybody.
//!
//! The file belongs to its handles: it is removed when the last of them is dropped.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tracing::warn;

/// What one read of a spool returns at most.
const CHUNK_LEN: u64 = 256 << 10;

/// The reading side: shared, cheap to clone.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    growth: watch::Sender<Growth>,
}

#[derive(Debug, Clone)]
struct Growth {
    len: u64,
    end: End,
}

#[derive(Debug, Clone)]
enum End {
    Open,
    Finished,
    Failed(Arc<str>),
}

impl Spool {
    /// Makes the file, for the owner's eyes only. Its folder must exist, the file must not.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<(SpoolWriter, Arc<Self>)> {
        let path = path.into();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(|error| named(&error, "make", &path))?;
        Ok(Self::over(file, path))
    }

    fn over(file: File, path: PathBuf) -> (SpoolWriter, Arc<Self>) {
        let growth = watch::Sender::new(Growth { len: 0, end: End::Open });
        let spool = Arc::new(Self { path, file, growth });
        (SpoolWriter { spool: Arc::clone(&spool), in_flight: None, is_ended: false }, spool)
    }

    /// How many bytes can be read now.
    pub fn len(&self) -> u64 {
        self.growth.borrow().len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything is there.
    pub fn is_finished(&self) -> bool {
        matches!(self.growth.borrow().end, End::Finished)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until `len` bytes are there or the spool is finished; returns how many there are. Fails when the spool
    /// fails.
    pub async fn wait_for_len(&self, len: u64) -> io::Result<u64> {
        let mut growth = self.growth.subscribe();
        let now = growth.wait_for(|now| now.len >= len || !matches!(now.end, End::Open)).await;
        let now = now.map_err(io::Error::other)?;
        match &now.end {
            End::Failed(reason) => Err(io::Error::other(reason.as_ref())),
            End::Open | End::Finished => Ok(now.len),
        }
    }

    /// The bytes from `offset` on, in pieces of at most 256 KiB. Follows the writer; ends when the spool is finished,
    /// fails with its reason when it fails.
    pub fn read_from(
        self: &Arc<Self>,
        offset: u64,
    ) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<> {
        stream::try_unfold((Arc::clone(self), offset), |(spool, offset)| async move {
            let chunk = spool.chunk_at(offset).await?;
            Ok(chunk.map(|chunk| {
                let next = offset + chunk.len() as u64;
                (chunk, (spool, next))
            }))
        })
    }

    async fn chunk_at(self: &Arc<Self>, offset: u64) -> io::Result<Option<Bytes>> {
        let end = self.wait_for_len(offset.saturating_add(1)).await?;
        if end == offset {
            return Ok(None);
        }
        let Some(ready) = end.checked_sub(offset) else {
            let what = format!("there are only {end} bytes in {}", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        };
        let spool = Arc::clone(self);
        let chunk = spawn_blocking(move || {
            let mut chunk = vec![0; ready.min(CHUNK_LEN) as usize];
            spool.file.read_exact_at(&mut chunk, offset)?;
            Ok(Bytes::from(chunk))
        })
        .await
        .map_err(stopped)?;
        chunk.map(Some).map_err(|error: io::Error| named(&error, "read", &self.path))
    }

    fn close(&self, end: End) {
        self.growth.send_modify(|growth| growth.end = end);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            // Somebody tidied up before us, or the folder is gone: there is nobody left to tell.
            warn!(path = %self.path.display(), %error, "a spool file could not be removed");
        }
    }
}

/// The writing side. Dropped before [`SpoolWriter::finish`], it makes the spool fail.
#[derive(Debug)]
pub struct SpoolWriter {
    spool: Arc<Spool>,
    /// A write that is under way, or whose caller has gone away: such a one goes on by itself, does not count, and must
    /// be over before anything else is written to its place.
    in_flight: Option<JoinHandle<io::Result<()>>>,
    is_ended: bool,
}

impl SpoolWriter {
    /// Returns when the bytes can be read. After an error, and when the caller goes away in the middle, nothing of them
    /// counts, and they may be appended again.
    pub async fn append(&mut self, bytes: Bytes) -> io::Result<()> {
        self.wait_for_abandoned().await;
        if bytes.is_empty() {
            return Ok(());
        }
        let (spool, offset, end) = (Arc::clone(&self.spool), self.len(), self.len() + bytes.len() as u64);
        let write = self.in_flight.insert(spawn_blocking(move || spool.file.write_all_at(&bytes, offset)));
        let written = write.await;
        self.in_flight = None;
        written.map_err(stopped)?.map_err(|error| named(&error, "write", &self.spool.path))?;
        self.spool.growth.send_modify(|growth| growth.len = end);
        Ok(())
    }

    pub fn len(&self) -> u64 {
        self.spool.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets readers come to their end and brings everything to the disk. Returns the length.
    pub async fn finish(mut self) -> io::Result<u64> {
        self.wait_for_abandoned().await;
        // Readers need not wait for the disk: what they read is what was written, and a full disk was noticed then.
        self.spool.close(End::Finished);
        self.is_ended = true;
        let (spool, len) = (Arc::clone(&self.spool), self.len());
        let synced = spawn_blocking(move || {
            // What a write that was given up left behind the end is not part of the file.
            spool.file.set_len(len)?;
            spool.file.sync_data()
        })
        .await
        .map_err(stopped)?;
        synced.map_err(|error| named(&error, "write", &self.spool.path))?;
        Ok(len)
    }

    /// Readers get `reason` as their error.
    pub fn fail(mut self, reason: impl Into<String>) {
        self.spool.close(End::Failed(reason.into().into()));
        self.is_ended = true;
    }

    async fn wait_for_abandoned(&mut self) {
        if let Some(write) = &mut self.in_flight {
            if let Ok(Err(error)) | Err(error) = write.await.map_err(stopped) {
                // Its bytes do not count, and whoever appends them again meets the same error.
                warn!(path = %self.spool.path.display(), %error, "a write that was given up failed");
            }
            self.in_flight = None;
        }
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if !self.is_ended {
            self.spool.close(End::Failed("the writer went away before the end".into()));
        }
    }
}

/// Keeps the kind (a full disk stays a full disk) and names the file.
fn named(error: &io::Error, verb: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {verb} {}: {error}", path.display()))
}

/// The runtime is shutting down, or the work panicked.
fn stopped(error: JoinError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/dev/full` is a disk without room. The spool gets a link to it, so that it removes only the link.
    #[tokio::test]
    async fn a_full_disk_is_named_and_nothing_counts_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let (mut writer, spool) = Spool::over(file, path.clone());

        let error = writer.append(Bytes::from("rows")).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert_eq!(spool.len(), 0);
    }
}
