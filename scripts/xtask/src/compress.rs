//! A file → the same file beside it in the two forms that browsers accept compressed: `.br` and `.gz`.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Mode;

const BUFFER_BYTES: usize = 1 << 16;
/// log2 of how far brotli looks back: 4 MiB, more than the module has.
const BROTLI_WINDOW: u32 = 22;

pub(crate) fn folder(folder: &Path, mode: Mode) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            self::folder(&path, mode)?;
        } else {
            file(&path, mode).with_context(|| format!("cannot compress {}", path.display()))?;
        }
    }
    Ok(())
}

fn file(path: &Path, mode: Mode) -> Result<()> {
    // The highest quality takes seconds for a module of some MB: too long for a build that is looked at once.
    let (brotli_quality, gzip_level) = match mode {
        Mode::Debug => (4, Compression::fast()),
        Mode::Release => (11, Compression::best()),
    };
    let bytes = fs::read(path)?;

    let mut brotli = brotli::CompressorWriter::new(Vec::new(), BUFFER_BYTES, brotli_quality, BROTLI_WINDOW);
    brotli.write_all(&bytes)?;
    fs::write(with_suffix(path, ".br"), brotli.into_inner())?;

    let mut gzip = GzEncoder::new(Vec::new(), gzip_level);
    gzip.write_all(&bytes)?;
    fs::write(with_suffix(path, ".gz"), gzip.finish()?)?;
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
