//! The folder of the spool files: made at the start, swept of what dead sessions left.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Check, CheckState, text};

pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("spool")
}

/// Makes the folder, for the owner only.
pub(crate) async fn prepare(data_dir: &Path) -> io::Result<()> {
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(path(data_dir)).await
}

/// Removes the part files: only when no session can be using them.
pub(crate) async fn sweep(data_dir: &Path) -> io::Result<()> {
    let mut entries = tokio::fs::read_dir(path(data_dir)).await?;
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "part") && entry.file_type().await?.is_file()
        {
            tokio::fs::remove_file(path).await?;
        }
    }
    Ok(())
}

/// A file can be made there, and how much more fits in.
pub(crate) async fn check(data_dir: &Path) -> Check {
    let probe = path(data_dir).join("check.part");
    let tried = async {
        tokio::fs::write(&probe, b"tandem").await?;
        tokio::fs::remove_file(&probe).await?;
        let disk = rustix::fs::statvfs(data_dir)?;
        io::Result::Ok(disk.f_bavail * disk.f_frsize)
    };
    let (state, text, fix) = match tried.await {
        Ok(free) => {
            let text = format!("{} can be written to, {} are free", data_dir.display(), text::bytes(free));
            (CheckState::Passed, text, String::new())
        }
        Err(error) => (
            CheckState::Failed,
            format!("{}: {error}", data_dir.display()),
            "Make the folder writable, or set TANDEM_DATA_DIR to another one.".to_owned(),
        ),
    };
    Check { name: "Data directory".to_owned(), state, text, fix }
}
