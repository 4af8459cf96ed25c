//! The frame around all pages but the login: reads the overview once, keeps it fresh, and shows the page inside.

use crate::json::resource;
use leptos::prelude::*;
use leptos_router::components::Outlet;
use tandem::model::{CheckState, Overview};

use crate::api::admin;
use crate::components::error_hint::ErrorHint;
use crate::components::icon::{Glyph, Icon};
use crate::components::rail::Rail;
use crate::error::ApiError;
use crate::format;
use crate::live::{Connection, Live};
use crate::theme::Theme;

#[component]
pub fn Frame() -> impl IntoView {
    let overview = resource(|| (), |()| admin::overview());
    let theme = RwSignal::new(
        SharedValue::new(|| {
            #[cfg(feature = "ssr")]
            return Theme::of_request();
            #[cfg(not(feature = "ssr"))]
            Theme::default()
        })
        .into_inner(),
    );
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <Suspense>
            {move || Suspend::new(async move {
                match overview.await {
                    Ok(overview) => view! { <Panel overview theme/> }.into_any(),
                    Err(error) => view! { <Unavailable error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Panel(overview: Overview, theme: RwSignal<Theme>) -> impl IntoView {
    let live = Live::new(overview);
    provide_context(live);
    live.follow();
    let is_stale = move || matches!(live.connection.get(), Connection::Offline { .. });
    view! {
        <div class="shell" data-stale=move || is_stale().then_some("")>
            <Rail theme/>
            <main class="main" id="main" tabindex="-1">
                <div class="page">
                    {move || is_stale().then(|| view! {
                        <p class="hint hint--warn" role="alert">
                            <Glyph icon=Icon::Alert/>
                            <span><b>"This server does not answer."</b>" The page shows what was last known and tries again by itself."</span>
                        </p>
                    })}
                    <Problems/>
                    <Outlet/>
                </div>
            </main>
        </div>
    }
    .into_any()
}

/// What is not right on this node, with what to do about it.
#[component]
fn Problems() -> impl IntoView {
    let live = crate::live::use_live();
    move || {
        let overview = live.overview.read();
        overview
            .problems
            .iter()
            .filter(|problem| problem.state != CheckState::Passed)
            .map(|problem| {
                let class = if problem.state == CheckState::Failed { "hint hint--bad" } else { "hint hint--warn" };
                view! {
                    <p class=class>
                        <Glyph icon=Icon::Alert/>
                        <span><b>{problem.name.clone()}": "</b>{format::sentence(&problem.text)}" "{format::sentence(&problem.fix)}</span>
                    </p>
                }
            })
            .collect_view()
    }
}

/// Not even the overview could be read.
#[component]
fn Unavailable(error: ApiError) -> impl IntoView {
    view! {
        <main class="main" id="main">
            <div class="page">
                <header class="page-head"><h1>"Tandem cannot show its state"</h1></header>
                <ErrorHint error=Signal::stored(Some(error))/>
                <p><a class="button" href="">"Try again"</a></p>
            </div>
        </main>
    }
}
