//! Full Sync: choose and start, watch it run, see what it proved. One page, because it is one thing.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;
use tandem::model::{Kind, Phase, Presence, SessionId, SyncStatus};

#[cfg(feature = "hydrate")]
use crate::api::admin;
use crate::browser;
use crate::components::cancel_dialog::CancelSync;
use crate::components::compare::CompareNow;
use crate::components::link::RunningLink;
use crate::components::log::Log;
use crate::components::moment::Moment;
use crate::components::options::How;
use crate::components::outcome::Outcome;
use crate::components::overall::Overall;
use crate::components::recent::Recent;
use crate::components::report::Report;
use crate::components::servers::Servers;
use crate::components::sides;
use crate::components::stage::Stage;
use crate::components::start::Start;
use crate::components::steps::Steps;
use crate::components::tables::Tables;
use crate::components::throughput::Throughput;
use crate::components::ways::Ways;
use crate::draft::Draft;
use crate::live::{Connection, Live, use_live};
use crate::text;

/// How long the result of a sync greets who opens the page.
const GREETING_US: i64 = 15 * 60 * 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Screen {
    Choosing,
    Running,
    Ended,
}

#[component]
pub fn FullSync() -> impl IntoView {
    let live = use_live();
    let query = use_query_map();
    let opened_us = live.now_us.get_untracked();
    // `?new=SESSION`: the reader has seen that result. In the address, so that a reload shows the same.
    let screen = Memo::new(move |last: Option<&Screen>| {
        let status = live.status.read();
        let seen = query.read().get("new");
        match status.as_ref() {
            None => Screen::Choosing,
            Some(status) if !status.phase.is_final() => Screen::Running,
            // What a preview has found has a page of its own; who has watched it is taken there.
            Some(status) if status.phase == Phase::Previewed => {
                if last == Some(&Screen::Running) {
                    Screen::Running
                } else {
                    Screen::Choosing
                }
            }
            Some(status) if seen.as_deref() == Some(status.session_id.as_str()) => Screen::Choosing,
            Some(status) if status.finished_us.is_some_and(|end| end < opened_us - GREETING_US) => {
                Screen::Choosing
            }
            Some(_) => Screen::Ended,
        }
    });
    let draft = Draft::new(live);
    Effect::new(move || {
        if screen.get() == Screen::Running && draft.is_pressed.get_untracked() {
            draft.is_pressed.set(false);
            browser::focus("status");
        }
    });
    Effect::new(move || {
        if screen.get() == Screen::Running
            && let Some(status) = live.status.read().as_ref()
            && status.phase == Phase::Previewed
        {
            browser::go(&format!("/history/{}", status.session_id));
        }
    });
    // `?as=SESSION`: that one is to be changed and asked again.
    let like = Memo::new(move |_| query.read().get("as").and_then(|id| SessionId::parse(&id)));
    Effect::new(move || take_from(like.get(), draft));
    view! {
        <Title text=live.title("Full Sync")/>
        <Head screen/>
        {move || match (screen.get(), live.status.get_untracked()) {
            (Screen::Running, Some(status)) => view! { <Running live first=status/> }.into_any(),
            (Screen::Ended, Some(status)) => view! { <Ended live first=status/> }.into_any(),
            _ => view! { <Choosing draft/> }.into_any(),
        }}
        <Recent/>
    }
    .into_any()
}

#[cfg_attr(
    not(feature = "hydrate"),
    expect(unused_variables, reason = "the page is drawn with what is usual first")
)]
fn take_from(session: Option<SessionId>, draft: Draft) {
    #[cfg(feature = "hydrate")]
    if let Some(session) = session {
        leptos::task::spawn_local(async move {
            if let Ok(status) = admin::backup_progress(session).await {
                draft.take(status);
            }
        });
    }
}

