//! The few signs of the panel, drawn as one path each.

use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Alert,
    Check,
    Chevron,
    Compare,
    Cross,
    Download,
    Eye,
    History,
    Left,
    Minus,
    More,
    Out,
    Right,
    Sync,
    Undo,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Alert => "M12 4 2.8 19.5h18.4ZM12 10v4.2M12 17h.01",
            Icon::Check => "m5 12.5 4.5 4.5L19 7.5",
            Icon::Chevron => "m9.5 6 6 6-6 6",
            Icon::Compare => {
                "M20 11a8 8 0 0 0-14.6-3.4L4 9.5M4 4.5v5h5M4 13a8 8 0 0 0 14.6 3.4l1.4-1.9M20 19.5v-5h-5"
            }
            Icon::Cross => "M6.5 6.5l11 11M17.5 6.5l-11 11",
            Icon::Download => "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
            Icon::Eye => {
                "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5"
            }
            Icon::History => "M3.5 12a8.5 8.5 0 1 0 2.6-6.1L3.5 8.5M3.5 3.8v4.7h4.7M12 7.5V12l3.2 1.8",
            Icon::Left => "M20 12H4.5M10.5 6l-6 6 6 6",
            Icon::Minus => "M6 12h12",
            Icon::More => "M5 12h.01M12 12h.01M19 12h.01",
            Icon::Out => "M14 4.5H7a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h7M10.5 12H20M16.5 8.5 20 12l-3.5 3.5",
            Icon::Right => "M4 12h15.5M13.5 6l6 6-6 6",
            Icon::Sync => "M4 9h13M13 5l4 4-4 4M20 15H7M11 11l-4 4 4 4",
            Icon::Undo => "M4 9h10a5.5 5.5 0 0 1 0 11H9M8 5 4 9l4 4",
        }
    }
}

/// Decoration only: the word stands beside it.
#[component]
pub fn Glyph(icon: Icon, #[prop(optional)] small: bool) -> impl IntoView {
    view! {
        <svg class=if small { "icon icon--s" } else { "icon" } viewBox="0 0 24 24" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
    .into_any()
}

/// The two databases riding in tandem.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg viewBox="0 0 26 20" aria-hidden="true">
            <rect x="3" y="1" width="9" height="3" rx="1.5"></rect>
            <rect x="7" y="6" width="5" height="3" rx="1.5"></rect>
            <rect x="0" y="11" width="12" height="3" rx="1.5"></rect>
            <rect x="5" y="16" width="7" height="3" rx="1.5"></rect>
            <rect x="14" y="1" width="9" height="3" rx="1.5"></rect>
            <rect x="14" y="6" width="5" height="3" rx="1.5"></rect>
            <rect x="14" y="11" width="12" height="3" rx="1.5"></rect>
            <rect x="14" y="16" width="7" height="3" rx="1.5"></rect>
        </svg>
    }
}
