//! The servers to sync with, as radio buttons; the local one is shown and cannot be chosen.

use leptos::prelude::*;
use tandem::model::{Peer, Presence};

use super::error_hint::ErrorHint;
use super::icon::{Glyph, Icon};
use super::moment::Age;
use crate::api::admin::Refresh;
use crate::draft::Draft;
use crate::live::use_live;

#[component]
pub fn Servers(draft: Draft) -> impl IntoView {
    let live = use_live();
    let refresh = ServerAction::<Refresh>::new();
    Effect::new(move || {
        if let Some(Ok(overview)) = refresh.value().get() {
            live.take(overview);
        }
    });
    let failed = Signal::derive(move || refresh.value().get().and_then(Result::err));
    let cards = move || {
        let overview = live.overview.read();
        let all = std::iter::once(&overview.local).chain(&overview.peers);
        all.cloned().map(|peer| view! { <Server peer draft/> }).collect_view()
    };
    view! {
        <fieldset aria-labelledby="servers" disabled=move || live.is_deaf()>
            <div class="servers__head">
                <h2 class="group__legend" id="servers">"Sync with"</h2>
                <button
                    type="button"
                    class="button button--quiet button--small"
                    disabled=move || refresh.pending().get()
                    on:click=move |_| {
                        refresh.dispatch(Refresh {});
                    }
                >
                    <Glyph icon=Icon::Compare small=true/>
                    {move || if refresh.pending().get() { "Asking…" } else { "Ask again" }}
                </button>
            </div>
            <div class="servers">{cards}</div>
            <ErrorHint error=failed/>
        </fieldset>
    }
    .into_any()
}

#[component]
fn Server(peer: Peer, draft: Draft) -> impl IntoView {
    let name = StoredValue::new(peer.name.clone());
    let is_chosen = move || draft.peer_name().is_some_and(|chosen| name.with_value(|name| *name == chosen));
    // One id a card, whatever the name holds.
    let id = peer.name.bytes().fold("server".to_owned(), |id, byte| format!("{id}-{byte:x}"));
    let (name_id, state_id) = (format!("{id}-name"), format!("{id}-state"));
    let address = peer.address.clone().unwrap_or_else(|| "calls in".to_owned());
    let problem = peer.problem.as_ref().map(|problem| problem.message.clone());
    let (own_name, is_local) = (peer.name.clone(), peer.is_local);
    view! {
        <label class="server" title=problem>
            <span class="server__name" id=name_id.clone()>{own_name.clone()}</span>
            <input
                class="radio"
                type="radio"
                name="peer"
                value=own_name
                aria-labelledby=name_id
                aria-describedby=state_id.clone()
                disabled=is_local
                checked=is_chosen
                prop:checked=is_chosen
                on:change=move |_| draft.chosen.set(Some(name.get_value()))
            />
            <span class="server__address">{address}</span>
            <span class="server__state" id=state_id><State peer/></span>
        </label>
    }
    .into_any()
}

#[component]
fn State(peer: Peer) -> impl IntoView {
    if peer.is_local {
        return view! { <span class="badge">"Local"</span><span class="muted">"this server"</span> }
            .into_any();
    }
    let (dot, word) = match peer.presence {
        Presence::Online => ("dot", "Online"),
        Presence::Unknown => ("dot dot--off", "Not asked yet"),
        Presence::Offline => ("dot dot--off", "Offline"),
        Presence::Refused => ("dot dot--bad", "Refused"),
    };
    let detail = match (peer.presence, peer.last_seen_us) {
        (Presence::Online, _) => peer.latency_ms.map(|ms| format!("{} ms", ms.round() as u64).into_any()),
        (_, Some(seen)) => Some(view! { "seen " <Age us=seen/> }.into_any()),
        (Presence::Unknown, None) => None,
        (_, None) => Some("never seen".into_any()),
    };
    view! {
        <span class="online"><span class=dot aria-hidden="true"></span>{word}</span>
        <span class="muted">{detail}</span>
    }
    .into_any()
}
