//! Measured figures → the table on the terminal and in `BENCHMARKS.md`.

use std::path::Path;

use anyhow::{Context, Result};

/// One line: how long the work takes, here and with the tool that people would use instead.
pub(super) struct Figure {
    pub(super) work: &'static str,
    pub(super) reference: &'static str,
    pub(super) reference_seconds: Vec<f64>,
    pub(super) seconds: Vec<f64>,
    pub(super) goal: &'static str,
    /// The highest ratio that meets the goal.
    pub(super) limit: f64,
    /// How long other tools take here, for the same or for what cannot be done without. Nothing where one is missing.
    pub(super) beside: Vec<(&'static str, Vec<f64>)>,
    /// What else is to be said, failures above all.
    pub(super) notes: Vec<String>,
}

pub(super) struct Report {
    machine: String,
    rows: u64,
    copy_bytes: u64,
    lines: Vec<[String; 7]>,
    notes: Vec<String>,
}

pub(super) const USUAL: &str = "## A database in memory";
pub(super) const LARGE: &str = "## A database of 10 GB";
const HEADER: &str = "# Benchmarks

Written by `make bench` and `make bench-large`. Always ratios against the tool named, taken by turns in the same run on
the same two PostgreSQL servers with durable settings, over loopback (`scripts/xtask/src/bench/*.sql`). Times are
medians, with the fastest and the slowest run in brackets; Tandem's are those of the whole command `tandem sync pull`.
Below a table stands what other tools take, in the same run, for the same work or the steps it cannot do without.
Figures are published whatever they are; ARCHITECTURE.md, \"Where the time goes\", says why a goal is missed.";

const HEAD: [&str; 7] = ["work", "reference", "reference took", "Tandem took", "ratio", "goal", "met"];

impl Report {
    pub(super) fn new(machine: String, (rows, copy_bytes): (u64, u64)) -> Self {
        Self { machine, rows, copy_bytes, lines: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn add(&mut self, figure: Figure) {
        let (reference, ours) = (median(&figure.reference_seconds), median(&figure.seconds));
        let ratio = ours / reference;
        let is_wrong = figure.notes.iter().any(|note| note.starts_with("**wrong**"));
        self.lines.push([
            figure.work.to_owned(),
            figure.reference.to_owned(),
            spread(&figure.reference_seconds),
            spread(&figure.seconds),
            if ratio < 0.1 { format!("{ratio:.3} ×") } else { format!("{ratio:.2} ×") },
            figure.goal.to_owned(),
            yes_or_no(ratio <= figure.limit && !is_wrong),
        ]);
        for (what, seconds) in figure.beside.into_iter().filter(|(_, seconds)| !seconds.is_empty()) {
            let (took, ratio) = (spread(&seconds), ours / median(&seconds));
            self.notes.push(format!("{}: {what}, takes {took}; Tandem {ratio:.2} × that", figure.work));
        }
        self.notes.extend(figure.notes.into_iter().map(|note| format!("{}: {note}", figure.work)));
    }

    pub(super) fn add_memory(&mut self, node: &str, peak_bytes: u64, limit_bytes: u64) {
        self.lines.push([
            format!("most memory of the {} node", node.to_lowercase()),
            "—".to_owned(),
            "—".to_owned(),
            format!("{} MB", peak_bytes / 1_000_000),
            "—".to_owned(),
            format!("< {} MB", limit_bytes / 1_000_000),
            yes_or_no(peak_bytes < limit_bytes),
        ]);
    }

    /// Markdown, padded so that it is a table on a terminal too.
    pub(super) fn table(&self) -> String {
        let head = HEAD.map(str::to_owned);
        let widths: Vec<usize> = (0..HEAD.len())
            .map(|column| {
                let cells =
                    std::iter::once(&head).chain(&self.lines).map(|line| line[column].chars().count());
                cells.max().unwrap_or_default()
            })
            .collect();
        let mut table = String::new();
        let mut line = |cells: &[String; 7]| {
            for (cell, width) in cells.iter().zip(&widths) {
                table.push_str("| ");
                table.push_str(cell);
                table.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 1));
            }
            table.push_str("|\n");
        };
        line(&head);
        let rule = std::array::from_fn(|column| "-".repeat(widths[column]));
        line(&rule);
        self.lines.iter().for_each(line);
        for note in &self.notes {
            table += &format!("\n- {note}");
        }
        table + if self.notes.is_empty() { "" } else { "\n" }
    }

    /// Shows the table, and puts it in its part of the file; the other part stays as it is.
    pub(super) fn publish(&self, file: &Path, heading: &str) -> Result<()> {
        print!("{}", self.table());
        let before = std::fs::read_to_string(file).unwrap_or_default();
        let text = format!(
            "{heading}\n\n{}; {} rows in 6 related tables with their indexes and foreign keys, {} MB of COPY text.\n\n{}",
            self.machine,
            thousands(self.rows),
            self.copy_bytes / 1_000_000,
            self.table()
        );
        let part = |name: &str| match name == heading {
            true => text.clone(),
            false => part_of(&before, name).to_owned(),
        };
        let mut parts = vec![HEADER.to_owned(), part(USUAL), part(LARGE)];
        parts.retain(|part| !part.is_empty());
        let parts: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
        std::fs::write(file, parts.join("\n\n") + "\n")
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

/// From the heading to the next one.
fn part_of<'a>(text: &'a str, heading: &str) -> &'a str {
    let Some(start) = text.find(heading) else { return "" };
    let part = &text[start..];
    let end = part[heading.len()..].find("\n## ").map_or(part.len(), |at| heading.len() + at);
    &part[..end]
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(seconds: &[f64]) -> String {
    let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = seconds.iter().copied().fold(0.0, f64::max);
    match seconds.len() {
        0 => "—".to_owned(),
        1 => format!("{least:.2} s (1 run)"),
        _ => format!("{:.2} s ({least:.2}–{most:.2})", median(seconds)),
    }
}

fn yes_or_no(met: bool) -> String {
    if met { "yes" } else { "**no**" }.to_owned()
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(thousands(1_100_000), "1,100,000");
        assert_eq!(thousands(999), "999");
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert_eq!(spread(&[2.0, 1.0, 3.0]), "2.00 s (1.00–3.00)");
        assert_eq!(spread(&[61.5]), "61.50 s (1 run)");
    }

    #[test]
    fn a_part_ends_where_the_next_one_begins() {
        let text = format!("{HEADER}\n\n{USUAL}\n\none\n\n{LARGE}\n\ntwo\n");
        assert_eq!(part_of(&text, USUAL), format!("{USUAL}\n\none\n"));
        assert_eq!(part_of(&text, LARGE), format!("{LARGE}\n\ntwo\n"));
        assert_eq!(part_of("nothing", LARGE), "");
    }
}
