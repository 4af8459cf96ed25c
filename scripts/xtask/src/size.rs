//! The built files → their sizes on the terminal, and a warning when the panel has grown too big.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::Mode;
use crate::paths::OUTPUT_NAME;

/// What a browser should have to load at most before the panel is live.
const LIMIT_BYTES: u64 = 300_000;

pub(crate) fn report(pkg: &Path, mode: Mode) -> Result<()> {
    for extension in ["wasm", "js", "css"] {
        let bytes = |suffix: &str| -> Result<u64> {
            let path = pkg.join(format!("{OUTPUT_NAME}.{extension}{suffix}"));
            Ok(fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len())
        };
        println!(
            "panel: {OUTPUT_NAME}.{extension:<4} {:>9} B   gzip {:>8} B   brotli {:>8} B",
            bytes("")?,
            bytes(".gz")?,
            bytes(".br")?
        );
        if extension == "wasm" && mode == Mode::Release && bytes(".br")? > LIMIT_BYTES {
            // No failure: a panel that is too big is still better than none.
            println!(
                "panel: WARNING: {OUTPUT_NAME}.wasm is larger than our goal of {LIMIT_BYTES} B as brotli"
            );
        }
    }
    Ok(())
}
