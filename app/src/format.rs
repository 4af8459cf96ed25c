//! What only the panel writes: clocks, percentages, coordinates, and the short forms of names.
//!
//! Pure, so that server and browser write the same. What the command line and the log write too is in the engine's
//! `model::text`, and is found here as well.

use tandem::model::Fingerprint;
pub use tandem::model::text::{
    age, bytes, count, counted, duration, headline, part_of, rate, repointed, sentence, tenths,
};

/// A running clock: `0:22`, `1:02:03`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

/// What is left, no more exact than it can be known: `about 24 s`, `about 3 min`.
pub fn remaining(seconds: u64) -> String {
    match seconds {
        0..90 => format!("about {seconds} s"),
        90..5_400 => format!("about {} min", (seconds + 30) / 60),
        _ => format!("about {} h", (seconds + 1_800) / 3600),
    }
}

/// Whole percent, rounded down: 100 is said only when all is done.
pub fn percent(value: f64) -> String {
    (value.clamp(0.0, 100.0) as u64).to_string()
}

/// A coordinate or the value of a bar, which is never below zero: `12.5`.
pub fn decimal(value: f64) -> String {
    tenths((value * 10.0).round() as u64)
}

/// `4fba 7d95 c73d 8a68`
pub fn fingerprint(fingerprint: &Fingerprint) -> String {
    let lanes: Vec<char> = fingerprint.lanes.chars().collect();
    lanes.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// `orders` for `public.orders`; other schemas stay.
pub fn table(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        for (seconds, text) in [(22, "0:22"), (61, "1:01"), (3_723, "1:02:03")] {
            assert_eq!(clock(seconds), text);
        }
        for (seconds, text) in [(24, "about 24 s"), (170, "about 3 min"), (7_300, "about 2 h")] {
            assert_eq!(remaining(seconds), text);
        }
    }

    #[test]
    fn a_hundred_percent_is_said_only_at_the_end() {
        for (value, text) in [(-1.0, "0"), (48.9, "48"), (99.99, "99"), (100.0, "100")] {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn coordinates_have_one_decimal() {
        for (value, text) in [(0.0, "0.0"), (99.96, "100.0"), (12.34, "12.3")] {
            assert_eq!(decimal(value), text);
        }
    }

    #[test]
    fn names_and_lists() {
        let print = Fingerprint { lanes: "4fba7d95c73d8a68".to_owned(), tables: 16, rows: 1, at_us: 0 };
        assert_eq!(fingerprint(&print), "4fba 7d95 c73d 8a68");
        assert_eq!(table("public.orders"), "orders");
        assert_eq!(table("audit.log"), "audit.log");
    }
}
