//! The options of a sync, each with what it means; one line of the lists below is one choice.

use leptos::prelude::*;
use tandem::model::{ConflictPolicy, DeletePolicy, RowErrors, SyncOptions};

use crate::draft::Draft;
use crate::live::use_live;

/// Label, what it means, whether it is set, and how it is set.
type Choice = (&'static str, &'static str, fn(&SyncOptions) -> bool, fn(&mut SyncOptions));

const SWITCHES: [Choice; 6] = [
    ("Compress", "zstd, about a fifth of the bytes", |set| set.compress, |set| set.compress = !set.compress),
    (
        "Verify after sync",
        "Compares both databases once more after the commit",
        |set| set.verify,
        |set| set.verify = !set.verify,
    ),
    ("Keep for undo", "What is replaced is kept for some days", |set| set.undo, |set| set.undo = !set.undo),
    (
        "Without demo data",
        "Demo businesses and all that hangs on them are left out",
        |set| set.scope.without_demo,
        |set| set.scope.without_demo = !set.scope.without_demo,
    ),
    (
        "Make missing tables",
        "As they are on the other server",
        |set| set.initialise,
        |set| set.initialise = !set.initialise,
    ),
    (
        "Add missing columns",
        "And labels of enums; they stay even if the sync fails",
        |set| set.additive,
        |set| set.additive = !set.additive,
    ),
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

/// Id, label, what it means, and how its text is read and taken.
type Field =
    (&'static str, &'static str, &'static str, fn(&SyncOptions) -> String, fn(&mut SyncOptions, &str));

const FIELDS: [Field; 6] = [
    (
        "include",
        "Only these tables",
        "Names with *, separated by spaces",
        |set| set.scope.include.join(" "),
        |set, text| set.scope.include = globs(text),
    ),
    (
        "exclude",
        "Not these tables",
        "As audit_* or tmp_*, separated by spaces",
        |set| set.scope.exclude.join(" "),
        |set, text| set.scope.exclude = globs(text),
    ),
    (
        "without-columns",
        "Not these columns",
        "As customers.note; they keep their own values",
        |set| set.scope.without_columns.join(" "),
        |set, text| set.scope.without_columns = globs(text),
    ),
    (
        "business",
        "Only one business",
        "Its key; empty takes all of them",
        |set| set.scope.business.clone().unwrap_or_default(),
        |set, text| set.scope.business = Some(text.trim().to_owned()).filter(|key| !key.is_empty()),
    ),
    (
        "audit-limit",
        "Rows of audit tables",
        "So many of the newest, in digits; empty takes all",
        |set| set.scope.audit_limit.map(|limit| limit.to_string()).unwrap_or_default(),
        |set, text| set.scope.audit_limit = text.trim().parse().ok(),
    ),
    (
        "bandwidth",
        "Bandwidth",
        "Kilobytes a second at most, from 64 on; empty sets no limit",
        |set| set.bandwidth_kb.map(|limit| limit.to_string()).unwrap_or_default(),
        |set, text| set.bandwidth_kb = text.trim().parse().ok(),
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
            {FIELDS.iter().map(|field| text_field(draft, field)).collect_view()}
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

fn text_field(draft: Draft, (id, label, why, read, take): &'static Field) -> AnyView {
    let set = move || read(&draft.options.read());
    let take = move |event: leptos::ev::Event| {
        draft.options.update(|options| take(options, &event_target_value(&event)));
        // What could not be read is not left standing as if it were set.
        event_target::<leptos::web_sys::HtmlInputElement>(&event)
            .set_value(&read(&draft.options.read_untracked()));
    };
    let live = use_live();
    let why_id = format!("{id}-why");
    view! {
        <div class="field">
            <label class="options__name" for=*id>{*label}</label>
            <input
                class="input"
                id=*id
                spellcheck="false"
                autocapitalize="off"
                aria-describedby=why_id.clone()
                disabled=move || live.is_deaf()
                value=set
                prop:value=set
                on:change=take
            />
            <span class="note" id=why_id>{*why}</span>
        </div>
    }
    .into_any()
}

fn globs(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
