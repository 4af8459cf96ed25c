//! A session that has ended, whole: the stage, what changed or why nothing did, and the log.

use leptos::prelude::*;
use tandem::model::{Kind, LogLine, SyncResult, SyncStatus};

use super::fixed;
use super::link::EndedLink;
use super::log::Log;
use super::proof::{PerTable, SessionFacts};
use super::set_aside::SetAsideRows;
use super::sides;
use super::stage::Stage;
use super::steps::Steps;
use super::stopped::{AsItWas, Stopped};
use super::throughput::Throughput;
use super::totals::Totals;
use super::undo::{TakenBack, Undo};
use crate::live::use_live;

/// What the server has drawn, between what can be done about it.
#[component]
pub fn Report(status: SyncStatus, log: Vec<LogLine>) -> impl IntoView {
    view! {
        <TakenBack status=status.clone()/>
        {fixed::ended(status.clone(), log)}
        <Undo status/>
    }
    .into_any()
}

pub fn whole(status: SyncStatus, log: Vec<LogLine>) -> AnyView {
    let live = use_live();
    let overview = live.overview.read_untracked();
    let (peer, comparison) = (live.peer(&status.peer), live.comparison(&status.peer));
    let (here, there) = sides::ended(&status, &overview.local, peer.as_ref(), comparison.as_ref());
    let ended = status.clone();
    view! {
        <Stage here=Signal::stored(here) there=Signal::stored(there)><EndedLink status=ended/></Stage>
        {match status.result.clone() {
            Some(result) => view! { <Committed result status log/> }.into_any(),
            None => view! { <NotCommitted status log/> }.into_any(),
        }}
    }
    .into_any()
}

#[component]
fn Committed(result: SyncResult, status: SyncStatus, log: Vec<LogLine>) -> impl IntoView {
    view! {
        <Totals result=result.clone() status=status.clone()/>
        <div class="split">
            <div><SetAsideRows result kind=status.kind/><PerTable status=status.clone()/><Log lines=log/></div>
            <div><SessionFacts status=status.clone()/>
                {(status.kind != Kind::Undo).then(|| view! { <Throughput status=Signal::stored(status)/> })}
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn NotCommitted(status: SyncStatus, log: Vec<LogLine>) -> impl IntoView {
    view! {
        <div class="split">
            <div><Stopped status=status.clone()/><Log lines=log/></div>
            <div><AsItWas status=status.clone()/><SessionFacts status=status.clone()/></div>
        </div>
        <section class="panel" aria-labelledby="far">
            <div class="panel__head"><h2 id="far">"How far it came"</h2></div>
            <Steps status=Signal::stored(status)/>
        </section>
    }
    .into_any()
}
