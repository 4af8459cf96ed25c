//! What a preview has found, as an admin decides from it. Drawn by the server only, see `fixed.rs`.

mod changes;
mod findings;
mod rows;

use leptos::prelude::*;
use tandem::model::{Preview, SyncStatus, TablePreview};

use super::icon::{Glyph, Icon};
use super::proof::{SessionFacts, skipped};
use super::totals::Total;
use crate::{format, text};

pub fn found(status: &SyncStatus) -> AnyView {
    let names = text::source_and_target(status.direction, &status.local, &status.peer);
    match &status.preview {
        Some(preview) => whole(preview, status, names),
        None => view! {
            <p class="hint"><span>{format!("What was found is on {}’s panel, where the preview was started.", status.peer)}</span></p>
        }
        .into_any(),
    }
}

fn whole(preview: &Preview, status: &SyncStatus, names: (&str, &str)) -> AnyView {
    let is_counted = preview.is_counted();
    view! {
        {findings::blocks(preview, names.1)}
        {is_counted.then(|| sums(preview, names))}
        {newer(preview, names.1)}
        {match is_counted {
            true => sides(preview, status, names),
            false => view! { {findings::warnings(preview)}<SessionFacts status=status.clone()/> }.into_any(),
        }}
    }
    .into_any()
}

fn sides(preview: &Preview, status: &SyncStatus, names: (&str, &str)) -> AnyView {
    view! {
        <div class="split">
            <div>{changes::panel(&preview.tables, names)}{findings::warnings(preview)}</div>
            <div>{expected(preview)}{findings::checks(preview)}<SessionFacts status=status.clone()/></div>
        </div>
    }
    .into_any()
}

fn sums(preview: &Preview, (source, target): (&str, &str)) -> AnyView {
    let sum = |of: fn(&TablePreview) -> u64| preview.sum(of);
    let (inserted, updated, deleted) =
        (sum(|table| table.inserted), sum(|table| table.updated), sum(|table| table.deleted));
    let (unchanged, kept) = (sum(|table| table.unchanged), sum(|table| table.target_only));
    let changed = preview.tables.iter().filter(|table| table.written() > 0).count() as u64;
    let said = match inserted + updated + deleted {
        0 => format!("Nothing in {target} would be changed: it has every row of {source} as it is there."),
        written => format!(
            "{target} would be changed by {source}: {} in {}.",
            format::counted(written, "row", "rows"),
            format::counted(changed, "table", "tables")
        ),
    };
    view! {
        <p class="lede lede--big">{said}</p>
        <section class="panel" aria-label="What would change">
            <dl class="totals">
                <Total kind="insert" sign="+" name="Insert" number=inserted/>
                <Total kind="update" sign="~" name="Update" number=updated/>
                <Total kind="delete" sign="−" name="Delete" number=deleted/>
                <Total kind="same" sign="=" name="Unchanged" number=unchanged/>
                <Total kind="same" sign="⊇" name="Only there, kept" number=kept/>
            </dl>
        </section>
    }
    .into_any()
}

fn newer(preview: &Preview, target: &str) -> Option<AnyView> {
    let newer = preview.sum(|table| table.newer);
    let said = match newer {
        0 => return None,
        1 => format!("1 row of {target} is newer than what would replace it."),
        newer => format!("{} rows of {target} are newer than what would replace them.", format::count(newer)),
    };
    let hint = view! {
        <p class="hint hint--warn">
            <Glyph icon=Icon::Alert/>
            <span><b>{said}</b>" They are marked below; choose the other rows to leave them as they are."</span>
        </p>
    };
    Some(hint.into_any())
}

fn expected(preview: &Preview) -> AnyView {
    view! {
        <section class="panel" aria-labelledby="expected">
            <div class="panel__head"><h2 id="expected">"To be expected"</h2></div>
            <div class="panel__body">
                <dl class="facts">
                    <dt>"On the way"</dt><dd>{format::bytes(preview.bytes).to_string()}</dd>
                    <dt>"Space in the database"</dt><dd>{format!("about {}", format::bytes(preview.space_bytes))}</dd>
                    <dt>"Takes about"</dt><dd>{format::duration(preview.about_ms)}</dd>
                    {(!preview.rights.is_empty()).then(|| view! { <dt>"Triggers and keys"</dt><dd>{preview.rights.clone()}</dd> })}
                    {skipped(&preview.skipped)}
                </dl>
            </div>
        </section>
    }
    .into_any()
}
