//! `tandem demo`

use std::process::ExitCode;

use super::Stop;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments) -> Result<ExitCode, Stop> {
    Err(Stop::failed("not yet"))
}
