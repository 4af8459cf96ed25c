//! Numbers and times → the text that people read. Pure, so that server and browser write the same.

use tandem::model::Fingerprint;

/// `6,840,055`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `12,408 rows`
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number and its unit apart, because the unit is set smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    pub number: String,
    pub unit: &'static str,
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.number, self.unit)
    }
}

/// Decimal units, three digits: `512 B`, `11.4 MB`, `1.88 GB`.
pub fn bytes(number: u64) -> Quantity {
    scaled(number, &["B", "kB", "MB", "GB", "TB"])
}

/// `11.4 MB/s`
pub fn rate(bytes_per_second: u64) -> Quantity {
    scaled(bytes_per_second, &["B/s", "kB/s", "MB/s", "GB/s", "TB/s"])
}

fn scaled(number: u64, units: &[&'static str]) -> Quantity {
    let mut value = number as f64;
    let mut index = 0;
    // 999.5 would be written as 1000.
    while value >= 999.5 && index + 1 < units.len() {
        value /= 1000.0;
        index += 1;
    }
    let number = if index == 0 { number.to_string() } else { three_digits(value) };
    Quantity { number, unit: units[index] }
}

fn three_digits(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// `3.11` of `3.11 MB of 4.02 MB`, in the unit of the whole: `251 of 412 MB`.
pub fn part_of(done: u64, total: u64) -> (String, Quantity) {
    let whole = bytes(total);
    let done = if total > 0 {
        let unit = total as f64 / whole.number.parse::<f64>().unwrap_or(1.0).max(f64::MIN_POSITIVE);
        match whole.unit {
            "B" => done.to_string(),
            _ => three_digits(done as f64 / unit),
        }
    } else {
        "0".to_owned()
    };
    (done, whole)
}

/// How long something took: `820 ms`, `46.1 s`, `2 min 05 s`, `1 h 05 min`.
pub fn duration(ms: u64) -> String {
    let seconds = (ms + 50) / 1000;
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..59_950 => format!("{:.1} s", ms as f64 / 1000.0),
        59_950..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

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

/// `just now`, `42 s ago`, `4 min ago`, `2 h ago`, `3 days ago`.
pub fn age(then_us: i64, now_us: i64) -> String {
    let seconds = (now_us - then_us).max(0) / 1_000_000;
    match seconds {
        0..10 => "just now".to_owned(),
        10..60 => format!("{} s ago", seconds / 10 * 10),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3600),
        86_400..172_800 => "yesterday".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Ends with a full stop, so that another sentence can follow.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// Whole percent, rounded down: 100 is said only when all is done.
pub fn percent(value: f64) -> String {
    format!("{}", value.clamp(0.0, 100.0).floor())
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
    fn counts_have_thousands_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (6_840_055, "6,840,055")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "row", "rows"), "1 row");
    }

    #[test]
    fn sizes_are_decimal_with_three_digits() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (11_449, "11.4 kB"),
            (411_900_000, "412 MB"),
            (999_600_000, "1.00 GB"),
            (1_884_000_000, "1.88 GB"),
        ] {
            assert_eq!(bytes(number).to_string(), text);
        }
        assert_eq!(rate(11_400_000).to_string(), "11.4 MB/s");
    }

    #[test]
    fn a_part_is_written_in_the_unit_of_the_whole() {
        for (done, total, text) in [
            (251_000_000, 412_000_000, "251 of 412 MB"),
            (1_310_000_000, 1_920_000_000, "1.31 of 1.92 GB"),
            (0, 1_920_000, "0.00 of 1.92 MB"),
            (5, 512, "5 of 512 B"),
            (0, 0, "0 of 0 B"),
        ] {
            let (part, whole) = part_of(done, total);
            assert_eq!(format!("{part} of {whole}"), text);
        }
    }

    #[test]
    fn durations_and_clocks() {
        for (ms, text) in [
            (820, "820 ms"),
            (46_120, "46.1 s"),
            (59_990, "1 min 00 s"),
            (125_000, "2 min 05 s"),
            (3_900_000, "1 h 05 min"),
        ] {
            assert_eq!(duration(ms), text);
        }
        for (seconds, text) in [(22, "0:22"), (61, "1:01"), (3_723, "1:02:03")] {
            assert_eq!(clock(seconds), text);
        }
        for (seconds, text) in [(24, "about 24 s"), (170, "about 3 min"), (7_300, "about 2 h")] {
            assert_eq!(remaining(seconds), text);
        }
    }

    #[test]
    fn ages_are_coarse() {
        for (seconds, text) in [
            (-5, "just now"),
            (9, "just now"),
            (47, "40 s ago"),
            (245, "4 min ago"),
            (7_300, "2 h ago"),
            (90_000, "yesterday"),
            (300_000, "3 days ago"),
        ] {
            assert_eq!(age(0, seconds * 1_000_000), text);
        }
    }

    #[test]
    fn a_hundred_percent_is_said_only_at_the_end() {
        for (value, text) in [(-1.0, "0"), (48.9, "48"), (99.99, "99"), (100.0, "100")] {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn sentences_end() {
        for (text, expected) in [("it is late", "it is late."), ("Done.", "Done."), ("", "")] {
            assert_eq!(sentence(text), expected);
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
