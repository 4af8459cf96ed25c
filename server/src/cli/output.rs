//! Text and JSON → the standard output; a reader that has gone away is no error.

use std::io::Write;

use serde::Serialize;

use super::Stop;

pub(super) fn json(value: &impl Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Stop::failed(format!("Cannot write JSON: {error}.")))?;
    self::text(&text)
}

/// For programs that read line by line.
pub(super) fn json_line(value: &impl Serialize) -> Result<(), Stop> {
    let text =
        serde_json::to_string(value).map_err(|error| Stop::failed(format!("Cannot write JSON: {error}.")))?;
    self::text(&text)
}

pub(super) fn text(text: &str) -> Result<(), Stop> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stop::failed(format!("Cannot write to the standard output: {error}.")))
        }
        _ => Ok(()),
    }
}
