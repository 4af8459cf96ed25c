//! Random numbers → secrets: some for machines, one that can be typed.

use crate::cli::Stop;

/// Hexadecimal digits, twice as many as bytes.
pub(super) fn digits(bytes: usize) -> Result<String, Stop> {
    Ok(random(bytes)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Four groups of four letters and digits that are not mistaken for each other: 77 bits.
pub(super) fn password() -> Result<String, Stop> {
    const LETTERS: &[u8; 28] = b"abcdefghjkmnpqrstuvwxyz23456";
    let letters: Vec<char> =
        random(16)?.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

fn random(bytes: usize) -> Result<Vec<u8>, Stop> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| Stop::failed(format!("The operating system gives no random numbers: {error}.")))?;
    Ok(random)
}
