//! The sync that is being put together on the page: one place for the names, arrows and sentences that follow from it.

use leptos::prelude::*;
use tandem::model::{Direction, Method, Presence, SyncOptions, SyncRequest, SyncStatus};

use crate::live::Live;

#[derive(Clone, Copy)]
pub struct Draft {
    live: Live,
    /// Chosen by hand; else the first that is online.
    pub chosen: RwSignal<Option<String>>,
    pub action: RwSignal<Direction>,
    pub method: RwSignal<Method>,
    pub options: RwSignal<SyncOptions>,
    /// Start was pressed here: when the sync shows, the focus goes to it.
    pub is_pressed: RwSignal<bool>,
}

impl Draft {
    pub fn new(live: Live) -> Self {
        Self {
            live,
            chosen: RwSignal::new(None),
            action: RwSignal::new(Direction::Pull),
            method: RwSignal::new(Method::Auto),
            options: RwSignal::new(SyncOptions::default()),
            is_pressed: RwSignal::new(false),
        }
    }

    /// The name of the other server; none while there is no peer at all.
    pub fn peer_name(self) -> Option<String> {
        let overview = self.live.overview.read();
        let chosen = self.chosen.get();
        let peers = &overview.peers;
        chosen
            .filter(|name| peers.iter().any(|peer| peer.name == *name))
            .or_else(|| {
                peers.iter().find(|peer| peer.presence == Presence::Online).map(|peer| peer.name.clone())
            })
            .or_else(|| peers.first().map(|peer| peer.name.clone()))
    }

    /// The same once more, to be changed.
    pub fn take(self, status: SyncStatus) {
        self.chosen.set(Some(status.peer));
        self.action.set(status.direction);
        self.method.set(status.method);
        self.options.set(status.options);
    }

    pub fn request(self) -> Option<SyncRequest> {
        Some(SyncRequest {
            action: self.action.get(),
            peer: self.peer_name()?,
            method: self.method.get(),
            options: self.options.get(),
        })
    }
}
