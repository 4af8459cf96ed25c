//! The crate `frontend` → `tandem.wasm` and `tandem.js`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::paths::{OUTPUT_NAME, Paths};
use crate::{Mode, prune};

const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles `frontend` and returns the module. A folder of its own, because two compilers in one folder rebuild
/// everything at each switch.
pub(crate) fn compile(paths: &Paths, mode: Mode) -> Result<PathBuf> {
    let profile = match mode {
        Mode::Debug => "wasm-dev",
        Mode::Release => "wasm-release",
    };
    let folder = paths.target.join("wasm");
    let status = cargo(paths)
        .args(["build", "-p", "frontend", "--target", TARGET, "--profile", profile, "--target-dir"])
        .arg(&folder)
        .current_dir(&paths.root)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!(
            "the browser code did not compile. If the compiler misses the target {TARGET}, run `make setup` first"
        );
    }
    Ok(folder.join(TARGET).join(profile).join("frontend.wasm"))
}

/// The cargo that can build for the browser. `scripts/setup.sh wasm` found it by trying and left its folder in a note;
/// without a note the cargo that runs us is taken.
fn cargo(paths: &Paths) -> Command {
    let note = fs::read_to_string(paths.target.join("wasm-toolchain")).unwrap_or_default();
    let Some(folder) = note.lines().next().filter(|folder| !folder.is_empty()) else {
        return Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    };
    let mut command = Command::new(Path::new(folder).join("cargo"));
    // What rustup's proxy left for us would send this cargo to the other compiler.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(name);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{folder}:{path}"));
    command
}

/// Makes the JavaScript that loads the module, and the module as the browser gets it.
pub(crate) fn bind(module: &Path, pkg: &Path, mode: Mode) -> Result<()> {
    let small = mode == Mode::Release;
    Bindgen::new()
        .input_bytes(OUTPUT_NAME, prune::lazy_hydration(module)?)
        .web(true)?
        .typescript(false)
        .out_name(OUTPUT_NAME)
        // As large as the code, and only a debugger reads it.
        .remove_name_section(true)
        .remove_producers_section(small)
        .generate(pkg)
        .context("cannot make the JavaScript bindings")?;

    let bound = format!("{OUTPUT_NAME}_bg.wasm");
    let wanted = format!("{OUTPUT_NAME}.wasm");
    fs::rename(pkg.join(&bound), pkg.join(&wanted)).context("cannot name the module")?;
    let script = pkg.join(OUTPUT_NAME).with_extension("js");
    let text = fs::read_to_string(&script).context("cannot read the bindings")?;
    fs::write(&script, text.replace(&bound, &wanted)).context("cannot write the bindings")
}
