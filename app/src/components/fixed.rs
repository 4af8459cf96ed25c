//! What a session has come to, drawn once by the server: the browser leaves it as it is, and loads no code for it.

use leptos::prelude::*;
use tandem::model::{LogLine, SyncStatus};

/// One element, because it is one for the browser.
#[cfg(feature = "ssr")]
pub fn drawn(status: &SyncStatus, log: Vec<LogLine>) -> AnyView {
    use super::{preview, report};

    let body = match status.phase {
        tandem::model::Phase::Previewed => preview::found(status),
        _ => report::whole(status.clone(), log),
    };
    view! { <div class="stack" data-drawn>{body}</div> }.into_any()
}

/// The element that the server has drawn at this place. Where the page was put together by the browser there is none,
/// and it is taken from the session's own page.
#[cfg(not(feature = "ssr"))]
pub fn drawn(status: &SyncStatus, _: Vec<LogLine>) -> AnyView {
    use leptos::html::Div;
    use leptos::tachys::html::InertElement;

    if !crate::live::use_live().is_mounted.get_untracked() {
        return InertElement::new("").into_any();
    }
    let place = NodeRef::<Div>::new();
    let page = format!("/history/{}", status.session_id);
    let path = page.clone();
    Effect::new(move || {
        if let Some(place) = place.get() {
            crate::browser::fill(&place, &path);
        }
    });
    view! { <div class="stack" node_ref=place><a class="text" href=page rel="external">"Open the report"</a></div> }.into_any()
}
