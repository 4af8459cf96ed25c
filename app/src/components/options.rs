//! Method and options; closed, they say what is set.

use leptos::prelude::*;
use tandem::model::{DeletePolicy, Direction, Method};

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
        _ => "Takes the fastest way that both servers can go, and says why.",
    };
    let live = use_live();
    view! {
        <section class="panel" aria-label="How">
            <div class="panel__body stack stack--close">
                <fieldset disabled=move || live.is_deaf()>
                    <legend class="group__legend">"Method"</legend>
                    <div class="segments">
                        <MethodChoice draft method=Method::Auto label="Auto"/>
                        <MethodChoice draft method=Method::Backup label="Backup"/>
                        <MethodChoice draft method=Method::Delta label="Delta"/>
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
                <Options draft/>
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

#[component]
fn Options(draft: Draft) -> impl IntoView {
    let live = use_live();
    let target = move || match draft.action.get() {
        Direction::Pull => live.local_name().get(),
        Direction::Push => draft.peer_name().unwrap_or_default(),
    };
    let compress = move || draft.options.read().compress;
    let verify = move || draft.options.read().verify;
    view! {
        <div class="options">
            <fieldset disabled=move || live.is_deaf()>
                <legend class="options__name">"Transfer"</legend>
                <label class="choice">
                    <input class="check" type="checkbox" checked=compress prop:checked=compress
                        on:change=move |event| draft.options.update(|options| options.compress = event_target_checked(&event))/>
                    <span>"Compress"</span>
                    <span class="choice__why">"zstd, about a fifth of the bytes"</span>
                </label>
                <label class="choice">
                    <input class="check" type="checkbox" checked=verify prop:checked=verify
                        on:change=move |event| draft.options.update(|options| options.verify = event_target_checked(&event))/>
                    <span>"Verify after sync"</span>
                    <span class="choice__why">"Compares both databases once more after the commit"</span>
                </label>
            </fieldset>
            <fieldset disabled=move || live.is_deaf()>
                <legend class="options__name">"Rows only " {target} " has"</legend>
                <Deletes draft policy=DeletePolicy::Keep label="Keep" why="They stay as they are"/>
                <Deletes draft policy=DeletePolicy::Mirror label="Delete" why="It becomes identical to the other server"/>
            </fieldset>
        </div>
    }
    .into_any()
}

#[component]
fn Deletes(draft: Draft, policy: DeletePolicy, label: &'static str, why: &'static str) -> impl IntoView {
    let is_chosen = move || draft.options.read().deletes == policy;
    view! {
        <label class="choice">
            <input class="radio" type="radio" name="deletes" checked=is_chosen prop:checked=is_chosen
                on:change=move |_| draft.set_deletes(policy)/>
            <span>{label}</span>
            <span class="choice__why">{why}</span>
        </label>
    }
}
