//! The panel's sources → the folder of files that the server embeds: `cargo run -p xtask -- panel [--release]`.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod compress;
mod freshness;
mod panel;
mod paths;
mod size;
mod style;
mod wasm;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo run -p xtask -- panel [--release]

Builds the panel for the browser into the site folder ($TANDEM_SITE, else target/site).
--release makes it small: optimised for size, without names, compressed as far as it goes.";

/// How much time the build may take to make the panel small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Debug,
    Release,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mode = match arguments.as_slice() {
        ["panel"] => Mode::Debug,
        ["panel", "--release"] => Mode::Release,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match panel::build(mode) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("panel: {error:#}");
            ExitCode::FAILURE
        }
    }
}
