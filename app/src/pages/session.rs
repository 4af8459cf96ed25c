//! One session of the history, whole.

use crate::json::resource;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use tandem::model::{Code, SessionDetail, SessionId, SyncError};

use crate::api::admin;
use crate::components::error_hint::ErrorHint;
use crate::components::icon::{Glyph, Icon};
use crate::components::moment::Moment;
use crate::components::outcome::Outcome;
use crate::components::pair::Pair;
use crate::components::report::Report;
use crate::error::ApiError;
use crate::live::use_live;
use crate::text;

#[component]
pub fn Session() -> impl IntoView {
    let live = use_live();
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("id").and_then(|id| SessionId::parse(&id)));
    // While it runs its page points to the live one; its end makes the report.
    let phase = Memo::new(move |_| id.get().and_then(|id| live.status_of(&id)).map(|status| status.phase));
    let detail = resource(
        move || (id.get(), phase.get()),
        |(id, _)| async move {
            let id = id.ok_or_else(|| SyncError::new(Code::NotFound, "There is no such sync."))?;
            admin::session(id).await
        },
    );
    view! {
        <Title text=move || format!("Sync · {} · {}", live.local_name().get(), text::TITLE)/>
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

#[component]
fn Found(detail: SessionDetail) -> impl IntoView {
    let SessionDetail { status, log } = detail;
    let json = format!("/api/admin/sync/history/{}", status.session_id);
    let file = format!("tandem-{}.json", status.session_id.short());
    let is_running = !status.phase.is_final();
    view! {
        <header class="page-head">
            <div>
                <p class="page-head__sub"><A href="/history" attr:class="text">"History"</A></p>
                <h1><Pair local=status.local.clone() peer=status.peer.clone() direction=status.direction/></h1>
            </div>
            <p class="status-line" role="status">
                <Outcome phase=status.phase/>
                <span><Moment us=status.started_us/> ", started by " {status.started_by.clone()}</span>
            </p>
            <a class="button" href=json download=file rel="external"><Glyph icon=Icon::Download/>"JSON"</a>
        </header>
        {is_running.then(|| view! {
            <p class="hint"><span>"This sync is running. " <A href="/" attr:class="text">"Watch it"</A></span></p>
        })}
        <Report status log/>
    }
    .into_any()
}

#[component]
fn Missing(error: ApiError) -> impl IntoView {
    view! {
        <header class="page-head"><h1>"Sync"</h1></header>
        <ErrorHint error=Signal::stored(Some(error))/>
        <p><A href="/history" attr:class="button">"To the history"</A></p>
    }
}
