//! From a preview to the sync: all of it, or only the rows that were chosen.

use leptos::prelude::*;
use leptos_router::components::A;
use tandem::model::{Preview, SyncOptions, SyncRequest, SyncStatus};

use super::error_hint::ErrorHint;
use crate::api::launch::{Launch, launcher, refused};
use crate::live::use_live;
use crate::{browser, format, text};

/// The name of the boxes that choose a row; their value is a `ChosenRow` as JSON.
pub const ROW: &str = "row";

/// The heading over what would refuse a sync.
pub const BLOCKED: &str = "blocked";

#[component]
pub fn Act(status: SyncStatus, chosen: RwSignal<usize>) -> impl IntoView {
    let live = use_live();
    let start = launcher();
    let failed = refused(start);
    Effect::new(move || {
        // A browser may have kept the ticks of before a reload.
        chosen.set(browser::ticked(ROW).len());
    });
    Effect::new(move || {
        if let Some(Ok(_)) = start.value().get() {
            browser::go("/");
        }
    });
    // The browser does not read the preview, only what the server has drawn of it.
    let is_blocked = status.preview.as_ref().is_some_and(Preview::is_blocked) || browser::shows(BLOCKED);
    let again = format!("/?as={}", status.session_id);
    let (source, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let say = match is_blocked {
        true => format!("{target} would refuse this sync: see what stands in the way, above."),
        false => {
            format!("{target} will be changed by {source}. Rows that change until then are compared again.")
        }
    };
    let request = SyncRequest {
        action: status.direction,
        peer: status.peer.clone(),
        method: status.method,
        options: status.options.clone(),
    };
    let request = StoredValue::new(request);
    let is_off = move || live.is_deaf() || is_blocked || start.pending().get();
    let go = move |rows: Vec<String>| {
        let rows = rows.iter().filter_map(|row| serde_json::from_slice(row.as_bytes()).ok()).collect();
        let request = request.get_value();
        let options = SyncOptions { rows, ..request.options };
        start.dispatch(Launch::Sync(SyncRequest { options, ..request }));
    };
    view! {
        <section class="panel act act--stays" aria-label="Start">
            <div class="act__say">
                <p id="act-say">{say}</p>
                <ErrorHint error=failed/>
            </div>
            <div class="buttons">
                <A href=again attr:class="button">"Change options"</A>
                <button
                    type="button"
                    class="button"
                    hidden=move || chosen.get() == 0
                    disabled=is_off
                    on:click=move |_| go(browser::ticked(ROW))
                >
                    {move || format!("Sync only the {}", format::counted(chosen.get() as u64, "chosen row", "chosen rows"))}
                </button>
                <button type="button" class="button button--primary" disabled=is_off aria-describedby="act-say" on:click=move |_| go(Vec::new())>
                    "Start this sync"
                </button>
            </div>
        </section>
    }
    .into_any()
}
