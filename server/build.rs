//! The panel's built files → the folder that the binary embeds, named by `TANDEM_SITE`.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-env-changed=TANDEM_SITE");
    let site = std::env::var_os("TANDEM_SITE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/site"), PathBuf::from);
    // The embedding macro insists on the folder; a server without a panel is still a working node.
    if let Err(error) = std::fs::create_dir_all(&site) {
        println!("cargo::error=cannot make the folder of the panel's files, {}: {error}", site.display());
        return;
    }
    let site = site.canonicalize().unwrap_or(site);
    println!("cargo::rerun-if-changed={}", site.display());
    println!("cargo::rustc-env=TANDEM_SITE={}", site.display());
    if !site.join("pkg/tandem.wasm").is_file() {
        println!(
            "cargo::warning=the panel is not built: run `cargo run -p xtask -- panel` first, else pages have no styles"
        );
    }
}
