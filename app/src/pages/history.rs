//! History: every session, filtered and paged by the address.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;
use tandem::model::{HistoryPage, Kind, Phase, SessionId, SessionSummary};

use crate::api::admin;
use crate::components::error_hint::ErrorHint;
use crate::components::fixed;
use crate::components::heartbeat::Heartbeat;
use crate::components::icon::{Glyph, Icon};
use crate::components::moment::Moment;
use crate::components::outcome::Outcome;
use crate::components::pair::Pair;
use crate::components::undo::can_be_undone;
use crate::live::use_live;
use crate::{format, text};

/// What the address asks for.
#[derive(Clone)]
struct Asked {
    peer: Option<String>,
    phase: Option<Phase>,
    kind: Option<Kind>,
    before: Option<SessionId>,
}

impl Asked {
    fn of(query: &ParamsMap) -> Self {
        Self {
            peer: query.get("peer").filter(|peer| !peer.is_empty()),
            phase: query.get("phase").and_then(|phase| Phase::parse(&phase)),
            kind: query.get("kind").and_then(|kind| Kind::parse(&kind)),
            before: query.get("before").and_then(|id| SessionId::parse(&id)),
        }
    }

    /// The same list, from another session on.
    fn address(&self, before: Option<&SessionId>) -> String {
        let mut query = ParamsMap::new();
        let parts = [
            ("peer", self.peer.clone()),
            ("phase", self.phase.map(|phase| phase.as_str().to_owned())),
            ("kind", self.kind.map(|kind| kind.as_str().to_owned())),
            ("before", before.map(ToString::to_string)),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                query.insert(name, value);
            }
        }
        format!("/history{}", query.to_query_string())
    }
}

/// Drawn by the server: the browser asks for the page again when a sync begins or ends, or the address changes.
#[component]
pub fn History() -> impl IntoView {
    let live = use_live();
    let query = use_query_map();
    let change = Memo::new(move |_| {
        live.status.read().as_ref().map(|status| (status.session_id.clone(), status.phase))
    });
    let page = move || {
        // Read, not only tracked: a memo that nobody reads knows of no change.
        change.with(|_| {});
        format!("/history{}", query.read().to_query_string())
    };
    view! {
        <Title text=live.title("History")/>
        {fixed::read(page, move || found(query.get_untracked()))}
    }
    .into_any()
}

async fn found(query: ParamsMap) -> AnyView {
    let asked = Asked::of(&query);
    let page = admin::history(asked.peer.clone(), asked.phase, asked.kind, asked.before.clone(), None).await;
    match page {
        Ok(page) => view! { <Found page asked/> }.into_any(),
        Err(error) => view! {
            <header class="page-head"><h1>"History"</h1></header>
            <ErrorHint error=Signal::stored(Some(error))/>
        }
        .into_any(),
    }
}

#[component]
fn Found(page: HistoryPage, asked: Asked) -> impl IntoView {
    let said =
        format!("{}, {} shown", format::counted(page.total, "session", "sessions"), page.sessions.len());
    let longest = page.sessions.iter().map(|session| session.elapsed_ms).max().unwrap_or(1).max(1);
    let last = page.sessions.last().map(|session| session.session_id.clone());
    let is_empty = page.sessions.is_empty();
    view! {
        <header class="page-head">
            <div><h1>"History"</h1></div>
            <p class="status-line" role="status">{said}</p>
        </header>
        {(page.sessions.len() > 1).then(|| view! { <Heartbeat sessions=page.sessions.clone()/> })}
        <Filters asked=asked.clone()/>
        <section class="panel" aria-label="Sessions">
            {if is_empty {
                view! { <p class="panel__body muted">"Nothing matches."</p> }.into_any()
            } else {
                view! { <Sessions sessions=page.sessions longest/> }.into_any()
            }}
            <Pages asked older=last.filter(|_| page.more)/>
        </section>
    }
    .into_any()
}

#[component]
fn Filters(asked: Asked) -> impl IntoView {
    let overview = use_live().overview.read_untracked();
    let peers = overview.peers.iter().map(|peer| (peer.name.clone(), peer.name.clone()));
    let peers = choices(peers, asked.peer.as_deref());
    let phases = Phase::ALL.into_iter().filter(|phase| phase.is_final());
    let phases = phases.map(|phase| (phase.as_str().to_owned(), text::phase(phase).to_owned()));
    let phases = choices(phases, asked.phase.map(Phase::as_str));
    let kinds = [(Kind::Sync, "Syncs"), (Kind::Preview, "Previews"), (Kind::Undo, "Undos")];
    let kinds = kinds.into_iter().map(|(kind, said)| (kind.as_str().to_owned(), said.to_owned()));
    let kinds = choices(kinds, asked.kind.map(Kind::as_str));
    view! {
        <form method="get" action="/history" class="filters" role="search" aria-label="Filter history">
            <div class="field">
                <label class="field__label" for="filter-peer">"Peer"</label>
                <select class="select" id="filter-peer" name="peer"><option value="">"All peers"</option>{peers}</select>
            </div>
            <div class="field">
                <label class="field__label" for="filter-phase">"Result"</label>
                <select class="select" id="filter-phase" name="phase"><option value="">"All results"</option>{phases}</select>
            </div>
            <div class="field">
                <label class="field__label" for="filter-kind">"Kind"</label>
                <select class="select" id="filter-kind" name="kind"><option value="">"All kinds"</option>{kinds}</select>
            </div>
            <button class="button" type="submit">"Filter"</button>
        </form>
    }
    .into_any()
}

