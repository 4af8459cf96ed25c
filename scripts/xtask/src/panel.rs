//! The recipe: browser code, styles and public files → one compressed folder, swapped in at once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::freshness::Inputs;
use crate::paths::{OUTPUT_NAME, Paths};
use crate::{Mode, compress, size, style, wasm};

pub(crate) fn build(mode: Mode) -> Result<()> {
    let paths = Paths::find();
    let module = wasm::compile(&paths, mode)?;

    let inputs = Inputs::of(mode, &module, &[paths.root.join("style"), paths.root.join("public")])?;
    if inputs.are_those_of(&paths.site) {
        println!("panel: {} is up to date", paths.site.display());
        return Ok(());
    }

    let fresh = paths.site.with_extension("new");
    remove(&fresh)?;
    let pkg = fresh.join("pkg");
    fs::create_dir_all(&pkg).with_context(|| format!("cannot make {}", pkg.display()))?;
    wasm::bind(&module, &pkg, mode)?;
    fs::write(
        pkg.join(OUTPUT_NAME).with_extension("css"),
        style::bundle(&paths.root.join("style/main.css"))?,
    )
    .context("cannot write the style sheet")?;
    copy_public(&paths.root.join("public"), &fresh)?;
    compress::folder(&pkg, mode)?;
    size::report(&pkg, mode)?;

    swap(&fresh, &paths.site)?;
    inputs.write(&paths.site)
}

fn copy_public(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_public(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

/// A server that reads the folder from disk never sees a half-built one.
fn swap(fresh: &Path, site: &Path) -> Result<()> {
    let old = site.with_extension("old");
    remove(&old)?;
    if site.exists() {
        fs::rename(site, &old).with_context(|| format!("cannot move {} away", site.display()))?;
    }
    fs::rename(fresh, site).with_context(|| format!("cannot move {} in", fresh.display()))?;
    remove(&old)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
