//! What a build is made of → a note beside the built folder, so that the next build with the same parts does nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use crate::Mode;

/// One line a file: path, size, time of the last change.
pub(crate) struct Inputs(String);

impl Inputs {
    /// The compiled module, everything in `folders`, and this tool itself.
    pub(crate) fn of(mode: Mode, module: &Path, folders: &[PathBuf]) -> Result<Self> {
        let mut files = vec![module.to_owned(), std::env::current_exe()?];
        for folder in folders {
            collect(folder, &mut files)?;
        }
        files.sort();
        let mut lines = format!("{mode:?}\n");
        for file in files {
            let facts = file.metadata().with_context(|| format!("cannot read {}", file.display()))?;
            let changed = facts.modified()?.duration_since(UNIX_EPOCH)?;
            writeln!(lines, "{} {} {}", file.display(), facts.len(), changed.as_nanos())?;
        }
        Ok(Self(lines))
    }

    pub(crate) fn are_those_of(&self, site: &Path) -> bool {
        site.is_dir() && fs::read_to_string(note(site)).is_ok_and(|note| note == self.0)
    }

    pub(crate) fn write(&self, site: &Path) -> Result<()> {
        fs::write(note(site), &self.0).context("cannot note what the panel was built from")
    }
}

/// Not inside, because everything inside is served to browsers.
fn note(site: &Path) -> PathBuf {
    site.with_extension("inputs")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
