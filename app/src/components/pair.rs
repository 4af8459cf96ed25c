//! Two names and the arrow between them: this server is always the left one, only the arrow turns.

use leptos::prelude::*;
use tandem::model::Direction;

use super::icon::{Glyph, Icon};
use crate::text;

#[component]
pub fn Pair(local: String, peer: String, direction: Direction) -> impl IntoView {
    let icon = match direction {
        Direction::Pull => Icon::Left,
        Direction::Push => Icon::Right,
    };
    let (local_title, peer_title) = (local.clone(), peer.clone());
    view! {
        <span class="pair">
            <span class="pair__n" title=local_title>{local}</span>
            <Glyph icon small=true/>
            <span class="vh">{format!(" {} ", text::arrow(direction))}</span>
            <span class="pair__n" title=peer_title>{peer}</span>
        </span>
    }
    .into_any()
}
