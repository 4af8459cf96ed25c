//! Asks before it stops a session.

use leptos::html::Dialog;
use leptos::prelude::*;
use tandem::model::{Kind, Phase, SyncStatus};

use super::ask::{Ask, Question};
use super::icon::{Glyph, Icon};
use crate::api::admin::Cancel;
use crate::live::use_live;
use crate::{browser, format, text};

#[component]
pub fn CancelSync(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let cancel = ServerAction::<Cancel>::new();
    let failed = Signal::derive(move || cancel.value().get().and_then(Result::err));
    let live = use_live();
    let is_stopping =
        Signal::derive(move || status.read().phase == Phase::Cancelling || cancel.pending().get());
    Effect::new(move || {
        if let Some(Ok(_)) = cancel.value().get() {
            browser::close(dialog);
            browser::focus("status");
        }
    });
    let what = status.read_untracked().kind.as_str();
    let question = Question {
        id: "cancel-title",
        title: format!("Cancel this {what}?"),
        no: "Keep running",
        yes: format!("Cancel {what}"),
    };
    let on_yes = Box::new(move || {
        cancel.dispatch(Cancel { session_id: status.read_untracked().session_id.clone() });
    });
    let body = view! { <p class="soft">{move || consequence(&status.read())}</p> }.into_any();
    view! {
        <button type="button" class="button button--danger" disabled=move || live.is_deaf() || is_stopping.get() on:click=move |_| browser::show_modal(dialog)>
            <Glyph icon=Icon::Cross/>
            {move || if is_stopping.get() { "Stopping…".to_owned() } else { format!("Cancel {what}…") }}
        </button>
        <Ask dialog question is_busy=is_stopping failed on_yes body/>
    }
    .into_any()
}

fn consequence(status: &SyncStatus) -> String {
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    match status.kind {
        Kind::Preview => {
            "Everything stops on both servers within 5 seconds. Nothing was written, and nothing will be."
                .to_owned()
        }
        Kind::Undo => {
            format!("All SQL stops within 5 seconds. {target} stays as it is now, with the sync in it.")
        }
        Kind::Sync => {
            let travelled = match status.bytes_done {
                0 => String::new(),
                bytes => format!(" The {} that travelled already are thrown away.", format::bytes(bytes)),
            };
            format!(
                "Backup, transfer and all SQL stop on both servers within 5 seconds. {target} has not been changed \
                 and stays as it is.{travelled}"
            )
        }
    }
}
