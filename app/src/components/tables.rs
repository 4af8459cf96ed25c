//! Progress per table, in the tables' own order; of many only those that move or failed, the rest on demand.

use leptos::html::Details;
use leptos::prelude::*;
use tandem::model::{SyncStatus, TableState, TableStatus};

use crate::format;

/// More than this do not fit beside the graph.
const MANY: usize = 32;

#[component]
pub fn Tables(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    let is_many = Memo::new(move |_| status.read().tables.len() > MANY);
    let shown = move || {
        let is_many = is_many.get();
        let status = status.read();
        let tables = status.tables.iter().filter(|table| !is_many || is_active(table.state));
        tables.cloned().map(|table| view! { <Line table/> }).collect_view()
    };
    // Drawn while somebody looks: thousands of lines, some times a second, are work for a browser.
    let details = NodeRef::<Details>::new();
    let is_open = RwSignal::new(false);
    let look = move || is_open.set(details.get().is_some_and(|details| details.open()));
    Effect::new(look);
    let all = move || {
        let lines = |status: &SyncStatus| {
            status.tables.iter().cloned().map(|table| view! { <Line table/> }).collect_view()
        };
        is_open.get().then(|| lines(&status.read()))
    };
    view! {
        <section class="panel" aria-labelledby="tables">
            <div class="panel__head"><h2 id="tables">"Tables"</h2><span class="note">{move || summary(&status.read().tables)}</span></div>
            <ul class="tables">{shown}</ul>
            <Show when=move || is_many.get()>
                <details class="tables__all" node_ref=details on:toggle=move |_| look()>
                    <summary class="text-button">{move || format!("All {} tables", status.read().tables.len())}</summary>
                    <ul class="tables">{all}</ul>
                </details>
            </Show>
        </section>
    }
    .into_any()
}

#[component]
fn Line(table: TableStatus) -> impl IntoView {
    let (max, value) = match (table.state, table.rows_total) {
        (TableState::Waiting, _) => (1, 0),
        (TableState::Staged | TableState::Merging | TableState::Merged, _) => (1, 1),
        (_, Some(total)) if total > 0 => (total, table.rows_done.min(total)),
        _ => (1, 0),
    };
    let is_done = matches!(table.state, TableState::Staged | TableState::Merging | TableState::Merged);
    let (number, rest) = figure(&table);
    view! {
        <li data-state=if is_active(table.state) { "running" } else if is_done { "done" } else { "waiting" }>
            <span class="n" class:n--active=is_active(table.state) title=table.name.clone()>{table.name.clone()}</span>
            <progress
                class="bar"
                class:bar--done=is_done
                class:bar--bad=table.state == TableState::Failed
                max=max
                value=value
                aria-label=table.name.clone()
            ></progress>
            <span class="r"><b>{number}</b>" "{rest}</span>
        </li>
    }
    .into_any()
}

fn is_active(state: TableState) -> bool {
    matches!(state, TableState::Staging | TableState::Merging | TableState::Failed)
}

/// The number, and what stands quietly beside it.
fn figure(table: &TableStatus) -> (String, String) {
    let rows = format::count(table.rows_total.unwrap_or(table.rows_done));
    match table.state {
        TableState::Waiting => {
            (String::new(), table.rows_total.map_or("waits".to_owned(), |_| format!("{rows} wait")))
        }
        TableState::Staging => {
            let total = table.rows_total.map(|total| format!("of {}", format::count(total)));
            (format::count(table.rows_done), total.unwrap_or_else(|| "rows".to_owned()))
        }
        TableState::Staged => (rows, "staged".to_owned()),
        TableState::Merging => (rows, "merging".to_owned()),
        TableState::Merged => {
            (format::count(table.inserted + table.updated + table.deleted), "changed".to_owned())
        }
        TableState::Failed => (format::count(table.rows_done), "failed".to_owned()),
    }
}

fn summary(tables: &[TableStatus]) -> String {
    let at_least =
        |states: &[TableState]| tables.iter().filter(|table| states.contains(&table.state)).count();
    let merged = at_least(&[TableState::Merged]);
    let staged = at_least(&[TableState::Staged, TableState::Merging, TableState::Merged]);
    match (tables.len(), merged) {
        (0, _) => "not known yet".to_owned(),
        (all, 0) => format!("{staged} of {all} staged"),
        (all, merged) => format!("{merged} of {all} merged"),
    }
}
