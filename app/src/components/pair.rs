//! Two names and the arrow between them: this server is always the left one, only the arrow turns.

use leptos::prelude::*;
use tandem::model::Direction;

use super::icon::{Glyph, Icon};
use crate::text;

#[component]
pub fn Pair(
    #[prop(into)] local: Signal<String>,
    #[prop(into)] peer: Signal<String>,
    #[prop(into)] direction: Signal<Direction>,
) -> impl IntoView {
    let icon = Signal::derive(move || match direction.get() {
        Direction::Pull => Icon::Left,
        Direction::Push => Icon::Right,
    });
    view! {
        <span class="pair">
            <span class="pair__n" title=local>{local}</span>
            <Glyph icon small=true/>
            <span class="vh">{move || format!(" {} ", text::arrow(direction.get()))}</span>
            <span class="pair__n" title=peer>{peer}</span>
        </span>
    }
}
