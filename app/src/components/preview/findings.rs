//! What stands in the way of a sync, what should be known before it, and what was checked.

use leptos::prelude::*;
use tandem::model::{Check, CheckState, Preview, PreviewFinding};

use super::super::act::BLOCKED;
use super::super::icon::{Glyph, Icon};
use crate::format;

/// Each reason why a sync would be refused, with its remedy.
pub(super) fn blocks(preview: &Preview, target: &str) -> Option<AnyView> {
    let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
    let reason = |finding: &&PreviewFinding| {
        view! {
            <li><div>
                <b class="lines">{finding.text.clone()}</b>
                {(!finding.remedy.is_empty()).then(|| view! { <p class="lines">{finding.remedy.clone()}</p> })}
            </div></li>
        }
    };
    let reasons = format::counted(blocks.len() as u64, "reason", "reasons");
    let callout = view! {
        <section class="callout" aria-labelledby=BLOCKED>
            <div class="callout__head">
                <span class="seal seal--bad"><Glyph icon=Icon::Cross/></span>
                <h2 id=BLOCKED>"This sync would be refused"</h2>
                <p>{format!("Nothing was written. {target} stays as it is.")}</p>
            </div>
            <div class="callout__body">
                <h3>{format!("What stands in the way: {reasons}")}</h3>
                <ul class="next next--plain">{blocks.iter().map(reason).collect_view()}</ul>
            </div>
        </section>
    };
    (!blocks.is_empty()).then(|| callout.into_any())
}

pub(super) fn warnings(preview: &Preview) -> Option<AnyView> {
    let warnings: Vec<_> = preview.findings.iter().filter(|finding| !finding.blocks).collect();
    let line = |finding: &&PreviewFinding| {
        // Statements follow a colon.
        let text = match finding.statements.is_empty() {
            true => format::sentence(&finding.text),
            false => finding.text.clone(),
        };
        view! {
            <li>
                <span class="seal seal--warn"><Glyph icon=Icon::Alert/><span class="vh">"Attention: "</span></span>
                <div>
                    <span class="lines">{text} " " <span class="soft">{finding.remedy.clone()}</span></span>
                    {(!finding.statements.is_empty()).then(|| view! { <pre class="statements mono">{finding.statements.join("\n")}</pre> })}
                </div>
            </li>
        }
    };
    let panel = view! {
        <section class="panel" aria-labelledby="findings">
            <div class="panel__head">
                <h2 id="findings">"To be known before"</h2>
                <span class="note">{format::counted(warnings.len() as u64, "note", "notes")}</span>
            </div>
            <ul class="findings">{warnings.iter().map(line).collect_view()}</ul>
        </section>
    };
    (!warnings.is_empty()).then(|| panel.into_any())
}

pub(super) fn checks(preview: &Preview) -> Option<AnyView> {
    let passed = preview.checks.iter().filter(|check| check.state == CheckState::Passed).count();
    let said = format!("{passed} of {}", preview.checks.len());
    let panel = view! {
        <section class="panel" aria-labelledby="checks">
            <div class="panel__head"><h2 id="checks">"Checks"</h2><span class="note">{said}" passed"</span></div>
            <ul class="findings">{preview.checks.iter().map(check).collect_view()}</ul>
        </section>
    };
    (!preview.checks.is_empty()).then(|| panel.into_any())
}

fn check(check: &Check) -> AnyView {
    let (tone, icon, word) = match check.state {
        CheckState::Passed => ("seal seal--ok", Icon::Check, "Passed: "),
        CheckState::Warning => ("seal seal--warn", Icon::Alert, "Attention: "),
        CheckState::Failed => ("seal seal--bad", Icon::Cross, "Failed: "),
    };
    let fix = (check.state != CheckState::Passed).then(|| check.fix.clone());
    view! {
        <li>
            <span class=tone><Glyph icon/><span class="vh">{word}</span></span>
            <div><b>{check.name.clone()}</b>" "<span class="soft">{check.text.clone()}" "{fix}</span></div>
        </li>
    }
    .into_any()
}
