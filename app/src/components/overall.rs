//! The whole sync in five figures and one bar.

use leptos::prelude::*;
use tandem::model::SyncStatus;

use crate::format;

#[component]
pub fn Overall(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    (move || {
        let status = status.read();
        let percent = format::decimal(status.percent);
        view! {
            <div class="overall">
                <progress class="bar bar--big" max="100" value=percent aria-label="Whole sync"></progress>
                <dl class="overall__numbers">{figures(&status).map(figure).collect_view()}</dl>
            </div>
        }
    })
    .into_any()
}

/// Name, number, and what stands smaller beside it.
type Figure = (&'static str, String, String);

fn figures(status: &SyncStatus) -> [Figure; 5] {
    let bytes = match status.bytes_total {
        Some(total) => {
            let (done, whole) = format::part_of(status.bytes_done, total);
            (done, format!("of {whole}"))
        }
        None => {
            let done = format::bytes(status.bytes_done);
            (done.number, done.unit.to_owned())
        }
    };
    let all_rows = status.rows_total.map(|total| format!("of {}", format::count(total)));
    let rate = format::rate(status.bytes_per_second);
    let kind = if status.is_transferring() || status.bytes_per_second == 0 { "" } else { " on average" };
    let left = status.eta_seconds.map_or_else(|| "unknown".to_owned(), format::clock);
    [
        ("Bytes", bytes.0, bytes.1),
        ("Rows staged", format::count(status.rows_done), all_rows.unwrap_or_default()),
        ("Speed", rate.number, format!("{}{kind}", rate.unit)),
        ("Elapsed", format::clock(status.elapsed_ms / 1000), String::new()),
        ("Remaining", left, String::new()),
    ]
}

fn figure((name, number, beside): Figure) -> impl IntoView {
    view! {
        <div class="figure">
            <dt>{name}</dt>
            <dd>{number}" "<small>{beside}</small></dd>
        </div>
    }
}
