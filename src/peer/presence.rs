//! Which peers answer: each is asked every ten seconds, and remembered when it calls us.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;

use super::{PeerError, Peers, display};
use crate::clock::now_us;
use crate::model::{Code, DatabaseFacts, Peer, Presence, SyncError};

const EVERY: Duration = Duration::from_secs(10);
/// A peer that only calls us counts as online for so long after its last call.
const RECENT_US: i64 = 60 * 1_000_000;

/// What is known of each peer now.
#[derive(Clone, Default)]
pub(crate) struct Presences(Arc<Mutex<HashMap<String, Known>>>);

#[derive(Default)]
struct Known {
    presence: Option<Presence>,
    last_seen_us: Option<i64>,
    latency_ms: Option<f64>,
    clock_offset_ms: Option<i64>,
    version: Option<String>,
    database: Option<DatabaseFacts>,
    problem: Option<SyncError>,
}

/// Probes all peers for ever; the caller owns the task.
pub(crate) async fn watch_presence(peers: Peers, presences: Presences) {
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        presences.probe(&peers).await;
    }
}

impl Presences {
    /// Asks every peer that has an address, all at once.
    pub(crate) async fn probe(&self, peers: &Peers) {
        join_all(
            peers
                .addresses()
                .iter()
                .filter(|peer| peer.url.is_some())
                .map(|peer| self.probe_one(peers, &peer.name)),
        )
        .await;
    }

    async fn probe_one(&self, peers: &Peers, name: &str) {
        let probe = match peers.client(name) {
            Ok(client) => client.hello().await,
            Err(error) => Err(error),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(name.to_owned()).or_default();
        match probe {
            Ok(probe) if probe.reply.name != name => {
                known.presence = Some(Presence::Refused);
                known.problem = Some(
                    SyncError::new(
                        Code::PeerRefused,
                        format!("The server at this address is named {}, not {name}.", probe.reply.name),
                    )
                    .hint("Correct the name or the address in TANDEM_PEERS."),
                );
            }
            Ok(probe) => {
                known.presence = Some(Presence::Online);
                known.problem = None;
                known.last_seen_us = Some(now_us());
                known.latency_ms = Some(probe.latency.as_secs_f64() * 1000.0);
                known.clock_offset_ms = Some(probe.clock_offset_us / 1000);
                known.version = Some(probe.reply.version);
                known.database = Some(probe.reply.database);
            }
            Err(error) => {
                let refused = matches!(&error, PeerError::Refused { .. } | PeerError::Protocol { .. });
                known.presence = Some(if refused { Presence::Refused } else { Presence::Offline });
                known.problem = Some(error.into());
            }
        }
    }

    /// It has called us, with a good signature.
    pub(crate) fn seen(&self, name: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(name.to_owned()).or_default().last_seen_us = Some(now_us());
    }

    /// All peers, in the order of the configuration.
    pub(crate) fn list(&self, peers: &Peers) -> Vec<Peer> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = Known::default();
        peers
            .addresses()
            .iter()
            .map(|peer| {
                let known = known.get(&peer.name).unwrap_or(&nothing);
                let calls_us = peer.url.is_none();
                let recent = known.last_seen_us.is_some_and(|at| now_us() - at < RECENT_US);
                let presence = match (calls_us, recent) {
                    (true, true) => Presence::Online,
                    (true, false) if known.last_seen_us.is_some() => Presence::Offline,
                    _ => known.presence.unwrap_or(Presence::Unknown),
                };
                Peer {
                    name: peer.name.clone(),
                    address: peer.url.as_ref().map(display),
                    is_local: false,
                    presence,
                    last_seen_us: known.last_seen_us,
                    latency_ms: known.latency_ms,
                    clock_offset_ms: known.clock_offset_ms,
                    version: known.version.clone(),
                    database: known.database.clone(),
                    problem: known.problem.clone(),
                }
            })
            .collect()
    }
}
