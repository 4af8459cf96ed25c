//! Compares both databases on demand and says what differs; nothing is written.

use leptos::prelude::*;
use tandem::model::Comparison;

use super::error_hint::ErrorHint;
use super::icon::{Glyph, Icon};
use crate::api::admin::Compare;
use crate::draft::Draft;
use crate::format;
use crate::live::use_live;

#[component]
pub fn CompareNow(draft: Draft) -> impl IntoView {
    let live = use_live();
    let compare = ServerAction::<Compare>::new();
    let pending = compare.pending();
    let failed = Signal::derive(move || compare.value().get().and_then(Result::err));
    Effect::new(move || {
        if let Some(Ok(comparison)) = compare.value().get() {
            live.take_comparison(comparison);
        }
    });
    let said = move || {
        if pending.get() {
            return "Comparing every table…".to_owned();
        }
        let comparison = draft.peer_name().and_then(|peer| live.comparison(&peer));
        comparison.map_or_else(|| "Never compared".to_owned(), |comparison| verdict(&comparison))
    };
    view! {
        <div class="link__compare">
            <span class="link__verdict" aria-live="polite">{said}</span>
            <button
                type="button"
                class="button button--small"
                disabled=move || live.is_deaf() || pending.get() || draft.peer_name().is_none()
                on:click=move |_| {
                    if let Some(peer) = draft.peer_name() {
                        compare.dispatch(Compare { peer });
                    }
                }
            >
                <Glyph icon=Icon::Compare small=true/>
                "Compare now"
            </button>
        </div>
        <ErrorHint error=failed/>
    }
    .into_any()
}

fn verdict(comparison: &Comparison) -> String {
    match comparison.differing.as_slice() {
        [] => format!("Identical, {}", format::counted(comparison.local.tables, "table", "tables")),
        [one] => format!("{} differs", format::table(one)),
        many => format!("{} tables differ", many.len()),
    }
}
