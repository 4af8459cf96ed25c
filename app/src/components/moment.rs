//! Times: in UTC from the server, in the reader's own zone once the page is live.

use leptos::prelude::*;

use crate::calendar::{self, Precision};
use crate::format;
use crate::live::{use_live, zone_minutes};

/// A time of day, with the day when it is not today.
#[component]
pub fn Moment(#[prop(into)] us: Signal<i64>, #[prop(optional)] with_seconds: bool) -> impl IntoView {
    let live = use_live();
    let precision = if with_seconds { Precision::Second } else { Precision::Minute };
    let text = Memo::new(move |_| {
        let us = us.get();
        let zone = if live.is_mounted.get() { "" } else { " UTC" };
        format!("{}{zone}", calendar::moment(us, live.now_us.get(), zone_minutes(live, us), precision))
    });
    view! { <time datetime=move || calendar::iso(us.get()) data-second=with_seconds>{text}</time> }.into_any()
}

/// `4 min ago`; goes on by itself.
#[component]
pub fn Age(#[prop(into)] us: Signal<i64>) -> impl IntoView {
    let live = use_live();
    let text = Memo::new(move |_| format::age(us.get(), live.now_us.get()));
    view! { <time datetime=move || calendar::iso(us.get())>{text}</time> }
}
