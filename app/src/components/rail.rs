//! The frame's own column: brand, this node, navigation, how fresh the page is, colour scheme, sign out.

use leptos::prelude::*;
use leptos_router::components::A;

use super::icon::{Glyph, Icon, Mark};
use super::theme_switch::ThemeSwitch;
use crate::calendar::{self, Precision};
use crate::format;
use crate::live::{Connection, use_live, zone_minutes};
use crate::theme::Theme;

#[component]
pub fn Rail(theme: RwSignal<Theme>) -> impl IntoView {
    let live = use_live();
    let percent = Memo::new(move |_| {
        let status = live.status.read();
        let running = status.as_ref().filter(|status| !status.phase.is_final());
        running.map(|status| format!("{} %", format::percent(status.percent)))
    });
    view! {
        <header class="rail">
            <a class="brand" href="/" aria-label="Tandem, home"><Mark/><span class="brand__word">"Tandem"</span></a>
            <div class="here">
                <span class="dot" class:dot--off=move || is_offline(live.connection.get()) aria-hidden="true"></span>
                <span class="here__name" title=live.local_name()>{live.local_name()}</span>
                <span class="here__what">"This server"</span>
            </div>
            <nav class="nav" aria-label="Main">
                <ul>
                    <li>
                        <A href="/" exact=true attr:class="nav__link">
                            <Glyph icon=Icon::Sync/>
                            <span>"Full Sync"</span>
                            {move || percent.get().map(|percent| view! { <span class="nav__end count count--live">{percent}</span> })}
                        </A>
                    </li>
                    <li><A href="/history" attr:class="nav__link"><Glyph icon=Icon::History/><span>"History"</span></A></li>
                    <li class="nav__more">
                        <button class="nav__link" type="button" popovertarget="more"><Glyph icon=Icon::More/><span>"More"</span></button>
                    </li>
                </ul>
            </nav>
            <div class="rail__foot">
                <Freshness/>
                <ThemeSwitch theme group="theme"/>
                <form class="rail__out" method="post" action="/logout">
                    <button class="nav__link" type="submit"><Glyph icon=Icon::Out/><span>"Sign out"</span></button>
                </form>
            </div>
        </header>
        <div class="menu" id="more" popover="auto">
            <ThemeSwitch theme group="theme-menu"/>
            <form method="post" action="/logout">
                <button class="nav__link" type="submit"><Glyph icon=Icon::Out/>"Sign out"</button>
            </form>
        </div>
    }
    .into_any()
}

#[component]
fn Freshness() -> impl IntoView {
    let live = use_live();
    let dot = move || match live.connection.get() {
        Connection::Live => "dot",
        Connection::Connecting | Connection::Polling => "dot dot--busy",
        Connection::Offline { .. } => "dot dot--off",
    };
    let word = move || match live.connection.get() {
        Connection::Connecting => "Connecting".to_owned(),
        Connection::Live => "Live".to_owned(),
        Connection::Polling => "Polling".to_owned(),
        Connection::Offline { since_us } => {
            let zone = zone_minutes(live, since_us);
            format!("Offline since {}", calendar::moment(since_us, since_us, zone, Precision::Second))
        }
    };
    view! { <div class="live"><span class=dot aria-hidden="true"></span><span>{word}</span></div> }
}

fn is_offline(connection: Connection) -> bool {
    matches!(connection, Connection::Offline { .. })
}
