//! The panel: pages and components, and the server functions behind them.

// Views are types, and these grow deep.
#![recursion_limit = "256"]

#[cfg(not(any(erase_components, doc, doctest)))]
compile_error!(
    "`--cfg erase_components` is missing: RUSTFLAGS in the environment replaces what .cargo/config.toml sets. \
     Add it there, or unset RUSTFLAGS."
);

pub mod api;
pub mod error;

pub mod browser;
pub mod calendar;
pub mod components;
pub mod draft;
pub mod format;
pub mod json;
pub mod live;
pub mod pages;
pub mod text;
pub mod theme;

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

#[cfg(feature = "ssr")]
pub use api::Who;
use pages::frame::Frame;
use pages::full_sync::FullSync;
use pages::history::History;
use pages::login::Login;
use pages::not_found::NotFound;
use pages::session::Session;

/// The document around every page; rendered by the server only.
#[cfg(feature = "ssr")]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    use leptos_meta::MetaTags;

    let theme = theme::Theme::of_request();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.attribute()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href="/pkg/tandem.css"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    // Whole pages, not streamed ones: without script the panel shows the state too.
    view! {
        <Router>
            <Routes fallback=NotFound>
                <Route path=path!("/login") view=Login ssr=SsrMode::Async/>
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("/") view=FullSync ssr=SsrMode::Async/>
                    <Route path=path!("/history") view=History ssr=SsrMode::Async/>
                    <Route path=path!("/history/:id") view=Session ssr=SsrMode::Async/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}
