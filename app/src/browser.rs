//! The few things that only a browser can do; each does nothing on the server.

use leptos::html::Dialog;
use leptos::prelude::*;

/// Signed out meanwhile: the login page leads back to this one.
pub fn go_to_login() {
    #[cfg(feature = "hydrate")]
    {
        let location = window().location();
        let next = location.pathname().unwrap_or_default();
        if let Err(error) = location.set_href(&format!("/login?next={next}")) {
            leptos::logging::warn!("cannot open the login page: {error:?}");
        }
    }
}

/// Opens a modal dialog; the browser moves the focus in and back.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser can"))]
pub fn show_modal(dialog: NodeRef<Dialog>) {
    #[cfg(feature = "hydrate")]
    if let Some(dialog) = dialog.get_untracked()
        && !dialog.open()
        && let Err(error) = dialog.show_modal()
    {
        leptos::logging::warn!("cannot open the dialog: {error:?}");
    }
}

#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser can"))]
pub fn close(dialog: NodeRef<Dialog>) {
    #[cfg(feature = "hydrate")]
    if let Some(dialog) = dialog.get_untracked() {
        dialog.close();
    }
}

/// Moves the focus to an element by its id, for who does not see the page change.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser can"))]
pub fn focus(id: &str) {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let element = document().get_element_by_id(id);
        if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok())
            && let Err(error) = element.focus()
        {
            leptos::logging::warn!("cannot move the focus: {error:?}");
        }
    }
}
