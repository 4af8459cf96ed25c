//! The listed syncs as beats, a line per peer: what is regular is seen without reading.

use std::collections::BTreeMap;

use leptos::prelude::*;
use tandem::model::{Kind, Phase, SessionSummary};

use crate::format;

#[component]
pub fn Heartbeat(
    /// The newest first, as the history lists them.
    sessions: Vec<SessionSummary>,
) -> impl IntoView {
    let mut peers: BTreeMap<String, Vec<SessionSummary>> = BTreeMap::new();
    for session in sessions.into_iter().rev().filter(|session| session.kind == Kind::Sync) {
        peers.entry(session.peer.clone()).or_default().push(session);
    }
    view! {
        <section class="panel" aria-labelledby="beats">
            <div class="panel__head">
                <h2 id="beats">"Syncs per peer"</h2>
                <div class="key" aria-hidden="true">
                    <span><i></i>"verified"</span>
                    <span><i class="u"></i>"not verified"</span>
                    <span><i class="f"></i>"failed"</span>
                    <span><i class="c"></i>"cancelled"</span>
                </div>
            </div>
            <ul class="beats">
                {peers.into_iter().map(|(peer, sessions)| view! { <Line peer sessions/> }).collect_view()}
            </ul>
        </section>
    }
    .into_any()
}

#[component]
fn Line(peer: String, sessions: Vec<SessionSummary>) -> impl IntoView {
    let verified = sessions.iter().filter(|session| session.phase == Phase::Verified).count();
    let all = sessions.len();
    let share = format!("{} %", format::percent(verified as f64 * 100.0 / all.max(1) as f64));
    let label =
        format!("Last {} with {peer}: {verified} verified", format::counted(all as u64, "sync", "syncs"));
    view! {
        <li>
            <span class="beats__n" title=peer.clone()>{peer.clone()}</span>
            <div class="beat" role="img" aria-label=label>
                {sessions.iter().map(|session| view! { <i class=beat(session.phase)></i> }).collect_view()}
            </div>
            <span class="beats__v"><b>{share}</b>" verified"</span>
            <span class="beats__v">{median(&sessions).map(|median| view! { "median "<b>{format::duration(median)}</b> })}</span>
        </li>
    }
}

fn beat(phase: Phase) -> &'static str {
    match phase {
        Phase::Verified => "",
        Phase::Running | Phase::Cancelling => "l",
        Phase::Failed | Phase::Interrupted => "f",
        Phase::Cancelled => "c",
        Phase::Completed | Phase::Undone | Phase::Previewed => "u",
    }
}

/// Of those that were committed: the others say nothing about how long a sync takes.
fn median(sessions: &[SessionSummary]) -> Option<u64> {
    let mut times: Vec<u64> = sessions
        .iter()
        .filter(|session| session.phase.is_committed())
        .map(|session| session.elapsed_ms)
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}
