//! What every handler can reach.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tandem::Engine;
use tokio_util::sync::CancellationToken;

use crate::login::Attempts;

/// One running server; cheap to clone.
#[derive(Clone, FromRef)]
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) options: LeptosOptions,
    /// Ends the open streams when the server stops.
    pub(crate) stop: CancellationToken,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) address: SocketAddr,
}

impl Node {
    /// `address` is the one that is really bound, which differs from the setting for port 0.
    pub(crate) fn new(engine: Engine, address: SocketAddr, stop: CancellationToken) -> Self {
        let options = LeptosOptions::builder()
            .output_name("tandem")
            .site_root("target/site")
            .site_pkg_dir("pkg")
            .site_addr(address)
            .build();
        Self { engine, options, stop, attempts: Arc::default(), address }
    }
}
