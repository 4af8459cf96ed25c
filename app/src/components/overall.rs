//! The whole sync in five figures and one bar.

use leptos::prelude::*;
use tandem::model::SyncStatus;

use crate::{format, text};

#[component]
pub fn Overall(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    let bytes = move || {
        let status = status.read();
        match status.bytes_total {
            Some(total) => {
                let (done, whole) = format::part_of(status.bytes_done, total);
                (done, format!("of {whole}"))
            }
            None => {
                let done = format::bytes(status.bytes_done);
                (done.number, done.unit.to_owned())
            }
        }
    };
    let rows = move || {
        let status = status.read();
        let whole = text::rows_total(&status).map(|total| format!("of {}", format::count(total)));
        (format::count(status.rows_done), whole.unwrap_or_default())
    };
    let speed = move || {
        let rate = format::rate(status.read().bytes_per_second);
        (rate.number, rate.unit.to_owned())
    };
    let elapsed = move || (format::clock(status.read().elapsed_ms / 1000), String::new());
    let remaining = move || {
        let left = status.read().eta_seconds.map(format::clock);
        (left.unwrap_or_else(|| "unknown".to_owned()), String::new())
    };
    view! {
        <div class="overall">
            <progress class="bar bar--big" max="100" value=move || format!("{:.1}", status.read().percent) aria-label="Whole sync"></progress>
            <dl class="overall__numbers">
                <Figure name="Bytes" value=Signal::derive(bytes)/>
                <Figure name="Rows staged" value=Signal::derive(rows)/>
                <Figure name="Speed" value=Signal::derive(speed)/>
                <Figure name="Elapsed" value=Signal::derive(elapsed)/>
                <Figure name="Remaining" value=Signal::derive(remaining)/>
            </dl>
        </div>
    }
    .into_any()
}

/// A number and what is smaller beside it.
#[component]
fn Figure(name: &'static str, value: Signal<(String, String)>) -> impl IntoView {
    view! {
        <div class="figure">
            <dt>{name}</dt>
            <dd>{move || value.get().0} " " <small>{move || value.get().1}</small></dd>
        </div>
    }
}
