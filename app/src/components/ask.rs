//! A dialog that asks before it does something; the safe button has the focus.

use leptos::html::Dialog;
use leptos::prelude::*;

use super::error_hint::ErrorHint;
use crate::browser;
use crate::error::ApiError;

/// What the dialog says: the texts of one question.
pub struct Question {
    /// Names the dialog on its page.
    pub id: &'static str,
    pub title: String,
    /// The button that changes nothing.
    pub no: &'static str,
    /// The button that does it.
    pub yes: String,
}

#[component]
pub fn Ask(
    dialog: NodeRef<Dialog>,
    question: Question,
    is_busy: Signal<bool>,
    failed: Signal<Option<ApiError>>,
    on_yes: Box<dyn Fn()>,
    /// The consequence, and what can be chosen about it.
    body: AnyView,
) -> impl IntoView {
    let Question { id, title, no, yes } = question;
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby=id>
            <div class="dialog__body">
                <h2 id=id>{title}</h2>
                {body}
                <ErrorHint error=failed/>
            </div>
            <div class="dialog__foot">
                <button type="button" class="button" autofocus on:click=move |_| browser::close(dialog)>{no}</button>
                <button type="button" class="button button--danger" disabled=is_busy on:click=move |_| on_yes()>{yes}</button>
            </div>
        </dialog>
    }
    .into_any()
}
