//! The browser's entry: makes the pages that the server rendered live.

#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    // A task of its own: together with the module's start it would keep the browser busy for too long at once.
    leptos::prelude::set_timeout(|| leptos::mount::hydrate_body(app::App), std::time::Duration::ZERO);
}
