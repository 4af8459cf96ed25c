//! Two databases facing each other: this server left, the other one right, what is between them in the middle.

use leptos::prelude::*;

use super::comb::{Comb, Teeth};
use crate::format;

/// What one database's card says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side {
    pub name: String,
    pub address: String,
    pub badge: Option<Badge>,
    pub facts: Vec<(&'static str, String)>,
    pub teeth: Teeth,
    /// Beside the fingerprint: `compared 4 min ago`.
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Badge {
    pub text: &'static str,
    pub class: &'static str,
}

impl Badge {
    pub const CHANGED: Badge = Badge { text: "Will be changed", class: "badge badge--accent" };
    pub const READ: Badge = Badge { text: "Is only read", class: "badge" };
    pub const LOOKED: Badge = Badge { text: "Nothing is written", class: "badge" };
    pub const STAGED: Badge = Badge { text: "Unchanged until step 4", class: "badge" };
    pub const WRITING: Badge = Badge { text: "One transaction is open", class: "badge badge--accent" };
    pub const UNCHANGED: Badge = Badge { text: "Unchanged", class: "badge badge--ok" };
}

#[component]
pub fn Stage(
    #[prop(into)] here: Signal<Side>,
    #[prop(into)] there: Signal<Side>,
    /// Figures that only fill the card give way on a phone.
    #[prop(optional)]
    is_live: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="stage" class:stage--live=is_live>
            <Database side=here place="here" role="This server"/>
            {children()}
            <Database side=there place="there" role="Other server"/>
        </div>
    }
    .into_any()
}

#[component]
fn Database(side: Signal<Side>, place: &'static str, role: &'static str) -> impl IntoView {
    (move || {
        let Side { name, address, badge, facts, teeth, note } = side.get();
        let badge = badge.map(|badge| view! { " " <span class=badge.class>{badge.text}</span> });
        let facts =
            facts.into_iter().map(|(term, value)| view! { <div><dt>{term}</dt><dd>{value}</dd></div> });
        let print = teeth.own.as_ref().map(|print| view! { <code>{format::fingerprint(print)}</code>" " });
        let (label, title, shown) = (name.clone(), name.clone(), name.clone());
        view! {
            <article class="database" data-side=place aria-label=label>
                <div class="database__role">{role}{badge}</div>
                <h2 class="database__name" title=title>{shown}</h2>
                <div class="database__address">{address}</div>
                <dl class="facts facts--line">{facts.collect_view()}</dl>
                <div class="database__print">{print}<span>{note}</span></div>
                <Comb teeth name/>
            </article>
        }
    })
    .into_any()
}
