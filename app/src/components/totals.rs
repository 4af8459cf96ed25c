//! The numbers that a committed sync ends with.

use leptos::prelude::*;
use tandem::model::{SyncResult, SyncStatus};

use crate::format;

#[component]
pub fn Totals(result: SyncResult, status: SyncStatus) -> impl IntoView {
    let speed = match status.bytes_per_second {
        0 => String::new(),
        speed => format!(" at {}", format::rate(speed)),
    };
    view! {
        <section class="panel" aria-label="What changed">
            <dl class="totals">
                <Total kind="insert" sign="+" name="Inserted" number=result.inserted/>
                <Total kind="update" sign="~" name="Updated" number=result.updated/>
                <Total kind="delete" sign="−" name="Deleted" number=result.deleted/>
                <Total kind="same" sign="=" name="Unchanged" number=result.unchanged/>
                <div class="total">
                    <dt>"Duration"</dt>
                    <dd>
                        {format::duration(status.elapsed_ms)}
                        {(result.archive_bytes > 0).then(|| view! { <small>{format!("{}{speed}", format::bytes(result.archive_bytes))}</small> })}
                    </dd>
                </div>
            </dl>
        </section>
    }
    .into_any()
}

#[component]
pub fn Total(kind: &'static str, sign: &'static str, name: &'static str, number: u64) -> impl IntoView {
    view! {
        <div class="total">
            <dt><span class="sign" data-kind=kind aria-hidden="true">{sign}</span>{name}</dt>
            <dd>{format::count(number)}</dd>
        </div>
    }
    .into_any()
}
