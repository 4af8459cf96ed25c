//! The log of a sync, on demand; while it runs it follows the newest line.

use leptos::html::Div;
use leptos::prelude::*;
use tandem::model::{LogLevel, LogLine};

use super::icon::{Glyph, Icon};
use crate::format;

#[component]
pub fn Log(
    #[prop(into)] lines: Signal<Vec<LogLine>>,
    #[prop(optional)] is_live: bool,
    #[prop(optional)] open: bool,
) -> impl IntoView {
    let list = NodeRef::<Div>::new();
    Effect::new(move || {
        lines.track();
        if let Some(list) = list.get().filter(|_| is_live) {
            follow(&list);
        }
    });
    let count = move || {
        let last = lines.read().last().map_or(0, |line| line.number);
        format!("{}{}", format::counted(last, "line", "lines"), if is_live { ", following" } else { "" })
    };
    view! {
        <details class="panel" open=open>
            <summary class="panel__head">
                <span class="h"><Glyph icon=Icon::Chevron/>"Log"</span>
                <span class="note">{count}</span>
            </summary>
            <div class="log" role="log" tabindex="0" aria-label="Log of this sync" aria-live="off" node_ref=list>
                <ol>
                    <For each=move || lines.get() key=|line| line.number let:line><Line line/></For>
                </ol>
            </div>
        </details>
    }
    .into_any()
}

#[component]
fn Line(line: LogLine) -> impl IntoView {
    let level = match line.level {
        LogLevel::Info => None,
        LogLevel::Warn => Some("warn"),
        LogLevel::Error => Some("error"),
    };
    let step = line.step.map_or("session", |step| step.name());
    view! {
        <li data-level=level>
            <span>{line.number}</span>
            <span>{format::clock(line.elapsed_ms / 1000)}</span>
            <span>{step.to_ascii_lowercase()}</span>
            <span>{level.map(|level| view! { <span class="vh">{level}": "</span> })}{line.text}</span>
        </li>
    }
    .into_any()
}

/// Stays at the end, unless the reader has scrolled up.
fn follow(list: &leptos::web_sys::HtmlDivElement) {
    let distance = list.scroll_height() - list.scroll_top() - list.client_height();
    if distance < 120 {
        list.set_scroll_top(list.scroll_height());
    }
}
