//! The tables that would be changed, each unfolding to its first rows; the equal ones in one line.

use leptos::prelude::*;
use tandem::model::TablePreview;

use super::super::icon::{Glyph, Icon};
use super::rows;
use crate::format;

/// The width of the bar that stands for the most rows.
const WIDTH: f64 = 120.0;

pub(super) fn panel(tables: &[TablePreview], names: (&str, &str)) -> AnyView {
    let (changed, equal): (Vec<_>, Vec<_>) =
        tables.iter().partition(|table| table.written() + table.conflicts + table.target_only > 0);
    let most = changed.iter().map(|table| table.written() + table.conflicts).max().unwrap_or_default();
    let title = format!("Changes in {}", names.1);
    let lines = changed.iter().map(|table| line(table, most, names)).collect_view();
    view! {
        <section class="panel" aria-labelledby="changes">
            <div class="panel__head"><h2 id="changes">{title}</h2><span class="note">"bars: √ of the rows"</span></div>
            {(!changed.is_empty()).then(|| view! { <ul class="changes">{lines}</ul> })}
            {(!equal.is_empty()).then(|| folded(&equal))}
        </section>
    }
    .into_any()
}

fn line(table: &TablePreview, most: u64, names: (&str, &str)) -> AnyView {
    let newer = (table.newer > 0).then(|| {
        view! { <span class="badge badge--warn">{format!("{} newer", format::count(table.newer))}</span> }
    });
    view! {
        <li>
            <details>
                <summary>
                    <Glyph icon=Icon::Chevron/>
                    <span class="changes__name">{table.name.clone()}" "{newer}</span>
                    {bar(table, most)}
                    <span class="changes__numbers">
                        {number("k-insert", "+", table.inserted, "to insert")}
                        {number("k-update", "~", table.updated, "to update")}
                        {number("k-delete", "−", table.deleted, "to delete")}
                        {number("k-conflict", "!", table.conflicts, "in conflict")}
                        {number("k-keep", "⊇", table.target_only, "kept")}
                    </span>
                </summary>
                {rows::of(table, names)}
            </details>
        </li>
    }
    .into_any()
}

fn number(class: &'static str, sign: &'static str, number: u64, word: &'static str) -> Option<AnyView> {
    (number > 0).then(|| {
        view! {
            <span class=class><b>{sign}{format::count(number)}</b>" "<small>{word}</small>" "</span>
        }
        .into_any()
    })
}

/// Lengths grow with the root, so that a table of a thousand rows is seen beside one of a million.
fn bar(table: &TablePreview, most: u64) -> AnyView {
    let all = table.written() + table.conflicts;
    let length = (all as f64).sqrt() / (most.max(1) as f64).sqrt() * WIDTH;
    let kinds = [
        ("insert", table.inserted),
        ("update", table.updated),
        ("delete", table.deleted),
        ("conflict", table.conflicts),
    ];
    let mut x = 0.0;
    let parts = kinds.into_iter().filter(|(_, rows)| *rows > 0).map(|(kind, rows)| {
        let width = length * rows as f64 / all as f64;
        let at = x;
        x += width;
        view! { <rect data-kind=kind x=format::decimal(at) width=format::decimal(width.max(2.0)) height="8"></rect> }
            .into_any()
    });
    view! { <svg class="changes__bar" viewBox="0 0 120 8" aria-hidden="true">{parts.collect_view()}</svg> }
        .into_any()
}

fn folded(equal: &[&TablePreview]) -> AnyView {
    let said = match equal.len() {
        1 => "1 table is equal".to_owned(),
        many => format!("{} tables are equal", format::count(many as u64)),
    };
    let names: Vec<_> = equal.iter().map(|table| table.name.as_str()).collect();
    view! {
        <details class="more more--table">
            <summary><Glyph icon=Icon::Chevron/>{said}</summary>
            <p class="panel__body soft breaks">{names.join(", ")}</p>
        </details>
    }
    .into_any()
}
