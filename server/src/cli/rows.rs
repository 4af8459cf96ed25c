//! The first rows that a sync would write, as lines.

use tandem::model::{Change, RowPreview, TablePreview, ValuePreview};

/// Each row of the preview, below the name of its table.
pub(super) fn of(table: &TablePreview) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let rows: String = table.rows.iter().map(|row| format!("  {}\n", line(row))).collect();
    format!("{} ({})\n{rows}", table.name, table.key.join(", "))
}

/// `update (7): name a → b, newer on the target`
fn line(row: &RowPreview) -> String {
    let what = match row.change {
        Change::Insert => "insert",
        Change::Update => "update",
        Change::Delete => "delete",
        Change::Keep => "keep",
        Change::Conflict => "in conflict",
    };
    let key = row.key.iter().map(|value| plain(value)).collect::<Vec<_>>().join(", ");
    let mut values: Vec<String> = row.values.iter().map(|column| value(row.change, column)).collect();
    if row.newer {
        values.push("newer on the target".to_owned());
    }
    format!("{what} ({key}): {}", values.join(", "))
}

fn value(change: Change, value: &ValuePreview) -> String {
    let (before, after) = (text(value.before.as_ref()), text(value.after.as_ref()));
    match change {
        Change::Update => format!("{} {before} → {after}", value.column),
        Change::Insert | Change::Conflict => format!("{} {after}", value.column),
        Change::Delete | Change::Keep => format!("{} {before}", value.column),
    }
}

fn text(value: Option<&String>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| plain(value))
}

/// On one line, and without what a terminal would obey.
fn plain(value: &str) -> String {
    let escaped = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    value.chars().map(escaped).collect()
}
