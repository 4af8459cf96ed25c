//! The build steps that are programs: `cargo run -p xtask -- panel [--release] | bench [--large]`.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod bench;
mod compress;
mod freshness;
mod panel;
mod paths;
mod prune;
mod size;
mod style;
mod wasm;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo run -p xtask -- panel [--release] | bench [--large]

panel builds the panel for the browser into the site folder ($TANDEM_SITE, else target/site).
      --release makes it small: optimised for size, without names, compressed as far as it goes.
bench measures target/release/tandem against PostgreSQL's own tools and writes BENCHMARKS.md.
      --large takes a database of 10 GB instead, once: half an hour, and 35 GB of disk.";

/// How much time the build may take to make the panel small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Debug,
    Release,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["panel"] => panel::build(Mode::Debug),
        ["panel", "--release"] => panel::build(Mode::Release),
        ["bench"] => bench::run(),
        ["bench", "--large"] => bench::run_large(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", arguments[0]);
            ExitCode::FAILURE
        }
    }
}
