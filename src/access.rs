//! Who may call: the admin by password or token, peers by signature.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::config::{Config, Secret};
use crate::model::{Code, SyncError};
use crate::peer::{Envelope, SignatureError, Verifier, headers, random_hex};
use crate::store::{Store, accounts};

/// Password checks at the same time: each takes memory on purpose.
const CHECKS: usize = 2;

/// Who calls a peer endpoint: proven by signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub peer: String,
}

/// The parts of a peer's HTTP request that its signature covers.
#[derive(Debug, Clone)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Value of a header by its lower-case name.
    pub headers: &'a [(&'a str, &'a str)],
}

/// A verified signature: the body that follows must have this SHA-256 (hexadecimal).
#[derive(Debug, Clone)]
pub struct Verified {
    pub caller: Caller,
    pub body_sha256: String,
}

/// How the admin password came to be.
#[derive(Debug)]
pub enum AdminPassword {
    /// Given by `TANDEM_ADMIN_PASSWORD`, or generated on an earlier start.
    Known,
    /// Generated now: print it, it is not kept.
    Generated(String),
}

pub(crate) struct Access {
    store: Store,
    key: Option<Secret>,
    api_token: Option<Secret>,
    verifier: Verifier,
    checks: Arc<Semaphore>,
}

impl Access {
    /// Makes sure that there is an admin password.
    pub(crate) async fn open(config: &Config, store: &Store) -> Result<(Self, AdminPassword), SyncError> {
        let stored = store.password_hash().await?;
        let password = match (&config.admin_password, stored) {
            (Some(given), stored) => {
                let known = match stored {
                    Some(hash) => accounts::matches(given.expose().to_owned(), hash).await?,
                    None => false,
                };
                if !known {
                    store.set_password(given.expose().to_owned()).await?;
                }
                AdminPassword::Known
            }
            (None, Some(_)) => AdminPassword::Known,
            (None, None) => {
                let password = random_hex::<10>();
                store.set_password(password.clone()).await?;
                AdminPassword::Generated(password)
            }
        };
        let access = Self {
            store: store.clone(),
            key: config.registration_key.clone(),
            api_token: config.api_token.clone(),
            verifier: Verifier::default(),
            checks: Arc::new(Semaphore::new(CHECKS)),
        };
        Ok((access, password))
    }

    pub(crate) async fn sign_in(&self, password: &str) -> Result<String, SyncError> {
        let wrong = || SyncError::new(Code::Unauthorized, "The password is wrong.");
        let _permit = self.checks.acquire().await.map_err(|_closed| wrong())?;
        let hash = self.store.password_hash().await?.ok_or_else(wrong)?;
        if !accounts::matches(password.to_owned(), hash).await? {
            return Err(wrong());
        }
        let token = random_hex::<32>();
        self.store.open_panel_session(&token_hash(&token)).await?;
        Ok(token)
    }

    pub(crate) async fn is_signed_in(&self, token: &str) -> Result<bool, SyncError> {
        Ok(self.store.has_panel_session(&token_hash(token)).await?)
    }

    pub(crate) async fn sign_out(&self, token: &str) -> Result<(), SyncError> {
        Ok(self.store.close_panel_session(&token_hash(token)).await?)
    }

    pub(crate) fn is_api_token(&self, token: &str) -> bool {
        // Comparing digests takes the same time wherever the texts differ.
        self.api_token.as_ref().is_some_and(|ours| Sha256::digest(ours.expose()) == Sha256::digest(token))
    }

    pub(crate) fn verify_peer(
        &self,
        request: &SignedRequest<'_>,
        own_name: &str,
        is_peer: impl Fn(&str) -> bool,
    ) -> Result<Verified, SyncError> {
        let key = self.key.as_ref().ok_or_else(|| {
            SyncError::new(
                Code::Unauthorized,
                format!("{own_name} talks to no peer: it has no registration key."),
            )
            .hint(format!("Set SYNC_REGISTRATION_KEY on {own_name}."))
        })?;
        let refused = |error| refusal(error, own_name);
        let header = |name: &str| {
            let found = request.headers.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned()).ok_or_else(|| refused(SignatureError::Malformed))
        };
        let envelope = Envelope {
            method: request.method.to_owned(),
            target: request.target.to_owned(),
            from: header(headers::FROM)?,
            to: header(headers::TO)?,
            date_us: header(headers::DATE)?.parse().map_err(|_number| refused(SignatureError::Malformed))?,
            nonce: header(headers::NONCE)?,
            body: header(headers::BODY)?,
        };
        // The key first: who does not have it learns nothing about names.
        self.verifier.accept(&envelope, &header(headers::SIGNATURE)?, key).map_err(refused)?;
        if envelope.to != own_name {
            return Err(refused(SignatureError::WrongReceiver));
        }
        if !is_peer(&envelope.from) {
            return Err(refused(SignatureError::UnknownPeer));
        }
        Ok(Verified { caller: Caller { peer: envelope.from }, body_sha256: envelope.body })
    }
}

fn refusal(error: SignatureError, own_name: &str) -> SyncError {
    let hint = match error {
        SignatureError::WrongKey => "Set the same SYNC_REGISTRATION_KEY on both servers.".to_owned(),
        SignatureError::UnknownPeer => format!("Add the caller's name to TANDEM_PEERS on {own_name}."),
        SignatureError::WrongReceiver => {
            format!("The server at this address is named {own_name}: use this name in TANDEM_PEERS.")
        }
        SignatureError::Expired { .. } => {
            "Set both clocks by NTP: they may differ by five minutes.".to_owned()
        }
        SignatureError::Malformed | SignatureError::Replayed => String::new(),
    };
    let code = if error == SignatureError::UnknownPeer { Code::Forbidden } else { Code::Unauthorized };
    SyncError::new(code, error.to_string()).hint(hint)
}

fn token_hash(token: &str) -> String {
    crate::peer::body_hash(token.as_bytes())
}
