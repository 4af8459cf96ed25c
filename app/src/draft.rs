//! The sync that is being put together on the page: one place for the names, arrows and sentences that follow from it.

use leptos::prelude::*;
use tandem::model::{DeletePolicy, Direction, Method, Presence, SyncOptions, SyncRequest};

use crate::live::Live;

#[derive(Clone, Copy)]
pub struct Draft {
    live: Live,
    /// Chosen by hand; else the first that is online.
    pub chosen: RwSignal<Option<String>>,
    pub action: RwSignal<Direction>,
    pub method: RwSignal<Method>,
    pub options: RwSignal<SyncOptions>,
}

impl Draft {
    pub fn new(live: Live) -> Self {
        Self {
            live,
            chosen: RwSignal::new(None),
            action: RwSignal::new(Direction::Pull),
            method: RwSignal::new(Method::Auto),
            options: RwSignal::new(SyncOptions::default()),
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

    pub fn set_deletes(self, deletes: DeletePolicy) {
        self.options.update(|options| options.deletes = deletes);
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
