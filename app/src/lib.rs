//! The panel: pages and components, and the server functions behind them.

pub mod api;
pub mod error;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};

#[cfg(feature = "ssr")]
pub use api::Who;

/// The document around every page; rendered by the server only.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
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
    view! { <p>"Tandem"</p> }
}
