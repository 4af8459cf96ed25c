//! A sync that stops before it writes: everything up to the transaction is real, so what it counts is what would happen.

use std::collections::HashSet;

use super::session::{Outcome, Session};
use super::target::at;
use super::undo;
use crate::archive::SequenceValue;
use crate::catalog::{Making, Table};
use crate::compare::Stayed;
use crate::database::Foreseen;
use crate::model::{
    Code, ConflictPolicy, DeletePolicy, Phase, Preview, PreviewFinding, RowErrors, Step, SyncError,
    SyncOptions, TableDigest, TablePreview, text,
};
use crate::restore::{self, Plan, Staged};
use crate::spool_dir;

/// Rows that are written in a millisecond, as `make bench` has it: beside a table's indexes, and into an empty table,
/// whose indexes are built at the end.
const ROWS_A_MS: u64 = 100;
const ROWS_INTO_EMPTY_A_MS: u64 = 400;

/// Statements that are shown; the log has all.
const STATEMENTS: usize = 100;

/// Counts what the staged rows would do. `made` are the statements that make what the target lacks; `equal` are the
/// tables of which nothing came, because nothing differs.
pub(super) async fn look(
    session: &Session,
    plan: &Plan,
    made: Vec<String>,
    mut staged: Staged,
    equal: &[Stayed],
) -> Result<Outcome, SyncError> {
    let (progress, node) = (&session.progress, &session.node);
    progress.enter(Step::Convert, "Counts what would be written");
    let options = progress.status().options;
    let previewed = restore::preview(plan, &mut staged, &options, progress).await;
    let (mut tables, foreseen) = previewed.map_err(|error| SyncError::from(error).at(Step::Convert))?;
    tables.extend(equal.iter().map(|(_, digest)| unchanged(digest)));
    let mut checks = node.database.checks().await;
    checks.push(spool_dir::check(&node.config.data_dir).await);
    let mut preview = Preview {
        findings: making(&plan.making, made).chain(plan.notes.iter().map(|note| warning(note))).collect(),
        checks,
        skipped: plan.skipped.clone(),
        rights: staged.staging.mode(),
        bytes: staged.totals.archive_bytes,
        tables,
        ..Preview::default()
    };
    preview.space_bytes = space(&preview, &staged, undo::limits(session).is_some());
    preview.about_ms = progress.status().elapsed_ms + preview.sum(writing_ms);
    let met = preview.tables.iter().filter(|table| table.conflicts > 0);
    preview.findings.extend(met.map(|table| conflicts(table, &options)));
    preview.findings.extend(foreseen.iter().map(refused));
    let warnings = staged.staging.warnings();
    if !warnings.is_empty() {
        preview.findings.push(warning(&text::few(&warnings, "\n")));
    }
    if options.deletes == DeletePolicy::Keep {
        preview.findings.extend(apart(session, plan, &staged.sequences, &preview).await?);
    }
    progress.done(Step::Convert, "Counted");
    Ok(ended(preview))
}

/// Where both sides have rows of their own, the next ones can meet in their keys.
async fn apart(
    session: &Session,
    plan: &Plan,
    source: &[SequenceValue],
    preview: &Preview,
) -> Result<Option<PreviewFinding>, SyncError> {
    let both = preview.tables.iter().filter(|table| table.inserted > 0 && table.target_only > 0);
    let both: HashSet<&str> = both.map(|table| table.name.as_str()).collect();
    let tables = plan.incoming.iter().map(|incoming| &incoming.table);
    let tables: Vec<&Table> = tables.filter(|table| both.contains(table.name.display().as_str())).collect();
    if tables.is_empty() {
        return Ok(None);
    }
    let apart = session.node.database.apart(source, &tables).await.map_err(at(Step::Convert))?;
    if apart.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = apart.iter().map(|apart| apart.table.display()).collect();
    let mut statements = vec![format!("-- on {}", session.peer)];
    statements.extend(apart.iter().map(|apart| apart.source.clone()));
    statements.push(format!("-- on {}", session.node.config.name));
    statements.extend(apart.into_iter().map(|apart| apart.target));
    Ok(Some(PreviewFinding {
        text: format!(
            "Both servers have made rows of {}, and number them alike: rows with the same number are taken for one. Let one count the odd and the other the even numbers:",
            text::few(&names, ", ")
        ),
        statements,
        ..PreviewFinding::default()
    }))
}

/// A row takes about as many bytes as its text, in the staging table, in the table with its indexes twice, and once more
/// where the row before is kept.
fn space(preview: &Preview, staged: &Staged, keeps: bool) -> u64 {
    let written = preview.sum(|table| 2 * (table.inserted + table.updated));
    let kept = if keeps { preview.sum(|table| table.updated + table.deleted) } else { 0 };
    let (bytes, rows) = (staged.totals.raw_bytes, staged.totals.rows.max(1));
    let of_rows = u128::from(bytes) * u128::from(written + kept) / u128::from(rows);
    bytes.saturating_add(u64::try_from(of_rows).unwrap_or(u64::MAX))
}

/// Nothing can be counted before what the target lacks is there: `added` are the statements that would add it.
pub(super) async fn uncounted(
    session: &Session,
    plan: &Plan,
    added: Vec<String>,
) -> Result<Outcome, SyncError> {
    let made = session.node.database.rehearse(&session.id, &plan.making).await?;
    let added = PreviewFinding {
        text:
            "The sync first adds columns or labels that the target lacks, and keeps them even if it fails. \
               Rows can be counted when they are there. Added, by these statements:"
                .to_owned(),
        statements: shown(added),
        ..PreviewFinding::default()
    };
    let others = making(&plan.making, made).chain(plan.notes.iter().map(|note| warning(note)));
    let preview = Preview {
        findings: std::iter::once(added).chain(others).collect(),
        skipped: plan.skipped.clone(),
        ..Preview::default()
    };
    let message =
        "Nothing was written. A sync would first add what the target lacks; until then nothing is counted.";
    Ok(Outcome { preview: Some(preview), ..Outcome::new(Phase::Previewed, message.to_owned()) })
}

