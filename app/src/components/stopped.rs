//! A sync that was not committed: is my data safe, what happened, why, what now.

use leptos::prelude::*;
use leptos_router::components::A;
use tandem::model::{Phase, Step, SyncStatus};

use super::icon::{Glyph, Icon};
use crate::{format, text};

#[component]
pub fn Stopped(status: SyncStatus) -> impl IntoView {
    let (what, why, hint) = said(&status);
    let tone = match status.phase {
        Phase::Failed => ("callout", "seal seal--bad", Icon::Cross),
        Phase::Interrupted => ("callout callout--warn", "seal seal--warn", Icon::Alert),
        _ => ("callout callout--quiet", "seal", Icon::Minus),
    };
    let again = format!("/?new={}", status.session_id);
    view! {
        <section class=tone.0 aria-labelledby="what">
            <div class="callout__head">
                <span class=tone.1><Glyph icon=tone.2/></span>
                <h2 id="what">{what}</h2>
                <p>{why}</p>
            </div>
            <div class="callout__body">
                <h3>"What to do next"</h3>
                <ol class="next">
                    {(!hint.is_empty()).then(|| view! { <li><div><b>{hint}</b></div></li> })}
                    <li>
                        <div><b>"Start it again"</b><p>"Nothing is left over from this one; the next sync can start at once."</p></div>
                        <A href=again attr:class="button">"New sync"</A>
                    </li>
                    <li><div><b>"Read the log below"</b><p>"It holds every step up to the end, and the exact error."</p></div></li>
                </ol>
            </div>
        </section>
    }
    .into_any()
}

/// The proof that nothing was changed, unless that is in doubt.
#[component]
pub fn AsItWas(status: SyncStatus) -> impl IntoView {
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    if status.in_doubt {
        return view! {
            <section class="panel" aria-labelledby="same">
                <div class="panel__head"><h2 id="same">{format!("Did {target} commit?")}</h2></div>
                <div class="panel__body"><p>{format!("{target} could not be asked. It is asked until it answers, and the session then says it.")}</p></div>
            </section>
        }
        .into_any();
    }
    let title = format!("{target} is as it was");
    let transaction = match status.step_of(Step::Restore).map(|step| step.state) {
        None | Some(tandem::model::StepState::Waiting) => "never begun",
        Some(_) => "rolled back",
    };
    let line = |name: &'static str, value: &'static str| {
        view! { <li><Glyph icon=Icon::Check/><span>{name}</span><span>{value}</span></li> }
    };
    view! {
        <section class="panel" aria-labelledby="same">
            <div class="panel__head"><h2 id="same">{title}</h2></div>
            <ul class="proof">
                {line("Rows written", "0")}
                {line("Transaction", transaction)}
                {line("Next sync can start", "yes")}
            </ul>
        </section>
    }
    .into_any()
}

/// What happened, why, and the engine's advice.
fn said(status: &SyncStatus) -> (String, String, String) {
    let (_, target) = text::source_and_target(status.direction, &status.local, &status.peer);
    let safe = match status.in_doubt {
        true => format!("Whether {target} has committed is not known yet."),
        false => format!("{target} is as it was: nothing is written before everything is checked."),
    };
    match (status.phase, &status.error) {
        // The error says who.
        (Phase::Cancelled, Some(error)) => (
            if status.in_doubt { "Cancelled" } else { "Cancelled before anything was written" }.to_owned(),
            format!("{} {safe}", error.message),
            error.hint.clone(),
        ),
        (_, Some(error)) => (format::headline(&error.message), safe, error.hint.clone()),
        (Phase::Interrupted, None) => {
            ("The server or its peer went away in the middle".to_owned(), safe, String::new())
        }
        (_, None) => ("The sync stopped".to_owned(), safe, String::new()),
    }
}
