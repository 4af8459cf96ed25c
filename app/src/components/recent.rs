//! The last syncs, each one line.

use leptos::prelude::*;
use leptos_router::components::A;
use tandem::model::{Kind, Phase, SessionSummary};

use super::moment::Age;
use super::outcome::Seal;
use super::pair::Pair;
use crate::live::use_live;
use crate::{format, text};

#[component]
pub fn Recent() -> impl IntoView {
    let live = use_live();
    let lines = move || {
        let overview = live.overview.read();
        overview.recent.iter().take(8).cloned().map(|session| view! { <Line session/> }).collect_view()
    };
    let is_empty = Memo::new(move |_| live.overview.read().recent.is_empty());
    view! {
        <section class="panel" aria-labelledby="recent">
            <div class="panel__head">
                <h2 id="recent">"Recent syncs"</h2>
                <A href="/history" attr:class="text">"All in history"</A>
            </div>
            {move || if is_empty.get() {
                view! { <p class="panel__body muted">"None yet. The first one will be listed here."</p> }.into_any()
            } else {
                view! { <ul class="recent">{lines}</ul> }.into_any()
            }}
        </section>
    }
    .into_any()
}

#[component]
fn Line(session: SessionSummary) -> impl IntoView {
    let what = what(&session);
    view! {
        <li>
            <Seal phase=session.phase/>
            <A href=format!("/history/{}", session.session_id)>
                {text::kind(session.kind).map(|kind| view! { <span class="badge">{kind}</span> })}
                <Pair local=session.local peer=session.peer direction=session.direction/>
            </A>
            <span class="recent__what" title=what.clone()>{what.clone()}</span>
            <span class="recent__took num soft">{session.phase.is_final().then(|| format::duration(session.elapsed_ms))}</span>
            <span class="recent__when"><Age us=session.finished_us.unwrap_or(session.started_us)/></span>
        </li>
    }
    .into_any()
}

fn what(session: &SessionSummary) -> String {
    if let Some(error) = &session.error {
        return format::headline(&error.message);
    }
    if !session.phase.is_final() {
        return "Running now".to_owned();
    }
    if session.phase == Phase::Undone {
        return "Taken back since".to_owned();
    }
    if !session.phase.is_committed() {
        return "Nothing was written".to_owned();
    }
    let changed = session.inserted + session.updated + session.deleted;
    let changed = if changed == 0 {
        "nothing to change".to_owned()
    } else {
        format!("{} changed", format::counted(changed, "row", "rows"))
    };
    if session.kind == Kind::Undo {
        return changed;
    }
    format!("{}, {}, {}", session.method.as_str(), changed, format::bytes(session.bytes))
}
