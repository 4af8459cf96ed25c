//! What is between the two databases while a sync runs, and after it.

use leptos::prelude::*;
use tandem::model::{Direction, Kind, Phase, Relation, Step, StepState, SyncStatus};

use super::icon::{Glyph, Icon};
use crate::{format, text};

fn toward(direction: Direction) -> &'static str {
    match direction {
        Direction::Pull => "here",
        Direction::Push => "there",
    }
}

/// One wire that flows towards the target, as long as bytes flow.
#[component]
pub fn RunningLink(
    #[prop(into)] status: Signal<SyncStatus>,
    #[prop(into)] is_fresh: Signal<bool>,
) -> impl IntoView {
    (move || {
        let status = status.read();
        let (source, target) = text::source_and_target(status.direction, &status.local, &status.peer);
        let has_travelled = status.step_of(Step::Transfer).is_some_and(|step| step.state == StepState::Done);
        let class = match () {
            () if !is_fresh.get() || status.phase == Phase::Cancelling => "wire wire--live wire--still",
            () if has_travelled => "wire wire--live wire--rest",
            () => "wire wire--live",
        };
        let rate = status.is_transferring().then(|| format::rate(status.bytes_per_second).to_string());
        let left = status.eta_seconds.map(|left| format!("{} left", format::remaining(left)));
        let pace: Vec<String> = [rate, left].into_iter().flatten().collect();
        let pace = (!pace.is_empty()).then(|| view! { <b>{pace.join(", ")}</b><br/> });
        view! {
            <div class="link">
                <div class="link__big">{format::percent(status.percent)}<small>"%"</small></div>
                <div
                    class=class
                    data-to=toward(status.direction)
                    role="img"
                    aria-label=format!("Data flows from {source} into {target}")
                ></div>
                <p class="link__text">{pace}{status.message.clone()}</p>
            </div>
        }
    })
    .into_any()
}

#[component]
pub fn EndedLink(status: SyncStatus) -> impl IntoView {
    match (&status.result, status.phase) {
        (Some(result), Phase::Verified | Phase::Completed | Phase::Undone) => {
            view! { <Committed relation=result.relation.clone() status=status.clone()/> }.into_any()
        }
        (Some(_), _) => {
            view! { <Committed relation=Relation::Unverified { reason: String::new() } status/> }.into_any()
        }
        (None, _) => view! { <Cut status/> }.into_any(),
    }
}

#[component]
fn Committed(relation: Relation, status: SyncStatus) -> impl IntoView {
    let (source, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let part = status.result.as_ref().and_then(|result| result.part.as_deref());
    let sentence = match status.phase {
        Phase::Undone => format!("What {target} got from {source} was taken back."),
        _ if status.kind == Kind::Undo
            && status.result.as_ref().is_some_and(|result| result.set_aside > 0) =>
        {
            format!("The rows of {target} are as they were before, but for those that were changed since.")
        }
        _ => text::relation(&relation, part, source, target),
    };
    let (word, seal, wire, sign) = match relation {
        Relation::Identical => ("Identical", "seal seal--ok", "wire wire--equal", None),
        Relation::Contains { .. } => {
            ("Contains everything", "seal seal--ok", "wire wire--contains", Some("⊇"))
        }
        Relation::Restored => ("As it was before", "seal seal--ok", "wire wire--done", None),
        Relation::Chosen { .. } => ("Chosen rows are equal", "seal seal--ok", "wire wire--done", None),
        Relation::Except { .. } => ("All but some rows", "seal seal--warn", "wire wire--done", None),
        Relation::Unverified { .. } => ("Not verified", "seal", "wire wire--done", None),
    };
    let left_alone = status.result.as_ref().map_or(0, |result| result.set_aside);
    let (word, seal, wire, sign) = match (status.phase, status.kind) {
        // What was proven then is not true any more.
        (Phase::Undone, _) => ("Undone", "seal", "wire wire--done", None),
        (_, Kind::Undo) if left_alone > 0 => ("Not all as it was", "seal", "wire wire--done", None),
        _ => (word, seal, wire, sign),
    };
    let is_proven = seal.ends_with("ok");
    let what = status.result.as_ref().map(|result| {
        format!(
            "{}, {}",
            format::counted(result.tables, "table", "tables"),
            format::counted(result.rows, "row", "rows")
        )
    });
    view! {
        <div class="link">
            <p class="link__word">
                <span class=seal><Glyph icon=if is_proven { Icon::Check } else { Icon::Minus }/></span>
                {word}
            </p>
            <div class=wire data-to=toward(status.direction) role="img" aria-label=sentence.clone()>
                {sign.map(|sign| view! { <span class="wire__cross" aria-hidden="true">{sign}</span> })}
            </div>
            <p class="link__text">{sentence.clone()}<br/>{what}{is_proven.then_some(if status.kind == Kind::Undo { ", compared before the commit" } else { ", compared after the commit" })}</p>
        </div>
    }
    .into_any()
}

#[component]
fn Cut(status: SyncStatus) -> impl IntoView {
    let step =
        status.error.as_ref().and_then(|error| error.step).map_or(status.step.max(1), |step| step.number());
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let wire = if status.phase == Phase::Failed { "wire wire--cut" } else { "wire wire--cut wire--quiet" };
    let took = format::duration(status.elapsed_ms);
    let (came, took) = match status.in_doubt {
        true => (format!("It is not known what reached {target}"), format!("After {took}.")),
        false => (format!("Nothing reached {target}"), format!("Before the commit, after {took}.")),
    };
    view! {
        <div class="link">
            <p class="link__word">{format!("Stopped in step {step}")}</p>
            <div class=wire data-to=toward(status.direction) role="img" aria-label=came>
                <span class="wire__cross"><Glyph icon=Icon::Cross/></span>
            </div>
            <p class="link__text">{took}</p>
        </div>
    }
    .into_any()
}
