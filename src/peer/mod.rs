//! The other servers: who they are, whether they answer, and how requests between us are signed.

mod client;
mod presence;
mod sign;

use url::Url;

use crate::config::{Config, PeerAddress, Secret};
use crate::model::{Code, SyncError};

pub(crate) use client::Client;
pub(crate) use presence::{Presences, watch_presence};
pub(crate) use sign::random_hex;
pub(crate) use sign::{Envelope, SignatureError, Verifier, body_hash};

/// The headers of a signed request, in lower case.
pub(crate) mod headers {
    pub(crate) const FROM: &str = "x-tandem-peer";
    pub(crate) const TO: &str = "x-tandem-to";
    pub(crate) const DATE: &str = "x-tandem-date";
    pub(crate) const NONCE: &str = "x-tandem-nonce";
    pub(crate) const BODY: &str = "x-tandem-body";
    pub(crate) const SIGNATURE: &str = "x-tandem-signature";
    pub(crate) const UPLOAD_OFFSET: &str = "upload-offset";
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum PeerError {
    #[error("{peer} cannot be reached: {reason}")]
    Unreachable { peer: String, reason: String },
    #[error("{peer} refuses: {}", error.message)]
    Refused { peer: String, error: SyncError, status: u16 },
    #[error("{peer} cannot be understood: {reason}")]
    Protocol { peer: String, reason: String },
    #[error("{peer} has no address here: it can call us, but we cannot call it")]
    NotCallable { peer: String },
    #[error("there is no peer named {peer}")]
    Unknown { peer: String },
    #[error("{reason}")]
    Unusable { reason: String },
}

impl PeerError {
    /// Worth another try: the network or the peer's process, not its answer.
    pub fn is_passing(&self) -> bool {
        matches!(self, PeerError::Unreachable { .. })
    }

    /// The peer knows the session no more, or not yet.
    pub fn is_not_found(&self) -> bool {
        matches!(self, PeerError::Refused { error, .. } if error.code == Code::NotFound)
    }
}

impl From<PeerError> for SyncError {
    fn from(error: PeerError) -> Self {
        let message = error.to_string();
        match error {
            PeerError::Unreachable { peer, .. } => {
                SyncError::new(Code::PeerUnreachable, message).hint(format!(
                    "Check that Tandem runs there and that the address of {peer} in TANDEM_PEERS is right."
                ))
            }
            PeerError::Refused { peer, error, status: 401 | 403 } => {
                let message = format!("{peer} does not accept our requests: {}", error.message);
                SyncError::new(Code::PeerRefused, message).hint(error.hint)
            }
            PeerError::Refused { peer, error, .. } if error.code == Code::Busy => {
                SyncError::new(Code::Busy, format!("{peer} is busy: {}", error.message)).hint(error.hint)
            }
            PeerError::Refused { peer, error, .. } => {
                SyncError { message: format!("{peer}: {}", error.message), ..error }
            }
            PeerError::Protocol { .. } => SyncError::new(Code::PeerVersion, message).hint(
                "Run the same version of Tandem on both servers, and check the address in TANDEM_PEERS.",
            ),
            PeerError::NotCallable { peer } => SyncError::new(Code::Refused, message).hint(format!(
                "Start the sync on {peer}, or add its address to TANDEM_PEERS: {peer}=http://host:3000"
            )),
            PeerError::Unknown { .. } => {
                SyncError::new(Code::NotFound, message).hint("The peers are listed in TANDEM_PEERS.")
            }
            PeerError::Unusable { .. } => SyncError::new(Code::Internal, message),
        }
    }
}

/// The peers of the configuration.
#[derive(Clone)]
pub(crate) struct Peers {
    http: client::Http,
    own_name: String,
    key: Option<Secret>,
    addresses: Vec<PeerAddress>,
}

impl Peers {
    pub(crate) fn new(config: &Config) -> Result<Self, PeerError> {
        Ok(Self {
            http: client::http()?,
            own_name: config.name.clone(),
            key: config.registration_key.clone(),
            addresses: config.peers.clone(),
        })
    }

    pub(crate) fn addresses(&self) -> &[PeerAddress] {
        &self.addresses
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.addresses.iter().any(|peer| peer.name == name)
    }

    pub(crate) fn client(&self, name: &str) -> Result<Client, PeerError> {
        let peer = self.addresses.iter().find(|peer| peer.name == name);
        let peer = peer.ok_or_else(|| PeerError::Unknown { peer: name.to_owned() })?;
        let url = peer.url.clone().ok_or_else(|| PeerError::NotCallable { peer: name.to_owned() })?;
        let key = self.key.clone().ok_or_else(|| PeerError::Unusable {
            reason: "SYNC_REGISTRATION_KEY is not set, so no peer can be talked to".to_owned(),
        })?;
        Ok(Client::new(self.http.clone(), self.own_name.clone(), name.to_owned(), url, key))
    }
}

/// `10.8.0.12:3000`, as people read it.
pub(crate) fn display(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
