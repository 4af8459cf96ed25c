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
        boxes
            .map(|boxes| (0..boxes.length()).filter_map(|index| value(boxes.item(index)?)).collect())
            .unwrap_or_default()
    }
    #[cfg(not(feature = "hydrate"))]
    Vec::new()
}

/// An element of that id is on the page.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "only a browser can"))]
pub fn shows(id: &str) -> bool {
    #[cfg(feature = "hydrate")]
    return document().get_element_by_id(id).is_some();
    #[cfg(not(feature = "hydrate"))]
    false
}

/// Puts what the server has drawn on another page into an element of this one.
#[cfg(feature = "hydrate")]
pub fn fill(place: &web_sys::Element, path: &str) {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;

    let Ok(request) = web_sys::XmlHttpRequest::new() else { return };
    let (place, answer) = (place.clone(), request.clone());
    // Without the part, because somebody has signed out, the link stays that was there before.
    let done = Closure::once_into_js(move || {
        let page = answer.response_xml().ok().flatten();
        if let Some(part) = page.and_then(|page| page.query_selector("[data-drawn]").ok().flatten()) {
            place.replace_children_with_node_1(&part);
        }
    });
    request.set_response_type(web_sys::XmlHttpRequestResponseType::Document);
    request.set_onload(Some(done.unchecked_ref()));
    if let Err(error) = request.open("GET", path).and_then(|()| request.send()) {
        leptos::logging::warn!("cannot read {path}: {error:?}");
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
