//! The few things that only a browser can do; each does nothing on the server.

use leptos::html::Dialog;
use leptos::prelude::*;

/// Signed out meanwhile: the login page leads back to this one.
pub fn go_to_login() {
    #[cfg(feature = "hydrate")]
    go(&format!("/login?next={}", window().location().pathname().unwrap_or_default()));
}

/// Opens a page of this server, as a link does that the browser follows by itself.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser can"))]
pub fn go(path: &str) {
    #[cfg(feature = "hydrate")]
    if let Err(error) = window().location().set_href(path) {
        leptos::logging::warn!("cannot open {path}: {error:?}");
    }
}

/// Asks the server for this page anew.
pub fn reload() {
    #[cfg(feature = "hydrate")]
    if let Err(error) = window().location().reload() {
        leptos::logging::warn!("cannot load this page anew: {error:?}");
    }
}

/// The values of the boxes of a name that are ticked.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser can"))]
pub fn ticked(name: &str) -> Vec<String> {
    #[cfg(feature = "hydrate")]
    {
        let boxes = document().query_selector_all(&format!("input[name={name}]:checked"));
        let value = |node: web_sys::Node| {
            use wasm_bindgen::JsCast;
            node.dyn_into::<web_sys::Element>().ok()?.get_attribute("value")
        };
        return boxes
            .map(|boxes| (0..boxes.length()).filter_map(|index| value(boxes.item(index)?)).collect())
            .unwrap_or_default();
    }
    #[cfg(not(feature = "hydrate"))]
    Vec::new()
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
