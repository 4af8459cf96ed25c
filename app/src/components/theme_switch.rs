//! Auto, light or dark.

use leptos::prelude::*;

use crate::live::use_live;
use crate::theme::Theme;

/// `group` keeps two switches on one page apart.
#[component]
pub fn ThemeSwitch(theme: RwSignal<Theme>, group: &'static str) -> impl IntoView {
    let choice = move |choice: Theme| {
        let is_chosen = move || theme.get() == choice;
        let choose = move |_| {
            theme.set(choice);
            #[cfg(feature = "hydrate")]
            choice.apply();
        };
        view! {
            <label>
                <input type="radio" name=group checked=is_chosen prop:checked=is_chosen on:change=choose/>
                {choice.label()}
            </label>
        }
    };
    let live = use_live();
    view! {
        <fieldset class="theme" disabled=move || live.is_deaf()>
            <legend class="vh">"Colour scheme"</legend>
            {Theme::ALL.map(choice).collect_view()}
        </fieldset>
    }
    .into_any()
}