#[component]
fn Head(screen: Memo<Screen>) -> impl IntoView {
    let live = use_live();
    let is_ready =
        Memo::new(move |_| live.overview.read().peers.iter().any(|peer| peer.presence == Presence::Online));
    let said = Memo::new(move |_| {
        let status = live.status.read();
        match (screen.get(), status.as_ref()) {
            (Screen::Running, Some(status)) => status.message.clone(),
            _ if live.overview.read().peers.is_empty() => "No other server is known yet.".to_owned(),
            _ if is_ready.get() => "Ready. Nothing is running.".to_owned(),
            _ => "Nothing is running. No other server is online.".to_owned(),
        }
    });
    let title = move || {
        let kind = live.status.read().as_ref().map_or(Kind::Sync, |status| status.kind);
        text::kind(kind).filter(|_| screen.get() != Screen::Choosing).unwrap_or("Full Sync")
    };
    let phase = Memo::new(move |_| live.status.read().as_ref().map(|status| status.phase));
    let line = move || {
        phase.track();
        match (screen.get(), live.status.get_untracked()) {
        (Screen::Ended, Some(status)) => view! { <EndedLine status/> }.into_any(),
        (Screen::Running, _) => {
            view! { <span class="dot dot--busy" aria-hidden="true"></span>{said} }.into_any()
        }
        _ => view! { <span class="dot" class:dot--off=move || !is_ready.get() aria-hidden="true"></span>{said} }
            .into_any(),
    }
    };
    let action = move || match (screen.get(), live.status.get_untracked()) {
        (Screen::Running, Some(status)) => view! { <CancelSync status=newest(live, status)/> }.into_any(),
        (Screen::Ended, Some(status)) => {
            view! { <A href=format!("/?new={}", status.session_id) attr:class="button">"New sync"</A> }
                .into_any()
        }
        _ => ().into_any(),
    };
    view! {
        <header class="page-head">
            <div><h1>{title}</h1></div>
            <p class="status-line" id="status" role="status" aria-live="polite" tabindex="-1">{line}</p>
            {action}
        </header>
    }
    .into_any()
}

#[component]
fn EndedLine(status: SyncStatus) -> impl IntoView {
    let end = status.finished_us.unwrap_or(status.started_us);
    view! {
        <Outcome phase=status.phase kind=status.kind/>
        <span>" at " <Moment us=end with_seconds=true/> ", started by " {status.started_by}</span>
    }
}

#[component]
fn Choosing(draft: Draft) -> impl IntoView {
    let live = use_live();
    let cards = Memo::new(move |_| {
        let name = draft.peer_name();
        let peer = name.as_ref().and_then(|name| live.peer(name));
        let comparison = name.as_ref().and_then(|name| live.comparison(name));
        let overview = live.overview.read();
        sides::choosing(
            &overview.local,
            peer.as_ref(),
            comparison.as_ref(),
            draft.action.get(),
            live.now_us.get(),
        )
    });
    let (here, there) = (Signal::derive(move || cards.get().0), Signal::derive(move || cards.get().1));
    let has_peer = Memo::new(move |_| draft.peer_name().is_some());
    view! {
        <Servers draft/>
        <Show when=move || !has_peer.get()>
            <p class="hint">
                <span>
                    <b>"No other server is known yet."</b>
                    " Name it in the setting TANDEM_PEERS of both servers (name=url) with the same SYNC_REGISTRATION_KEY, then restart."
                </span>
            </p>
        </Show>
        <Stage here there>
            <div class="link">
                <Ways draft/>
                <CompareNow draft/>
            </div>
        </Stage>
        <div class="split split--fill"><How draft/><Start draft/></div>
    }
    .into_any()
}

#[component]
fn Running(live: Live, first: SyncStatus) -> impl IntoView {
    let status = newest(live, first);
    let cards = Memo::new(move |_| {
        let status = status.read();
        let (peer, comparison) = (live.peer(&status.peer), live.comparison(&status.peer));
        sides::running(&status, &live.overview.read().local, peer.as_ref(), comparison.as_ref())
    });
    let (here, there) = (Signal::derive(move || cards.get().0), Signal::derive(move || cards.get().1));
    let is_fresh = Signal::derive(move || !matches!(live.connection.get(), Connection::Offline { .. }));
    let lines = Signal::derive(move || status.read().log.clone());
    view! {
        <Stage here there is_live=true><RunningLink status is_fresh/></Stage>
        <section class="panel" aria-label="Progress"><Overall status/><Steps status/></section>
        <div class="split split--fill"><Tables status/><Throughput status/></div>
        <Log lines is_live=true/>
    }
    .into_any()
}

#[component]
fn Ended(live: Live, first: SyncStatus) -> impl IntoView {
    let status = newest(live, first);
    // Whether it has committed may be heard later. Each state is an element of its own: what the server draws is put into
    // a new one only.
    let which = Memo::new(move |_| {
        let status = status.read();
        format!("{} {} {}", status.session_id, status.phase.as_str(), status.in_doubt)
    });
    let report = move |_| {
        let status = status.get_untracked();
        let log = status.log.clone();
        view! { <Report status log/> }
    };
    view! { <For each=move || [which.get()] key=Clone::clone children=report/> }
}

/// The status without the `Option`: the screen that shows it goes away when there is none.
fn newest(live: Live, first: SyncStatus) -> Signal<SyncStatus> {
    Memo::new(move |last: Option<&SyncStatus>| {
        let newest = live.status.get();
        newest.or_else(|| last.cloned()).unwrap_or_else(|| first.clone())
    })
    .into()
}