/// What would refuse a sync is what a preview is for; any other failure is its own.
pub(super) fn blocked(error: SyncError) -> Result<Outcome, SyncError> {
    match error.code {
        Code::SchemaDiffers
        | Code::MissingRight
        | Code::Refused
        | Code::RowRefused
        | Code::ForeignKey
        | Code::TooLarge => {
            let finding = PreviewFinding {
                blocks: true,
                text: error.message,
                remedy: error.hint,
                statements: Vec::new(),
            };
            Ok(ended(Preview { findings: vec![finding], ..Preview::default() }))
        }
        _ => Err(error),
    }
}

fn ended(preview: Preview) -> Outcome {
    let rows = |of: fn(&TablePreview) -> u64| text::count(preview.sum(of));
    let message = if preview.is_blocked() {
        "Nothing was written. A sync would be refused as things stand.".to_owned()
    } else {
        format!(
            "Nothing was written. A sync would insert {}, update {} and delete {} rows.",
            rows(|table| table.inserted),
            rows(|table| table.updated),
            rows(|table| table.deleted)
        )
    };
    Outcome { preview: Some(preview), ..Outcome::new(Phase::Previewed, message) }
}

/// About how long the rows of one table take.
fn writing_ms(table: &TablePreview) -> u64 {
    let is_empty = table.updated + table.deleted + table.unchanged + table.target_only == 0;
    table.written() / if is_empty { ROWS_INTO_EMPTY_A_MS } else { ROWS_A_MS }
}

fn unchanged(digest: &TableDigest) -> TablePreview {
    TablePreview { name: digest.name.clone(), unchanged: digest.rows, ..TablePreview::default() }
}

fn warning(text: &str) -> PreviewFinding {
    PreviewFinding { text: text.to_owned(), ..PreviewFinding::default() }
}

/// The tables that would be made, and what would not be made with them.
fn making(making: &Making, statements: Vec<String>) -> impl Iterator<Item = PreviewFinding> {
    let made = (!making.is_empty()).then(|| PreviewFinding {
        text: format!(
            "{} on the target; the sync makes what is missing in the transaction that brings the rows, by these statements:",
            text::counted(making.tables.len() as u64, "table does not exist", "tables do not exist")
        ),
        statements: shown(statements),
        ..PreviewFinding::default()
    });
    let left_out = (!making.left_out.is_empty()).then(|| PreviewFinding {
        text: format!("Not made on the target: {}", text::few(&making.left_out, "; ")),
        remedy: "Make by hand what the target needs of this.".to_owned(),
        ..PreviewFinding::default()
    });
    made.into_iter().chain(left_out)
}

fn shown(mut statements: Vec<String>) -> Vec<String> {
    let others = statements.len().saturating_sub(STATEMENTS);
    statements.truncate(STATEMENTS);
    statements.iter_mut().for_each(|statement| statement.push(';'));
    if others > 0 {
        statements.push(format!("-- … and {} more, in the session's log.", text::count(others as u64)));
    }
    statements
}

fn refused(foreseen: &Foreseen) -> PreviewFinding {
    let Foreseen { table, rows, why, first, is_left_out } = foreseen;
    let verb = if *is_left_out { "left out" } else { "refused" };
    let each = if *rows == 1 { "" } else { " each" };
    let more = if *rows > first.len() as u64 { ", …" } else { "" };
    let named = if first.is_empty() { String::new() } else { format!(": {}{more}", first.join("; ")) };
    let remedy = "Change these rows on the source, or what the target demands, or leave them out (isolate).";
    PreviewFinding {
        blocks: !*is_left_out,
        text: format!(
            "{} of {table} would be {verb},{each} because {why}{named}.",
            text::counted(*rows, "row", "rows")
        ),
        remedy: if *is_left_out { String::new() } else { remedy.to_owned() },
        ..PreviewFinding::default()
    }
}

/// What becomes of the rows that meet a taken value, as the options say.
fn conflicts(table: &TablePreview, options: &SyncOptions) -> PreviewFinding {
    let blocks = options.conflicts == ConflictPolicy::Abort && options.row_errors == RowErrors::Strict;
    let (it, them, that, held) = match table.conflicts {
        1 => ("it", "it", "that row", "another row of the target holds"),
        _ => ("they", "them", "those rows", "other rows of the target hold"),
    };
    let end = match options.conflicts {
        ConflictPolicy::Abort if blocks => String::new(),
        ConflictPolicy::Abort | ConflictPolicy::Skip => {
            format!(": {it} would be left out, with all that references {them}")
        }
        ConflictPolicy::Source => format!(": {it} would replace {that}"),
        ConflictPolicy::Target => {
            format!(": {it} would be left out, and what references {them} would reference {that} instead")
        }
    };
    let remedy = "Change one row of each pair, or choose what happens to conflicts: skip, source or target.";
    PreviewFinding {
        blocks,
        text: format!(
            "{} of {} would meet a unique value that {held}{end}.",
            text::counted(table.conflicts, "row", "rows"),
            table.name
        ),
        remedy: if blocks { remedy.to_owned() } else { String::new() },
        ..PreviewFinding::default()
    }
}
