//! The consequence, then the button.

use leptos::prelude::*;
use tandem::model::{DeletePolicy, Peer, Presence, SyncRequest};

use super::error_hint::ErrorHint;
use crate::api::launch::{Launch, launcher, refused};
use crate::draft::Draft;
use crate::live::use_live;
use crate::{format, text};

#[component]
pub fn Start(draft: Draft) -> impl IntoView {
    let live = use_live();
    let start = launcher();
    let failed = refused(start);
    let obstacle = Memo::new(move |_| match draft.peer_name().and_then(|name| live.peer(&name)) {
        Some(peer) => obstacle(&peer),
        None => Some("There is no other server yet.".to_owned()),
    });
    let is_off = move || live.is_deaf() || obstacle.read().is_some() || start.pending().get();
    let why = move || obstacle.read().is_some().then_some("obstacle");
    let go = move |launch: fn(SyncRequest) -> Launch| {
        if let Some(request) = draft.request() {
            draft.is_pressed.set(true);
            start.dispatch(launch(request));
        }
    };
    view! {
        <section class="panel" aria-label="Start">
            <div class="panel__body actions">
                <Consequence draft/>
                <div class="stack stack--close">
                    {move || obstacle.get().map(|why| view! { <p class="hint hint--warn" id="obstacle"><span>{why}</span></p> })}
                    <ErrorHint error=failed/>
                </div>
                <div class="actions__buttons">
                    <button type="button" class="button" disabled=is_off aria-describedby=why on:click=move |_| go(Launch::Preview)>
                        "Preview"
                    </button>
                    <button type="button" class="button button--primary button--wide" disabled=is_off aria-describedby=why on:click=move |_| go(Launch::Sync)>
                        {move || format!("Start {}", draft.action.get().as_str())}
                    </button>
                </div>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Consequence(draft: Draft) -> impl IntoView {
    let live = use_live();
    let names = move || {
        let (local, peer) =
            (live.local_name().get(), draft.peer_name().unwrap_or_else(|| "the other server".to_owned()));
        let (source, target) = text::source_and_target(draft.action.get(), &local, &peer);
        (source.to_owned(), target.to_owned())
    };
    view! {
        <p class="actions__say">
            {move || {
                let (source, target) = names();
                match draft.options.read().deletes {
                    DeletePolicy::Mirror => view! { <b>{target}</b> " becomes identical to " <b>{source}</b> "." }.into_any(),
                    DeletePolicy::Keep => view! { <b>{target}</b> " gets every row of " <b>{source}</b> "." }.into_any(),
                }
            }}
        </p>
        <p class="soft">
            {move || {
                let (_, target) = names();
                match draft.options.read().deletes {
                    DeletePolicy::Mirror => format!("Rows that only {target} has are deleted. All or nothing; it stays readable meanwhile."),
                    DeletePolicy::Keep => format!("Rows that only {target} has stay. All or nothing; it stays readable meanwhile."),
                }
            }}
        </p>
    }
}

/// Why a sync with this peer cannot be started from here.
fn obstacle(peer: &Peer) -> Option<String> {
    if peer.address.is_none() {
        return Some(format!("{} cannot be called from here. Start the sync on its own panel.", peer.name));
    }
    let why = match (peer.presence, &peer.problem) {
        (Presence::Online | Presence::Unknown, _) => return None,
        (_, Some(problem)) => format!("{} {}", format::sentence(&problem.message), problem.hint),
        (Presence::Refused, None) => format!("{} does not accept this server's key.", peer.name),
        (Presence::Offline, None) => format!("{} does not answer.", peer.name),
    };
    Some(why)
}
