//! What the server draws once and the browser leaves as it is: the code for it is not loaded by the browser.

#[cfg(not(feature = "ssr"))]
use leptos::prelude::*;
#[cfg(not(feature = "ssr"))]
use leptos::tachys::html::InertElement;

/// Stands in the browser for the one element that the server has drawn at this place. A page that was put together by
/// the browser has no such element, and is asked of the server anew.
#[cfg(not(feature = "ssr"))]
pub fn kept() -> AnyView {
    if crate::live::use_live().is_mounted.get_untracked() {
        crate::browser::reload();
    }
    InertElement::new("<div></div>").into_any()
}
