//! Direction as two ways between the cards; the arrow names who is written.

use leptos::prelude::*;
use tandem::model::Direction;

use super::pair::Pair;
use crate::draft::Draft;
use crate::live::use_live;
use crate::text;

#[component]
pub fn Ways(draft: Draft) -> impl IntoView {
    let live = use_live();
    view! {
        <fieldset class="ways" disabled=move || live.is_deaf()>
            <legend class="vh">"Direction"</legend>
            <Way draft direction=Direction::Pull/>
            <Way draft direction=Direction::Push/>
        </fieldset>
    }
    .into_any()
}

#[component]
fn Way(draft: Draft, direction: Direction) -> impl IntoView {
    let local = use_live().local_name();
    let pair = move || {
        let peer = draft.peer_name().unwrap_or_else(|| "no peer yet".to_owned());
        view! { <Pair local=local.get() peer direction/> }
    };
    let is_chosen = move || draft.action.get() == direction;
    let to = match direction {
        Direction::Pull => "here",
        Direction::Push => "there",
    };
    view! {
        <label class="way">
            <span class="wire" data-to=to aria-hidden="true"></span>
            <span class="way__box">
                <input
                    class="radio"
                    type="radio"
                    name="action"
                    value=direction.as_str()
                    checked=is_chosen
                    prop:checked=is_chosen
                    on:change=move |_| draft.action.set(direction)
                />
                <span class="way__name">{text::verb(direction)}</span>
                " "
                <span class="way__what">{pair}</span>
            </span>
        </label>
    }
    .into_any()
}
