//! What was done to each table of the target, and the facts of the session beside it.

use leptos::prelude::*;
use tandem::model::{Kind, Skipped, SyncResult, SyncStatus, TableStatus};

use super::icon::{Glyph, Icon};
use crate::{format, text};

#[component]
pub fn PerTable(status: SyncStatus) -> impl IntoView {
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let caption = format!("Rows changed in {target} per table");
    let note = format!("rows in {target}");
    let (changed, same): (Vec<_>, Vec<_>) = status
        .tables
        .into_iter()
        .partition(|table| table.inserted + table.updated + table.deleted + table.target_only > 0);
    let said = format!("{} unchanged", format::counted(same.len() as u64, "table", "tables"));
    let is_any = !changed.is_empty();
    view! {
        <section class="panel" aria-labelledby="proof">
            <div class="panel__head"><h2 id="proof">"Per table"</h2><span class="note">{note}</span></div>
            {is_any.then(|| view! { <Table caption tables=changed/> })}
            {(!same.is_empty()).then(|| view! {
                <details class="more more--table" open=!is_any>
                    <summary><Glyph icon=Icon::Chevron/>{said.clone()}</summary>
                    <Table caption=said tables=same/>
                </details>
            })}
        </section>
    }
    .into_any()
}

#[component]
fn Table(caption: String, tables: Vec<TableStatus>) -> impl IntoView {
    view! {
        <table class="table table--stack table--flow">
            <caption class="vh">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">"Table"</th>
                    <th scope="col" class="num">"Inserted"</th>
                    <th scope="col" class="num">"Updated"</th>
                    <th scope="col" class="num">"Deleted"</th>
                    <th scope="col" class="num">"Unchanged"</th>
                    <th scope="col" class="num">"Rows now"</th>
                </tr>
            </thead>
            <tbody>{tables.into_iter().map(|table| view! { <Line table/> }).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Line(table: TableStatus) -> impl IntoView {
    let now = table.inserted + table.updated + table.unchanged + table.target_only;
    let own = (table.target_only > 0)
        .then(|| view! { <span class="note">" and "{format::count(table.target_only)}" of its own"</span> });
    view! {
        <tr>
            <th scope="row">{table.name}</th>
            <Changed number=table.inserted sign="+" kind="k-insert"/>
            <Changed number=table.updated sign="~" kind="k-update"/>
            <Changed number=table.deleted sign="−" kind="k-delete"/>
            <td class="num soft" data-label="Unchanged" data-unit="unchanged">{format::count(table.unchanged)}{own}</td>
            <td class="num drop" data-label="Rows now">{format::count(now)}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn Changed(number: u64, sign: &'static str, kind: &'static str) -> impl IntoView {
    let (class, text) = match number {
        0 => ("num zero".to_owned(), "0".to_owned()),
        number => (format!("num {kind}"), format!("{sign}{}", format::count(number))),
    };
    view! { <td class=class data-label="">{text}</td> }
}

/// How it was done.
#[component]
pub fn SessionFacts(status: SyncStatus) -> impl IntoView {
    let result = status.result.clone();
    view! {
        <section class="panel" aria-labelledby="how">
            <div class="panel__head"><h2 id="how">"Session"</h2><code class="note">{status.session_id.short().to_owned()}</code></div>
            <div class="panel__body">
                <dl class="facts">
                    {(status.kind != Kind::Undo).then(|| view! {
                        <dt>"Method"</dt><dd>{status.method.as_str()}</dd>
                        <dt>"Why"</dt><dd>{status.reason.clone()}</dd>
                        <dt>"Options"</dt><dd>{text::options(&status.options)}</dd>
                    })}
                    <dt>"Started by"</dt><dd>{status.started_by.clone()}</dd>
                    <dt>"Duration"</dt><dd>{format::duration(status.elapsed_ms)}</dd>
                    {result.map(|result| view! { <ResultFacts result/> })}
                </dl>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn ResultFacts(result: SyncResult) -> impl IntoView {
    let sent = match result.raw_bytes {
        0 => format::bytes(result.archive_bytes).to_string(),
        raw => format!("{} for {} of rows", format::bytes(result.archive_bytes), format::bytes(raw)),
    };
    view! {
        {(result.archive_bytes > 0).then(|| view! { <dt>"Sent"</dt><dd>{sent}</dd> })}
        <dt>"Rows"</dt><dd>{format::count(result.rows)}</dd>
        <dt>"Tables changed"</dt><dd>{format!("{} of {}", format::count(result.tables_changed), format::count(result.tables))}</dd>
        <dt>"Sequences raised"</dt><dd>{format::count(result.sequences_raised)}</dd>
        {skipped(&result.skipped)}
    }
    .into_any()
}

/// What the source has and the target does not get, as facts: the first of it, for a part of ten thousand tables leaves
/// out nearly as many.
pub(super) fn skipped(list: &[Skipped]) -> AnyView {
    const SHOWN: usize = 20;
    let others = list.len().saturating_sub(SHOWN) as u64;
    let shown = list.iter().take(SHOWN).map(ToString::to_string);
    let more =
        (others > 0).then(|| format!("and {} more, named in the session’s JSON", format::count(others)));
    shown.chain(more).map(|said| view! { <dt>"Not synced"</dt><dd>{said}</dd> }).collect_view().into_any()
}
