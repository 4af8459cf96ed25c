//! Sign in: a plain form that works without script.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::icon::{Glyph, Icon, Mark};
use crate::text;

#[component]
pub fn Login() -> impl IntoView {
    let query = use_query_map();
    let reason = move || query.read().get("error").as_deref().map(said);
    let next = move || query.read().get("next").unwrap_or_default();
    let is_wrong = move || query.read().get("error").as_deref() == Some("1");
    view! {
        <Title text=format!("Sign in · {}", text::TITLE)/>
        <div class="login">
            <header class="login__art">
                <div class="brand brand--plain"><Mark/><span>"Tandem"</span></div>
                <Mirror/>
                <p class="lede">"Databases that belong together, kept equal."</p>
            </header>
            <main class="login__form">
                <div>
                    <h1>"Sign in"</h1>
                    <p class="soft">"With the admin password of this server."</p>
                </div>
                {move || reason().map(|reason| view! {
                    <p class="hint hint--bad" role="alert" id="reason"><Glyph icon=Icon::Alert/><span>{reason}</span></p>
                })}
                <form method="post" action="/login">
                    <input type="hidden" name="next" value=next/>
                    <div class="field">
                        <label class="field__label" for="password">"Password"</label>
                        <input
                            class="input"
                            id="password"
                            name="password"
                            type="password"
                            autocomplete="current-password"
                            required
                            autofocus
                            aria-invalid=move || is_wrong().then_some("true")
                            aria-describedby=move || is_wrong().then_some("reason")
                        />
                    </div>
                    <button class="button button--primary" type="submit">"Sign in"</button>
                </form>
                <p class="note">
                    "It is the setting " <code>"TANDEM_ADMIN_PASSWORD"</code>
                    ", or the one that this server printed when it started for the first time."
                </p>
            </main>
        </div>
    }
    .into_any()
}

fn said(reason: &str) -> &'static str {
    match reason {
        "wait" => "Too many wrong passwords. Wait a minute, then try again.",
        "unavailable" => "The password could not be checked: this server's database does not answer.",
        _ => "The password is wrong.",
    }
}

/// Two equal fingerprints facing each other.
#[component]
fn Mirror() -> impl IntoView {
    const LENGTHS: [u16; 16] = [95, 149, 41, 104, 122, 50, 23, 140, 14, 77, 113, 131, 140, 32, 68, 86];
    let tooth = |(lane, length): (usize, u16)| {
        let y = lane * 17;
        view! {
            <rect class="a" x=196 - length y=y width=length height="10" rx="5"></rect>
            <rect class="b" x="236" y=y width=length height="10" rx="5"></rect>
        }
    };
    view! {
        <svg class="mirror" viewBox="40 0 352 266" role="img" aria-label="Two equal fingerprints facing each other">
            <line x1="216" y1="0" x2="216" y2="266"></line>
            {LENGTHS.into_iter().enumerate().map(tooth).collect_view()}
        </svg>
    }
}