/// Value and text of each, with the chosen one.
fn choices(all: impl Iterator<Item = (String, String)>, chosen: Option<&str>) -> AnyView {
    all.map(|(value, said)| {
        let is_chosen = chosen == Some(&*value);
        view! { <option value=value selected=is_chosen>{said}</option> }
    })
    .collect_view()
    .into_any()
}

#[component]
fn Sessions(sessions: Vec<SessionSummary>, longest: u64) -> impl IntoView {
    view! {
        <table class="table table--stack table--flow">
            <caption class="vh">"Full syncs, newest first"</caption>
            <thead>
                <tr>
                    <th scope="col">"Result"</th>
                    <th scope="col">"When"</th>
                    <th scope="col">"Direction"</th>
                    <th scope="col" class="drop-2">"Method"</th>
                    <th scope="col" class="num">"Rows changed"</th>
                    <th scope="col" class="num drop-2">"Sent"</th>
                    <th scope="col" class="num">"Duration"</th>
                    <th scope="col" class="num drop-1">"Speed"</th>
                    <th scope="col" class="drop-1">"By"</th>
                </tr>
            </thead>
            <tbody>{sessions.into_iter().map(|session| view! { <Line session longest/> }).collect_view()}</tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Line(session: SessionSummary, longest: u64) -> impl IntoView {
    let can_be_undone = can_be_undone(
        session.phase,
        session.direction,
        session.undo_until_us,
        use_live().now_us.get_untracked(),
    );
    let changed = match session.kind {
        Kind::Preview => "–".to_owned(),
        _ => format::count(session.inserted + session.updated + session.deleted),
    };
    let href = format!("/history/{}", session.session_id);
    let speed = match session.bytes_per_second {
        0 => "–".to_owned(),
        speed => format::rate(speed).to_string(),
    };
    let width = format::decimal((session.elapsed_ms as f64 / longest as f64 * 56.0).max(2.0));
    view! {
        <tr data-result=session.phase.as_str()>
            <td class="first">
                <Outcome phase=session.phase kind=session.kind/>
                {can_be_undone.then(|| view! { " " <a href=format!("{href}#undo-it") class="text">"Undo…"</a> })}
            </td>
            <td class="soft nowrap to-top"><Moment us=session.started_us/></td>
            <td class="wide lead">
                <span class="kinds">
                    {text::kind(session.kind).map(|kind| view! {
                        <span class="badge">
                            <Glyph icon=if session.kind == Kind::Undo { Icon::Undo } else { Icon::Eye } small=true/>
                            {kind}
                        </span>
                    })}
                    <A href=href.clone() attr:class="cell-link">
                        <Pair local=session.local peer=session.peer direction=session.direction/>
                    </A>
                </span>
            </td>
            <td class="soft drop-2" data-label="Method">{(session.kind != Kind::Undo).then(|| session.method.as_str())}</td>
            <td class="num" data-label="Rows" data-unit="rows">{changed}</td>
            <td class="num drop-2" data-label="Bytes">{format::bytes(session.bytes).to_string()}</td>
            <td class="num" data-label="Took">
                <span class="spark">
                    <svg class="spark__cell" viewBox="0 0 56 6" aria-hidden="true"><rect width=width height="6" rx="2"></rect></svg>
                    <span class="spark__n">{format::duration(session.elapsed_ms)}</span>
                </span>
            </td>
            <td class="num soft drop drop-1" data-label="Speed">{speed}</td>
            <td class="soft drop drop-1" data-label="By">{session.started_by}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn Pages(asked: Asked, older: Option<SessionId>) -> impl IntoView {
    let newest = asked.before.is_some().then(|| asked.address(None));
    let older = older.map(|id| asked.address(Some(&id)));
    (newest.is_some() || older.is_some()).then(|| {
        view! {
            <nav class="panel__foot" aria-label="Pages">
                <span class="buttons end">
                    {newest.map(|href| view! { <A href attr:class="button button--small">"Newest"</A> })}
                    {older.map(|href| view! { <A href attr:class="button button--small">"Older"</A> })}
                </span>
            </nav>
        }
    })
}
