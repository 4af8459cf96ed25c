//! A path that leads nowhere.

use leptos::prelude::*;

#[component]
pub fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <main class="main" id="main">
            <div class="page">
                <header class="page-head"><h1>"There is no such page"</h1></header>
                <p><a class="button" href="/">"To Full Sync"</a></p>
            </div>
        </main>
    }
    .into_any()
}
