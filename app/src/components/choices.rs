//! The options of a sync, each with what it means; one line of the lists below is one choice.

use leptos::prelude::*;
use tandem::model::{ConflictPolicy, DeletePolicy, RowErrors, Scope, SyncOptions};

use crate::draft::Draft;
use crate::live::use_live;

/// Label, what it means, whether it is set, and how it is set.
type Choice = (&'static str, &'static str, fn(&SyncOptions) -> bool, fn(&mut SyncOptions));

const SWITCHES: [Choice; 3] = [
    ("Compress", "zstd, about a fifth of the bytes", |set| set.compress, |set| set.compress = !set.compress),
    (
        "Verify after sync",
        "Compares both databases once more after the commit",
        |set| set.verify,
        |set| set.verify = !set.verify,
    ),
    ("Keep for undo", "What is replaced is kept for some days", |set| set.undo, |set| set.undo = !set.undo),
];

const DELETES: [Choice; 2] = [
    (
        "Keep",
        "They stay as they are",
        |set| set.deletes == DeletePolicy::Keep,
        |set| set.deletes = DeletePolicy::Keep,
    ),
    (
        "Delete",
        "It becomes identical to the other server",
        |set| set.deletes == DeletePolicy::Mirror,
        |set| set.deletes = DeletePolicy::Mirror,
    ),
];

const CONFLICTS: [Choice; 4] = [
    (
        "Stop",
        "Nothing is written when a unique value is taken",
        |set| set.conflicts == ConflictPolicy::Abort,
        |set| set.conflicts = ConflictPolicy::Abort,
    ),
    (
        "Leave out",
        "The incoming row and what hangs on it are listed",
        |set| set.conflicts == ConflictPolicy::Skip,
        |set| set.conflicts = ConflictPolicy::Skip,
    ),
    (
        "The incoming row wins",
        "The row that holds the value goes",
        |set| set.conflicts == ConflictPolicy::Source,
        |set| set.conflicts = ConflictPolicy::Source,
    ),
    (
        "The existing row wins",
        "It keeps its value, the incoming row gives way",
        |set| set.conflicts == ConflictPolicy::Target,
        |set| set.conflicts = ConflictPolicy::Target,
    ),
];

const REFUSED: [Choice; 2] = [
    (
        "Stop",
        "One bad row, and nothing is written",
        |set| set.row_errors == RowErrors::Strict,
        |set| set.row_errors = RowErrors::Strict,
    ),
    (
        "Leave out",
        "Bad rows are listed, the rest is written",
        |set| set.row_errors == RowErrors::Isolate,
        |set| set.row_errors = RowErrors::Isolate,
    ),
];

#[component]
pub fn Choices(draft: Draft, target: Signal<String>) -> impl IntoView {
    let named = |text: &'static str| view! { {text} }.into_any();
    view! {
        <div class="options">
            {group(draft, "check", "transfer", named("Transfer"), &SWITCHES)}
            {group(draft, "radio", "deletes", view! { "Rows only " {target} " has" }.into_any(), &DELETES)}
            {group(draft, "radio", "conflicts", named("Unique values that are taken"), &CONFLICTS)}
            {group(draft, "radio", "row-errors", named("Rows that are refused"), &REFUSED)}
            {globs(draft, "include", "Only these tables", |scope| &mut scope.include)}
            {globs(draft, "exclude", "Not these tables", |scope| &mut scope.exclude)}
        </div>
    }
    .into_any()
}

fn group(
    draft: Draft,
    class: &'static str,
    name: &'static str,
    legend: AnyView,
    choices: &'static [Choice],
) -> AnyView {
    let choice = |(label, why, is_set, set): &'static Choice| {
        let is_chosen = move || is_set(&draft.options.read());
        view! {
            <label class="choice">
                <input
                    class=class
                    type=if class == "check" { "checkbox" } else { "radio" }
                    name=name
                    checked=is_chosen
                    prop:checked=is_chosen
                    on:change=move |_| draft.options.update(set)
                />
                <span>{*label}</span>
                <span class="choice__why">{*why}</span>
            </label>
        }
    };
    let live = use_live();
    view! {
        <fieldset disabled=move || live.is_deaf()>
            <legend class="options__name">{legend}</legend>
            {choices.iter().map(choice).collect_view()}
        </fieldset>
    }
    .into_any()
}

/// Names of tables with `*`, separated by commas or spaces.
fn globs(
    draft: Draft,
    id: &'static str,
    label: &'static str,
    of: fn(&mut Scope) -> &mut Vec<String>,
) -> AnyView {
    let set = move || of(&mut draft.options.get().scope).join(" ");
    let take = move |event: leptos::ev::Event| {
        let names = event_target_value(&event);
        let names = names.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        draft.options.update(|options| *of(&mut options.scope) = names);
    };
    let live = use_live();
    let why = format!("{id}-why");
    view! {
        <div class="field">
            <label class="options__name" for=id>{label}</label>
            <input
                class="input"
                id=id
                placeholder="audit_* tmp_*"
                spellcheck="false"
                autocapitalize="off"
                aria-describedby=why.clone()
                disabled=move || live.is_deaf()
                value=set
                prop:value=set
                on:change=take
            />
            <span class="note" id=why>"Names with *, separated by spaces"</span>
        </div>
    }
    .into_any()
}
