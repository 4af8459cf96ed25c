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

/// That it was taken back, or what it has taken back.
#[component]
pub fn TakenBack(status: SyncStatus) -> impl IntoView {
    status.undo.as_ref().map(|other| {
        let (said, link) = match status.kind {
            Kind::Undo if status.phase != Phase::Undone => {
                ("This session has taken a sync back. ", "The sync that was undone")
            }
            _ => ("What this session wrote was taken back. ", "The session that undid it"),
        };
        view! {
            <p class="hint">
                <Glyph icon=Icon::Undo/>
                <span>{said}<A href=format!("/history/{other}") attr:class="text">{link}</A></span>
            </p>
        }
        .into_any()
    })
}

/// What undo would do, as long as it can be done.
#[component]
pub fn Undo(status: SyncStatus) -> impl IntoView {
    let now = use_live().now_us.get_untracked();
    let result = status.result.as_ref();
    let until = result.and_then(|result| result.undo_until_us);
    let until = until.filter(|until| status.phase.is_committed() && *until > now)?;
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let (back, gone) = result.map_or((0, 0), |result| (result.updated + result.deleted, result.inserted));
    let what = text::undo(target, back, gone);
    let action = match status.direction {
        Direction::Pull => view! { <Button status what=what.clone()/> }.into_any(),
        Direction::Push => {
            let where_to = format!("Undo it on {}’s panel: the rows are kept there.", status.peer);
            view! { <p class="soft">{where_to}</p> }.into_any()
        }
    };
    let panel = view! {
        <section class="panel act" aria-labelledby="undo-it">
            <div class="act__say">
                <h2 id="undo-it">"Undo, until " <Moment us=until/></h2>
                <p>{what}</p>
            </div>
            {action}
        </section>
    };
    Some(panel.into_any())
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
