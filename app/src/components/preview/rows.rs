//! The first rows of a table that would be changed, their columns side by side, each with a box to choose it.

use leptos::prelude::*;
use tandem::model::{Change, ChosenRow, RowPreview, TablePreview, ValuePreview};

use super::super::act::ROW;
use crate::format;

/// The engine cuts values there.
const CUT: usize = 200;

pub(super) fn of(table: &TablePreview, (source, target): (&str, &str)) -> AnyView {
    let newer = table.newer_by.as_ref().filter(|_| table.newer > 0).map(|by| {
        let rows = match table.newer {
            1 => format!("1 row of {target} is newer than what would replace it"),
            many => {
                format!("{} rows of {target} are newer than what would replace them", format::count(many))
            }
        };
        view! { <p class="panel__body soft"><b>{rows}</b>{format!(", says the column {by}.")}</p> }
    });
    if table.rows.is_empty() {
        let why = if table.key.is_empty() {
            "This table has no key, so its rows have no name by which they could be shown or chosen."
        } else {
            "Its rows are not shown: there are enough of other tables."
        };
        return view! { {newer}<p class="panel__body soft">{why}</p> }.into_any();
    }
    let caption = format!("The first rows of {} that would be changed", table.name);
    view! {
        {newer}
        <table class="table diff">
            <caption class="vh">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col" class="key-col">"Column"</th>
                    <th scope="col">{target.to_owned()}", now"</th>
                    <th scope="col">"After, from "{source.to_owned()}</th>
                </tr>
            </thead>
            {table.rows.iter().map(|row| whole(table, row)).collect_view()}
        </table>
        {shown(table).map(|shown| view! { <p class="panel__foot note">{shown}</p> })}
    }
    .into_any()
}

fn whole(table: &TablePreview, row: &RowPreview) -> AnyView {
    let (kind, sign, word) = said(row.change);
    let name: Vec<_> =
        table.key.iter().zip(&row.key).map(|(column, value)| format!("{column} {value}")).collect();
    let name = name.join(", ");
    let what = match row.change {
        Change::Update => {
            format!("{word}, {}", format::counted(row.values.len() as u64, "column", "columns"))
        }
        _ => word.to_owned(),
    };
    let newer = row.newer.then(|| view! { " " <span class="badge badge--warn">"newer"</span> });
    let values = match row.change {
        Change::Update => row.values.iter().map(update).collect_view().into_any(),
        _ => view! { <tr><td colspan="3"><dl class="values">{row.values.iter().map(value).collect_view()}</dl></td></tr> }
            .into_any(),
    };
    view! {
        <tbody>
            <tr class="diff__row">
                <th scope="rowgroup" colspan="3">
                    <label class="pick">
                        {is_chosen_by_key(table, row.change).then(|| tick(table, row))}
                        <span class="sign" data-kind=kind aria-hidden="true">{sign}</span>
                        <span>{name}{newer}" "<span class="muted">{what}</span></span>
                    </label>
                </th>
            </tr>
            {values}
        </tbody>
    }
    .into_any()
}

fn is_chosen_by_key(table: &TablePreview, change: Change) -> bool {
    !table.key.is_empty() && matches!(change, Change::Insert | Change::Update | Change::Delete)
}

fn tick(table: &TablePreview, row: &RowPreview) -> AnyView {
    let row = ChosenRow { table: table.name.clone(), key: row.key.clone() };
    let value = serde_json::to_string(&row).expect("text is always JSON");
    view! { <input class="check" type="checkbox" name=ROW value=value autocomplete="off"/> }.into_any()
}

fn said(change: Change) -> (&'static str, &'static str, &'static str) {
    match change {
        Change::Insert => ("insert", "+", "inserted"),
        Change::Update => ("update", "~", "updated"),
        Change::Delete => ("delete", "−", "deleted"),
        Change::Keep => ("same", "⊇", "only here, stays"),
        Change::Conflict => ("conflict", "!", "cannot come in: another row holds its unique value"),
    }
}

fn update(value: &ValuePreview) -> AnyView {
    view! {
        <tr>
            <th scope="row" class="diff__col">{value.column.clone()}</th>
            <td class="old">{cell(value.before.as_deref(), true)}</td>
            <td class="new">{cell(value.after.as_deref(), false)}</td>
        </tr>
    }
    .into_any()
}

/// Of a row that comes or goes whole.
fn value(value: &ValuePreview) -> AnyView {
    let text = value.after.as_deref().or(value.before.as_deref());
    view! { <div><dt>{value.column.clone()}</dt><dd>{cell(text, false)}</dd></div> }.into_any()
}

fn cell(text: Option<&str>, is_old: bool) -> AnyView {
    let Some(text) = text else { return view! { <span class="muted">"null"</span> }.into_any() };
    let more = (text.chars().count() >= CUT).then_some("…");
    match (text, is_old) {
        ("", _) => view! { <span class="muted">"empty text"</span> }.into_any(),
        (text, true) => view! { <del>{text.to_owned()}{more}</del> }.into_any(),
        (text, false) => view! { {text.to_owned()}{more} }.into_any(),
    }
}

/// How many there are of those that are not all shown.
fn shown(table: &TablePreview) -> Option<String> {
    let of = |change, all: u64, word: &str| {
        let shown = table.rows.iter().filter(|row| row.change == change).count() as u64;
        (shown < all).then(|| format!("{shown} of {} {word}", format::count(all)))
    };
    let parts = [
        of(Change::Insert, table.inserted, "inserted"),
        of(Change::Update, table.updated, "updated"),
        of(Change::Delete, table.deleted, "deleted"),
        of(Change::Conflict, table.conflicts, "in conflict"),
        of(Change::Keep, table.target_only, "kept"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("Shown: {}.", parts.join(", ")))
}
