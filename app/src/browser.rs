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

/// What the server draws of a page; one element at most.
#[cfg(feature = "hydrate")]
const DRAWN: &str = "[data-drawn]";

/// Puts what the server draws on the page at `path` in its `place` on this one, then goes on with `then`. A place that the
/// browser has made need not be on the page yet; one that came with the page is looked for.
#[cfg(feature = "hydrate")]
pub fn fill(place: Option<web_sys::Element>, path: &str, then: impl Fn() + 'static) {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;

    let Some(place) = place.or_else(|| document().query_selector(DRAWN).ok().flatten()) else { return };
    let Ok(request) = web_sys::XmlHttpRequest::new() else { return };
    let (answer, wanted) = (request.clone(), path.to_owned());
    // Meanwhile another page may be wanted at the same place.
    let wants =
        |place: &web_sys::Element, path: &str| place.get_attribute("data-from").as_deref() == Some(path);
    if let Err(error) = place.set_attribute("data-from", path) {
        leptos::logging::warn!("cannot mark the part that is waited for: {error:?}");
    }
    // Without the part, because somebody has signed out, what was there before stays.
    let done = Closure::once_into_js(move || {
        let page = answer.response_xml().ok().flatten();
        let part = page.and_then(|page| page.query_selector(DRAWN).ok().flatten());
        if let Some(part) = part.filter(|_| wants(&place, &wanted)) {
            place.replace_children_with_node_1(&part);
            then();
        }
    });
    request.set_response_type(web_sys::XmlHttpRequestResponseType::Document);
    request.set_onload(Some(done.unchecked_ref()));
    if let Err(error) = request.open("GET", path).and_then(|()| request.send()) {
        leptos::logging::warn!("cannot read {path}: {error:?}");
    }
}

/// Says the times that the server has drawn in the reader's own zone.
#[cfg(feature = "hydrate")]
pub fn localise(live: crate::live::Live) {
    use crate::calendar::{self, Precision};
    use wasm_bindgen::JsCast;

    let Ok(times) = document().query_selector_all("[data-drawn] time") else { return };
    for time in (0..times.length()).filter_map(|index| times.item(index)) {
        let Ok(time) = time.dyn_into::<web_sys::Element>() else { continue };
        let Some(at) = time.get_attribute("datetime") else { continue };
        let us = js_sys::Date::new(&at.into()).get_time() as i64 * 1000;
        let precision = if time.has_attribute("data-second") { Precision::Second } else { Precision::Minute };
        let zone = crate::live::offset_minutes(us);
        time.set_text_content(Some(&calendar::moment(us, live.now_us.get_untracked(), zone, precision)));
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
