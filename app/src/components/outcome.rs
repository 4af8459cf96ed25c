//! How a sync ended, always as a sign and a word.

use leptos::prelude::*;
use tandem::model::{Kind, Phase};

use super::icon::{Glyph, Icon};
use crate::text;

fn icon(phase: Phase) -> Icon {
    match phase {
        Phase::Running | Phase::Cancelling => Icon::Sync,
        Phase::Verified | Phase::Completed => Icon::Check,
        Phase::Failed => Icon::Cross,
        Phase::Cancelled => Icon::Minus,
        Phase::Interrupted => Icon::Alert,
        Phase::Undone => Icon::Undo,
        Phase::Previewed => Icon::Eye,
    }
}

/// Green only for what is proved.
fn tone(phase: Phase) -> &'static str {
    match phase {
        Phase::Running | Phase::Cancelling => "live",
        Phase::Verified => "ok",
        Phase::Failed => "bad",
        Phase::Interrupted => "warn",
        Phase::Completed | Phase::Cancelled | Phase::Undone | Phase::Previewed => "quiet",
    }
}

/// A round sign; the word is there for who does not see it.
#[component]
pub fn Seal(phase: Phase) -> impl IntoView {
    view! {
        <span class=format!("seal seal--{}", tone(phase))>
            <Glyph icon=icon(phase)/>
            <span class="vh">{text::phase(phase)} ": "</span>
        </span>
    }
}

/// Sign and word.
#[component]
pub fn Outcome(phase: Phase, kind: Kind) -> impl IntoView {
    view! {
        <span class=format!("state state--{}", tone(phase))>
            <Glyph icon=icon(phase) small=true/>
            {text::outcome(phase, kind)}
        </span>
    }
}
