//! What the panel knows and how fresh it is: rendered once by the server, then kept true by a stream or by polling.

#[cfg(feature = "hydrate")]
mod follow;

use leptos::prelude::*;
use tandem::model::{Comparison, Overview, Peer, SessionId, SyncStatus};

use crate::text;

/// How the newest state gets here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The page is as the server wrote it: the browser's code is not there yet, or has not heard anything.
    Connecting,
    Live,
    /// The stream is cut; the state is asked for every few seconds.
    Polling,
    /// This server does not answer; what is shown is from then.
    Offline {
        since_us: i64,
    },
}

/// The panel's state, for all pages.
#[derive(Clone, Copy)]
pub struct Live {
    /// Without its `current`, which lives in `status` alone.
    pub overview: RwSignal<Overview>,
    /// The running sync, or the last one.
    pub status: RwSignal<Option<SyncStatus>>,
    pub connection: RwSignal<Connection>,
    /// The server's clock; ages are counted from it.
    pub now_us: RwSignal<i64>,
    /// False while the server's page is made live: until then both must write the same.
    pub is_mounted: RwSignal<bool>,
}

impl Live {
    pub fn new(mut overview: Overview) -> Self {
        let status = RwSignal::new(overview.current.take());
        let now_us = RwSignal::new(overview.now_us);
        Self {
            overview: RwSignal::new(overview),
            status,
            connection: RwSignal::new(Connection::Connecting),
            now_us,
            is_mounted: RwSignal::new(false),
        }
    }

    /// Keeps the state fresh from now on; does nothing on the server.
    pub fn follow(self) {
        Effect::new(move || {
            // In a task after that which has made the page live: each of the two is short.
            #[cfg(feature = "hydrate")]
            set_timeout(
                move || {
                    self.is_mounted.set(true);
                    follow::start(self);
                },
                std::time::Duration::ZERO,
            );
        });
    }

    /// Takes a newer overview; `status` stays, because the stream is always newer.
    pub fn take(self, mut overview: Overview) {
        overview.current = None;
        self.now_us.set(overview.now_us);
        self.overview.set(overview);
    }

    /// Puts a fresh comparison in the place of the one before.
    pub fn take_comparison(self, comparison: Comparison) {
        self.overview.update(|overview| {
            overview.comparisons.retain(|other| other.peer != comparison.peer);
            overview.comparisons.push(comparison);
        });
    }

    pub fn local_name(self) -> Signal<String> {
        Signal::derive(move || self.overview.read().local.name.clone())
    }

    /// A text, not a signal: the server writes a page's head when the page's own signals may be gone already.
    pub fn title(self, page: &str) -> String {
        format!("{page} · {} · {}", self.overview.read_untracked().local.name, text::TITLE)
    }

    pub fn peer(self, name: &str) -> Option<Peer> {
        self.overview.read().peers.iter().find(|peer| peer.name == name).cloned()
    }

    pub fn comparison(self, peer: &str) -> Option<Comparison> {
        self.overview.read().comparisons.iter().find(|comparison| comparison.peer == peer).cloned()
    }

    /// The live status of a session, when it is the one that is shown.
    pub fn status_of(self, session: &SessionId) -> Option<SyncStatus> {
        self.status.read().as_ref().filter(|status| status.session_id == *session).cloned()
    }

    /// Nothing listens to a button yet: it is shown disabled, because a click on it would be lost in silence.
    pub fn is_deaf(self) -> bool {
        !self.is_mounted.get()
    }

    pub fn is_running(self) -> Signal<bool> {
        Signal::derive(move || self.status.read().as_ref().is_some_and(|status| !status.phase.is_final()))
    }
}

/// The panel's state; every page is inside the frame that provides it.
pub fn use_live() -> Live {
    expect_context::<Live>()
}

/// Minutes that the reader's clocks are ahead of UTC at that moment; 0 until the page is live.
#[cfg_attr(not(feature = "hydrate"), expect(unused_variables, reason = "the server writes UTC"))]
pub fn zone_minutes(live: Live, us: i64) -> i32 {
    if !live.is_mounted.get() {
        return 0;
    }
    #[cfg(feature = "hydrate")]
    return offset_minutes(us);
    #[cfg(not(feature = "hydrate"))]
    0
}

/// What the browser's own zone is ahead of UTC at that moment.
#[cfg(feature = "hydrate")]
pub fn offset_minutes(us: i64) -> i32 {
    let date = js_sys::Date::new(&(us as f64 / 1000.0).into());
    -date.get_timezone_offset() as i32
}
