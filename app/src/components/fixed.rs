//! Parts of pages that the server draws: the browser leaves them as they came, or takes them from the page that they are
//! on, and loads no code for them.

use leptos::prelude::*;
use tandem::model::{LogLine, SyncStatus};

/// What a session has come to.
pub fn ended(status: SyncStatus, log: Vec<LogLine>) -> AnyView {
    use super::{preview, report};

    let page = format!("/history/{}", status.session_id);
    part(
        move || page.clone(),
        move || match status.phase {
            tandem::model::Phase::Previewed => preview::found(&status),
            _ => report::whole(status, log),
        },
    )
}

/// One element, because it is one for the browser. `page` is the address that it is on, and is followed when it changes.
#[cfg(feature = "ssr")]
pub fn part(_: impl Fn() -> String, draw: impl FnOnce() -> AnyView) -> AnyView {
    view! { <div class="stack" data-drawn>{draw()}</div> }.into_any()
}

/// The same where the server has to read something before it can draw.
pub fn read<Drawn>(
    page: impl Fn() -> String + Clone + Send + Sync + 'static,
    draw: impl Fn() -> Drawn + Send + Sync + 'static,
) -> AnyView
where
    Drawn: Future<Output = AnyView> + Send + 'static,
{
    // Not called by the browser, so that it has no code of it.
    #[cfg(not(feature = "ssr"))]
    drop(draw);
    let suspended = move || {
        let page = page.clone();
        #[cfg(feature = "ssr")]
        let drawn = draw();
        #[cfg(not(feature = "ssr"))]
        let drawn = async { ().into_any() };
        Suspend::new(async move {
            let drawn = drawn.await;
            part(page, move || drawn)
        })
    };
    view! { <Suspense>{suspended}</Suspense> }.into_any()
}

/// The element that the server has drawn at this place. Where the page was put together by the browser there is none,
/// and it is taken from the page that has it.
#[cfg(not(feature = "ssr"))]
pub fn part(page: impl Fn() -> String + Send + Sync + 'static, _: impl FnOnce() -> AnyView) -> AnyView {
    use crate::browser;
    use crate::live::use_live;
    use leptos::tachys::html::InertElement;

    let live = use_live();
    let came_with_page = !live.is_mounted.get_untracked();
    // What follows its changes is the effect alone: the place itself stays.
    let first = untrack(&page);
    let place = NodeRef::<leptos::html::Div>::new();
    Effect::new(move |drawn: Option<bool>| {
        let page = page();
        let is_drawn = drawn.unwrap_or(came_with_page);
        if !live.is_mounted.get() {
            return is_drawn;
        }
        if is_drawn {
            browser::localise(live);
        } else {
            let made = place.get().map(Into::into);
            if came_with_page || made.is_some() {
                browser::fill(made, &page, move || browser::localise(live));
            }
        }
        false
    });
    if came_with_page {
        return InertElement::new("").into_any();
    }
    view! { <div class="stack" node_ref=place data-drawn><a class="text" href=first rel="external">"Open the page"</a></div> }
        .into_any()
}
