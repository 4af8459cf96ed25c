//! The environment → where sources lie and where built files go.

use std::path::PathBuf;

/// The file name that the pages ask for: the same text as in `.cargo/config.toml`.
pub(crate) const OUTPUT_NAME: &str = "tandem";

pub(crate) struct Paths {
    pub(crate) root: PathBuf,
    /// Cargo's folder of everything built.
    pub(crate) target: PathBuf,
    /// What the server embeds.
    pub(crate) site: PathBuf,
}

impl Paths {
    pub(crate) fn find() -> Self {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let root = root.canonicalize().unwrap_or(root);
        // `join` leaves an absolute path as it is.
        let target = root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        let site =
            std::env::var_os("TANDEM_SITE").map_or_else(|| target.join("site"), |site| root.join(site));
        Self { root, target, site }
    }
}
