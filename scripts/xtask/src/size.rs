//! The built files → their sizes on the terminal, and a failure when the panel has grown too big.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

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
        ensure!(
            extension != "wasm" || mode == Mode::Debug || bytes(".br")? <= LIMIT_BYTES,
            "{OUTPUT_NAME}.wasm is larger than {LIMIT_BYTES} B as brotli, which is all that a browser should have to \
             load before the panel is live. What is in it: the sizes by function in the module that cargo made."
        );
    }
    Ok(())
}
