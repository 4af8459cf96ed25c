//! One session of the history, whole.

use crate::json::resource;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use tandem::model::{Code, Kind, LogLine, Phase, SessionDetail, SessionId, SyncError, SyncStatus};

use crate::api::admin;
use crate::components::act::{self, Act};
use crate::components::error_hint::ErrorHint;
use crate::components::fixed;
use crate::components::icon::{Glyph, Icon};
use crate::components::moment::Moment;
use crate::components::outcome::Outcome;
use crate::components::pair::Pair;
use crate::components::report::Report;
use crate::error::ApiError;
use crate::live::{Live, use_live};
use crate::{browser, text};

#[component]
pub fn Session() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").and_then(|id| SessionId::parse(&id)));
    // While it runs its page points to the live one; its end makes the report, and so do an undo of it and the answer to
    // a doubt.
    let change = Memo::new(move |_| id.get().and_then(|id| changes(live, &id)));
    let detail = resource(
        move || (id.get(), change.get()),
        |(id, _)| async move {
            let id = id.ok_or_else(|| SyncError::new(Code::NotFound, "There is no such sync."))?;
            admin::session(id).await
        },
    );
    view! {
        <Title text=live.title("Session")/>
        <Transition>
            {move || Suspend::new(async move {
                match detail.await {
                    Ok(detail) => view! { <Found detail/> }.into_any(),
                    Err(error) => view! { <Missing error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

/// The phase of what can still change and concerns the session, itself or the undo of it, and whether it is in doubt.
fn changes(live: Live, id: &SessionId) -> Option<(Phase, bool)> {
    let status = live.status.read();
    let status = status.as_ref()?;
    let is_undo = status.kind == Kind::Undo && status.undo.as_ref() == Some(id);
    let is_own = status.session_id == *id && (!status.phase.is_final() || status.in_doubt);
    (is_own || is_undo).then_some((status.phase, status.in_doubt))
}

#[component]
fn Found(detail: SessionDetail) -> impl IntoView {
    let SessionDetail { status, log } = detail;
    let json = format!("/api/admin/sync/history/{}", status.session_id);
    let file = format!("tandem-{}.json", status.session_id.short());
    let is_running = !status.phase.is_final();
    let kind = status.kind.as_str();
    view! {
        <header class="page-head">
            <div>
                <p class="page-head__sub"><A href="/history" attr:class="text">"History"</A></p>
                <h1>
                    {text::kind(status.kind).map(|kind| view! { {kind}" " })}
                    <Pair local=status.local.clone() peer=status.peer.clone() direction=status.direction/>
                </h1>
            </div>
            <p class="status-line" role="status">
                <Outcome phase=status.phase kind=status.kind/>
                <span><Moment us=status.started_us/> ", started by " {status.started_by.clone()}</span>
            </p>
            <a class="button" href=json download=file rel="external"><Glyph icon=Icon::Download/>"JSON"</a>
        </header>
        {is_running.then(|| view! {
            <p class="hint"><span>{format!("This {kind} is running. ")}<A href="/" attr:class="text">"Watch it"</A></span></p>
        })}
        {if status.phase == Phase::Previewed {
            view! { <Previewed status log/> }.into_any()
        } else {
            view! { <Report status log/> }.into_any()
        }}
    }
    .into_any()
}

/// The server draws what was found, the browser adds what can be done about it.
#[component]
fn Previewed(status: SyncStatus, log: Vec<LogLine>) -> impl IntoView {
    let chosen = RwSignal::new(0);
    view! {
        <div class="stack" on:change=move |_| chosen.set(browser::ticked(act::ROW).len())>{fixed::ended(status.clone(), log)}</div>
        <Act status chosen/>
    }
    .into_any()
}

#[component]
fn Missing(error: ApiError) -> impl IntoView {
    view! {
        <header class="page-head"><h1>"Session"</h1></header>
        <ErrorHint error=Signal::stored(Some(error))/>
        <p><A href="/history" attr:class="button">"To the history"</A></p>
    }
}
