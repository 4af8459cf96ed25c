//! An error of a call, where it was made: what could not be done, and what to do about it.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::error::ApiError;
use crate::format;

#[component]
pub fn ErrorHint(#[prop(into)] error: Signal<Option<ApiError>>) -> impl IntoView {
    move || {
        error.get().map(|error| {
            let error = error.to_sync_error();
            view! {
                <p class="hint hint--bad" role="alert">
                    <Glyph icon=Icon::Alert/>
                    <span><b>{format::sentence(&error.message)}</b>" "{error.hint}</span>
                </p>
            }
        })
    }
}
