//! Method and options; closed, they say what is set.

use leptos::prelude::*;
use tandem::model::{Direction, Method};

use super::choices::Choices;
use super::icon::{Glyph, Icon};
use crate::draft::Draft;
use crate::live::use_live;
use crate::text;

#[component]
pub fn How(draft: Draft) -> impl IntoView {
    let why = move || match draft.method.get() {
        Method::Backup => {
            "Everything travels as one compressed backup; only the rows that differ are written."
        }
        Method::Delta => "Both servers look for the rows that differ, and only these travel.",
        Method::Rows => {
            "Rows travel as JSON in small batches: slow, but through any proxy and without pg_dump."
        }
        Method::Auto => "Takes the fastest way that both servers can go, and says why.",
    };
    let live = use_live();
    let target = Signal::derive(move || match draft.action.get() {
        Direction::Pull => live.local_name().get(),
        Direction::Push => draft.peer_name().unwrap_or_default(),
    });
    view! {
        <section class="panel" aria-label="How">
            <div class="panel__body stack stack--close">
                <fieldset disabled=move || live.is_deaf()>
                    <legend class="group__legend">"Method"</legend>
                    <div class="segments">
                        <MethodChoice draft method=Method::Auto label="Auto"/>
                        <MethodChoice draft method=Method::Backup label="Backup"/>
                        <MethodChoice draft method=Method::Delta label="Delta"/>
                        <MethodChoice draft method=Method::Rows label="Rows"/>
                    </div>
                </fieldset>
                <p class="soft">{why}</p>
            </div>
            <details class="more">
                <summary>
                    <Glyph icon=Icon::Chevron/>
                    "Options "
                    <span class="more__sum">{move || text::options(&draft.options.read())}</span>
                </summary>
                <Choices draft target/>
            </details>
        </section>
    }
    .into_any()
}

#[component]
fn MethodChoice(draft: Draft, method: Method, label: &'static str) -> impl IntoView {
    let is_chosen = move || draft.method.get() == method;
    view! {
        <label>
            <input
                type="radio"
                name="method"
                value=method.as_str()
                checked=is_chosen
                prop:checked=is_chosen
                on:change=move |_| draft.method.set(method)
            />
            {label}
        </label>
    }
}
