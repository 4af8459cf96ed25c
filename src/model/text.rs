//! Numbers, times and sentences → the text that people read, the same on the panel, on a terminal and in a log.
//!
//! In whole numbers throughout: what prints and reads floating point is larger than the rest of this file, and the
//! browser has to load it.

use std::fmt;

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

/// The first of many sentences, and how many there are besides: ten thousand tables may each have one.
pub fn few(sentences: &[String], separator: &str) -> String {
    const SHOWN: usize = 20;
    let (shown, others) = sentences.split_at(sentences.len().min(SHOWN));
    let mut text = shown.join(separator);
    if !others.is_empty() {
        text += &format!("{separator}… and {} more like these.", count(others.len() as u64));
    }
    text
}

/// What a sentence about rows that were left out ends with.
pub fn repointed(references: u64) -> String {
    match references {
        0 => String::new(),
        _ => format!(
            "; {} to a row of the target's own instead",
            counted(references, "reference leads", "references lead")
        ),
    }
}

/// A number and its unit apart, because the panel sets the unit smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    pub number: String,
    pub unit: &'static str,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.unit)
    }
}

/// Decimal units, as disks and links are sold, in three digits: `512 B`, `11.4 MB`, `1.88 GB`.
pub fn bytes(number: u64) -> Quantity {
    in_units(number, &["B", "kB", "MB", "GB", "TB"])
}

/// `11.4 MB/s`
pub fn rate(bytes_per_second: u64) -> Quantity {
    in_units(bytes_per_second, &["B/s", "kB/s", "MB/s", "GB/s", "TB/s"])
}

fn in_units(number: u64, units: &[&'static str]) -> Quantity {
    let (index, size) = unit(number, units.len());
    Quantity { number: three_digits(number, size), unit: units[index] }
}

/// Which unit fits, and how much it is worth.
fn unit(number: u64, units: usize) -> (usize, u128) {
    let (mut index, mut size) = (0, 1);
    // 999.5 would be written as 1000.
    while u128::from(number) * 2 >= size * 1999 && index + 1 < units {
        size *= 1000;
        index += 1;
    }
    (index, size)
}

fn three_digits(number: u64, size: u128) -> String {
    let number = u128::from(number);
    match () {
        () if size == 1 => number.to_string(),
        () if number * 1000 < size * 9995 => {
            let hundredths = (number * 100 + size / 2) / size;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        }
        () if number * 100 < size * 9995 => {
            tenths(u64::try_from((number * 10 + size / 2) / size).unwrap_or(u64::MAX))
        }
        () => ((number + size / 2) / size).to_string(),
    }
}

/// `46.1` for 461.
pub fn tenths(number: u64) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// `3.11` of `3.11 MB of 4.02 MB`, in the unit of the whole: `251` and `412 MB`.
pub fn part_of(done: u64, total: u64) -> (String, Quantity) {
    const UNITS: usize = 5;
    (three_digits(done, unit(total, UNITS).1), bytes(total))
}

/// How long something took: `820 ms`, `46.1 s`, `2 min 05 s`, `1 h 05 min`.
pub fn duration(ms: u64) -> String {
    let seconds = ms.saturating_add(500) / 1000;
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..59_950 => format!("{} s", tenths((ms + 50) / 100)),
        59_950..3_599_500 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `just now`, `42 s ago`, `4 min ago`, `2 h ago`, `3 days ago`.
pub fn age(then_us: i64, now_us: i64) -> String {
    let seconds = now_us.saturating_sub(then_us).max(0) / 1_000_000;
    match seconds {
        0..10 => "just now".to_owned(),
        10..60 => format!("{} s ago", seconds / 10 * 10),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3600),
        86_400..172_800 => "yesterday".to_owned(),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Begins with a capital and ends with a full stop, so that another sentence can follow.
pub fn sentence(text: &str) -> String {
    let mut text = headline(text);
    if !text.is_empty() && !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    text
}

/// Begins with a capital. Only of the Latin alphabet: those of all others are a table of 20 kB.
pub fn headline(text: &str) -> String {
    let mut text = text.trim().to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
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
    fn of_many_sentences_the_first_are_said_and_the_others_counted() {
        let sentences: Vec<String> = (1..=1_234).map(|number| format!("Table t{number}.")).collect();
        assert_eq!(few(&sentences[..2], " "), "Table t1. Table t2.");
        assert!(few(&sentences[..20], " ").ends_with("Table t20."));
        assert!(few(&sentences, " ").ends_with("Table t20. … and 1,214 more like these."));
    }

    #[test]
    fn sizes_are_decimal_with_three_digits() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_995, "10.0 kB"),
            (11_449, "11.4 kB"),
            (99_960, "100 kB"),
            (411_900_000, "412 MB"),
            (999_499_999, "999 MB"),
            (999_600_000, "1.00 GB"),
            (1_884_000_000, "1.88 GB"),
            (u64::MAX, "18446744 TB"),
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
    fn durations_are_as_exact_as_they_are_short() {
        for (ms, text) in [
            (0, "0 ms"),
            (820, "820 ms"),
            (46_120, "46.1 s"),
            (59_949, "59.9 s"),
            (59_990, "1 min 00 s"),
            (125_000, "2 min 05 s"),
            (3_599_600, "1 h 00 min"),
            (3_900_000, "1 h 05 min"),
        ] {
            assert_eq!(duration(ms), text);
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
    fn sentences_begin_and_end() {
        for (text, expected) in [
            ("it is late", "It is late."),
            ("Done.", "Done."),
            ("", ""),
            (" what now? ", "What now?"),
            ("école is away", "école is away."),
        ] {
            assert_eq!(sentence(text), expected);
        }
    }
}
