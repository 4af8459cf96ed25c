//! Asks before it stops a sync; the safe button has the focus.

use leptos::html::Dialog;
use leptos::prelude::*;
use tandem::model::{Phase, SyncStatus};

use super::error_hint::ErrorHint;
use super::icon::{Glyph, Icon};
use crate::api::admin::Cancel;
use crate::live::use_live;
use crate::{browser, format, text};

#[component]
pub fn CancelSync(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let cancel = ServerAction::<Cancel>::new();
    let failed = Signal::derive(move || cancel.value().get().and_then(Result::err));
    let live = use_live();
    let is_stopping = move || status.read().phase == Phase::Cancelling || cancel.pending().get();
    Effect::new(move || {
        if let Some(Ok(_)) = cancel.value().get() {
            browser::close(dialog);
            browser::focus("status");
        }
    });
    view! {
        <button type="button" class="button button--danger" disabled=move || live.is_deaf() || is_stopping() on:click=move |_| browser::show_modal(dialog)>
            <Glyph icon=Icon::Cross/>
            {move || if is_stopping() { "Stopping…" } else { "Cancel sync…" }}
        </button>
        <dialog class="dialog" node_ref=dialog aria-labelledby="cancel-title">
            <div class="dialog__body">
                <h2 id="cancel-title">"Cancel this sync?"</h2>
                <p class="soft">{move || consequence(&status.read())}</p>
                <ErrorHint error=failed/>
            </div>
            <div class="dialog__foot">
                <button type="button" class="button" autofocus on:click=move |_| browser::close(dialog)>"Keep running"</button>
                <button
                    type="button"
                    class="button button--danger"
                    disabled=is_stopping
                    on:click=move |_| {
                        cancel.dispatch(Cancel { session_id: status.read_untracked().session_id.clone() });
                    }
                >
                    "Cancel sync"
                </button>
            </div>
        </dialog>
    }
    .into_any()
}

fn consequence(status: &SyncStatus) -> String {
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    format!(
        "Backup, transfer and all SQL stop on both servers within 5 seconds. {target} has not been changed and stays \
         as it is. The {} that travelled already are thrown away.",
        format::bytes(status.bytes_done)
    )
}
