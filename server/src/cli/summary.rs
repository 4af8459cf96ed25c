//! A finished sync → the numbers that prove it, as text.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use tandem::model::{
    CheckState, Direction, Kind, Phase, Preview, Relation, Skipped, SyncResult, SyncStatus, TablePreview,
    TableStatus, text,
};

use super::rows;

/// With a line for each table that changed.
pub(super) fn of(status: &SyncStatus) -> String {
    if let Some(found) = &status.preview {
        return format!("{}{}", preview(found), status.message);
    }
    let changed: Vec<&TableStatus> =
        status.tables.iter().filter(|table| table.inserted + table.updated + table.deleted > 0).collect();
    if status.result.is_none() || changed.is_empty() {
        return short(status);
    }
    format!("{}\n{}", tables(&changed), short(status))
}

/// What a sync would write, table by table, and what stands in its way.
fn preview(preview: &Preview) -> String {
    let written: Vec<&TablePreview> =
        preview.tables.iter().filter(|table| table.written() + table.conflicts > 0).collect();
    let mut out = String::new();
    if !written.is_empty() {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "Table",
            "would insert",
            "update",
            "delete",
            "unchanged",
            "only there",
            "newer there",
            "conflicts",
        ]);
        for line in written {
            let numbers = [
                line.inserted,
                line.updated,
                line.deleted,
                line.unchanged,
                line.target_only,
                line.newer,
                line.conflicts,
            ];
            table.add_row(std::iter::once(line.name.clone()).chain(numbers.map(text::count)));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let shown: String = preview.tables.iter().map(rows::of).collect();
        out = format!("{shown}{table}\n");
    }
    for finding in &preview.findings {
        let sign = if finding.blocks { "✗" } else { "!" };
        out += format!("{sign} {} {}", finding.text, finding.remedy).trim_end();
        out.push('\n');
        for statement in &finding.statements {
            out += &format!("    {statement}\n");
        }
    }
    for check in preview.checks.iter().filter(|check| check.state != CheckState::Passed) {
        out += &format!("! {}: {} {}\n", check.name, check.text, check.fix);
    }
    out += &skipped(&preview.skipped);
    if !preview.rights.is_empty() {
        out += &format!("Triggers and keys: {}.\n", preview.rights);
    }
    if preview.is_counted() && !preview.is_blocked() {
        out += &format!(
            "A sync would send about {}, take about {} and need about {} in the target's database.\n",
            text::bytes(preview.bytes),
            text::duration(preview.about_ms),
            text::bytes(preview.space_bytes)
        );
    }
    out
}

pub(super) fn short(status: &SyncStatus) -> String {
    let arrow = match status.direction {
        Direction::Pull => "←",
        Direction::Push => "→",
    };
    let mut out =
        format!("{} {} {} {}: {}", sign(status.phase), status.local, arrow, status.peer, outcome(status),);
    if let Some(result) = &status.result {
        out += &format!("\n{}", proof(result));
        for row in &result.set_aside_rows {
            out += &format!("\n  {} {}: {}", row.table, row.row, row.reason);
        }
        let others = result.set_aside.saturating_sub(result.set_aside_rows.len() as u64);
        if others > 0 {
            out += &format!("\n  … and {} more", text::count(others));
            if status.kind == Kind::Sync {
                let id = &status.session_id;
                out += &format!("; on the target: select * from tandem.quarantine where session = '{id}'");
            }
        }
        out += &format!("\n{}{}", skipped(&result.skipped), totals(status, result));
    }
    if let Some(error) = &status.error {
        let step = error.step.map(|step| format!(" in step {} ({})", step.number(), step.name()));
        out += &format!("\nWhy{}: {}", step.unwrap_or_default(), error.message);
        if !error.hint.is_empty() {
            out += &format!("\nWhat now: {}", error.hint);
        }
    }
    out
}

/// A line about what the source has and the target does not get, if there is any.
fn skipped(list: &[Skipped]) -> String {
    let names: Vec<String> = list.iter().map(ToString::to_string).collect();
    if names.is_empty() { String::new() } else { format!("Not synced: {}\n", text::few(&names, "; ")) }
}

fn sign(phase: Phase) -> &'static str {
    match phase {
        Phase::Verified => "✓",
        Phase::Completed => "~",
        _ => "✗",
    }
}

fn outcome(status: &SyncStatus) -> String {
    let target = if status.in_doubt {
        "whether the target has committed is not known"
    } else {
        "the target is as it was"
    };
    match status.phase {
        Phase::Verified => "verified".to_owned(),
        Phase::Completed => "committed, not verified".to_owned(),
        Phase::Cancelled => format!("cancelled; {target}"),
        Phase::Failed => format!("failed; {target}"),
        Phase::Interrupted => format!("interrupted; {target}"),
        other => other.as_str().to_owned(),
    }
}

fn proof(result: &SyncResult) -> String {
    let part = result.part.as_deref();
    match &result.relation {
        Relation::Identical => format!(
            "Identical{}: {} in {} on both servers.",
            part.map(|part| format!(" in {part}")).unwrap_or_default(),
            text::counted(result.rows, "row", "rows"),
            text::counted(result.tables, "table", "tables")
        ),
        Relation::Contains { target_only_rows } => format!(
            "The target has all {} rows of {}, and {} of its own.",
            text::count(result.rows),
            part.unwrap_or("the source"),
            text::counted(*target_only_rows, "row", "rows")
        ),
        Relation::Unverified { reason } => format!("Not compared after the commit: {reason}"),
        Relation::Except { left_out, repointed, .. } => format!(
            "Every row of the source is there but {}{}.",
            text::counted(*left_out, "that was left out", "that were left out"),
            text::repointed(*repointed)
        ),
        Relation::Chosen { rows } => {
            format!("{} as on the source.", text::counted(*rows, "chosen row is", "chosen rows are"))
        }
        Relation::Restored => match result.set_aside {
            0 => "Every row is as it was before the sync.".to_owned(),
            rows => format!(
                "Every row is as it was before the sync, but for {} changed since.",
                text::counted(rows, "row that was", "rows that were")
            ),
        },
    }
}

fn tables(changed: &[&TableStatus]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["Table", "inserted", "updated", "deleted", "unchanged"]);
    for line in changed {
        table.add_row([
            line.name.clone(),
            text::count(line.inserted),
            text::count(line.updated),
            text::count(line.deleted),
            text::count(line.unchanged),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What was written, and what travelled for it at which speed: the same numbers as on the panel.
fn totals(status: &SyncStatus, result: &SyncResult) -> String {
    let mut out = format!(
        "{} inserted, {} updated, {} deleted, {} unchanged in {}",
        text::count(result.inserted),
        text::count(result.updated),
        text::count(result.deleted),
        text::count(result.unchanged),
        text::duration(status.elapsed_ms),
    );
    if result.archive_bytes > 0 {
        out += &format!(" · {} sent", text::bytes(result.archive_bytes));
    }
    if status.bytes_per_second > 0 {
        out += &format!(" at {}", text::rate(status.bytes_per_second));
    }
    if result.raw_bytes > 0 {
        out += &format!(" for {} of rows", text::bytes(result.raw_bytes));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_names_what_is_not_synced() {
        let view = Skipped { name: "public.mine".to_owned(), reason: "view".to_owned() };

        let found = preview(&Preview { skipped: vec![view], ..Preview::default() });

        assert_eq!(found, "Not synced: public.mine (view)\n");
        assert_eq!(preview(&Preview::default()), "");
    }
}
