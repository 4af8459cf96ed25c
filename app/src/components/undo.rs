//! Taking a sync back: until when, what that means, and the button; of one that was taken back, by which session.

use leptos::html::Dialog;
use leptos::prelude::*;
use leptos_router::components::A;
use tandem::model::{Direction, Kind, Phase, SyncStatus};

use super::ask::{Ask, Question};
use super::icon::{Glyph, Icon};
use super::moment::Moment;
use crate::api::launch::{Launch, launcher, refused};
use crate::live::use_live;
use crate::{browser, text};

#[component]
pub fn Undoing(status: SyncStatus) -> impl IntoView {
    let now = use_live().now_us.get_untracked();
    let until = status.result.as_ref().and_then(|result| result.undo_until_us);
    let until = until.filter(|until| status.phase.is_committed() && *until > now);
    view! {
        {status.undo.as_ref().map(|other| {
            let (said, link) = match status.kind {
                Kind::Undo if status.phase != Phase::Undone => ("This session has taken a sync back. ", "The sync that was undone"),
                _ => ("What this session wrote was taken back. ", "The session that undid it"),
            };
            view! {
                <p class="hint">
                    <Glyph icon=Icon::Undo/>
                    <span>{said}<A href=format!("/history/{other}") attr:class="text">{link}</A></span>
                </p>
            }
        })}
        {until.map(|until| view! { <Offer status until/> })}
    }
    .into_any()
}

#[component]
fn Offer(status: SyncStatus, until: i64) -> impl IntoView {
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let (back, gone) =
        status.result.as_ref().map_or((0, 0), |result| (result.updated + result.deleted, result.inserted));
    let what = text::undo(target, back, gone);
    let is_here = status.direction == Direction::Pull;
    let elsewhere =
        (!is_here).then(|| format!("Undo it on {}’s panel: the rows are kept there.", status.peer));
    view! {
        <section class="panel" aria-labelledby="undo-it">
            <div class="panel__head">
                <h2 id="undo-it">"Undo"</h2>
                <span class="note">"until " <Moment us=until/></span>
            </div>
            <div class="panel__body stack stack--close">
                <p class="soft">{what.clone()}</p>
                {elsewhere.map(|elsewhere| view! { <p class="soft">{elsewhere}</p> })}
                {is_here.then(|| view! { <Button status what/> })}
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Button(status: SyncStatus, what: String) -> impl IntoView {
    let live = use_live();
    let dialog = NodeRef::<Dialog>::new();
    let force = RwSignal::new(false);
    let undo = launcher();
    let failed = refused(undo);
    Effect::new(move || {
        if let Some(Ok(_)) = undo.value().get() {
            browser::go("/");
        }
    });
    let word = match status.kind {
        Kind::Undo => "undo",
        _ => "sync",
    };
    let question = Question {
        id: "undo-title",
        title: format!("Undo this {word}?"),
        no: "Leave it as it is",
        yes: format!("Undo {word}"),
    };
    let session_id = status.session_id;
    let on_yes = Box::new(move || {
        undo.dispatch(Launch::Undo { session_id: session_id.clone(), force: force.get_untracked() });
    });
    let body = view! {
        <p class="soft">{what}</p>
        <p class="soft">"Rows that were changed since stay as they are, and are listed. All or nothing, in one transaction."</p>
        <label class="choice">
            <input class="check" type="checkbox" on:change=move |event| force.set(event_target_checked(&event))/>
            <span>"Bring back rows that were changed since, too"</span>
            <span class="choice__why">"What was changed in them since is lost"</span>
        </label>
    }
    .into_any();
    view! {
        <button type="button" class="button" disabled=move || live.is_deaf() on:click=move |_| browser::show_modal(dialog)>
            <Glyph icon=Icon::Undo/>
            {format!("Undo this {word}…")}
        </button>
        <Ask dialog question is_busy=undo.pending().into() failed on_yes body/>
    }
    .into_any()
}

/// A sync in which this node's rows were changed can be undone here until then.
pub fn can_be_undone(phase: Phase, direction: Direction, until_us: Option<i64>, now_us: i64) -> bool {
    phase.is_committed() && direction == Direction::Pull && until_us.is_some_and(|until| until > now_us)
}
