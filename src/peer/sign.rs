//! Requests between peers are signed: who, to whom, what, when, once.
//!
//! The key itself never travels. The signature covers method, path with query, sender, receiver, time, nonce and the
//! body's hash; a request is accepted for five minutes around its time and only once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::clock::now_us;
use crate::config::Secret;

/// How far the two clocks may differ.
pub(crate) const WINDOW_US: i64 = 300 * 1_000_000;

/// Everything that the signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub from: String,
    pub to: String,
    pub date_us: i64,
    pub nonce: String,
    /// SHA-256 of the body, hexadecimal.
    pub body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("the signature headers are missing or malformed")]
    Malformed,
    #[error("the request is addressed to another node")]
    WrongReceiver,
    #[error("the sender is not one of our peers")]
    UnknownPeer,
    #[error("the registration key differs")]
    WrongKey,
    #[error("the clocks differ by {offset_s} s")]
    Expired { offset_s: i64 },
    #[error("the same request was received before")]
    Replayed,
}

impl Envelope {
    pub(crate) fn sign(&self, key: &Secret) -> String {
        hex(&self.mac(key).finalize().into_bytes())
    }

    fn mac(&self, key: &Secret) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes a key of any length");
        // No field holds a newline: they come from header values and a request line.
        for part in [
            "tandem-1",
            &self.method,
            &self.target,
            &self.from,
            &self.to,
            &self.date_us.to_string(),
            &self.nonce,
            &self.body,
        ] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

/// Remembers the nonces of the last minutes.
#[derive(Default)]
pub(crate) struct Verifier {
    seen: Mutex<HashMap<String, i64>>,
}

impl Verifier {
    /// Accepts an envelope once.
    pub(crate) fn accept(
        &self,
        envelope: &Envelope,
        signature: &str,
        key: &Secret,
    ) -> Result<(), SignatureError> {
        let signature = unhex(signature).ok_or(SignatureError::Malformed)?;
        // `verify_slice` compares in constant time.
        envelope
            .mac(key)
            .verify_slice(&signature)
            .map_err(|hmac::digest::MacError { .. }| SignatureError::WrongKey)?;
        let now = now_us();
        let offset = envelope.date_us.saturating_sub(now);
        if offset.saturating_abs() > WINDOW_US {
            return Err(SignatureError::Expired { offset_s: offset / 1_000_000 });
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, date_us| now.saturating_sub(*date_us) <= WINDOW_US);
        if seen.insert(format!("{} {}", envelope.from, envelope.nonce), envelope.date_us).is_some() {
            return Err(SignatureError::Replayed);
        }
        Ok(())
    }
}

pub(crate) fn body_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// 128 random bits.
pub(super) fn nonce() -> String {
    random_hex::<16>()
}

/// `N` random bytes in hexadecimal.
pub(crate) fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            method: "POST".to_owned(),
            target: "/api/sync/hello".to_owned(),
            from: "north".to_owned(),
            to: "south".to_owned(),
            date_us: now_us(),
            nonce: nonce(),
            body: body_hash(b"{}"),
        }
    }

    fn key() -> Secret {
        Secret::new("0123456789abcdef")
    }

    #[test]
    fn a_signed_request_is_accepted_once() {
        let (verifier, envelope) = (Verifier::default(), envelope());
        let signature = envelope.sign(&key());
        assert_eq!(verifier.accept(&envelope, &signature, &key()), Ok(()));
        assert_eq!(verifier.accept(&envelope, &signature, &key()), Err(SignatureError::Replayed));
    }

    #[test]
    fn every_part_is_covered() {
        let signature = envelope().sign(&key());
        let changes: [fn(&mut Envelope); 7] = [
            |e| e.method = "GET".to_owned(),
            |e| e.target.push('x'),
            |e| e.from.push('x'),
            |e| e.to.push('x'),
            |e| e.date_us += 1,
            |e| e.nonce = nonce(),
            |e| e.body = body_hash(b"[]"),
        ];
        for change in changes {
            let mut changed = envelope();
            change(&mut changed);
            assert_eq!(
                Verifier::default().accept(&changed, &signature, &key()),
                Err(SignatureError::WrongKey)
            );
        }
    }

    #[test]
    fn another_key_an_old_date_and_a_broken_signature_are_refused() {
        let verifier = Verifier::default();
        let mut old = envelope();
        let signature = old.sign(&Secret::new("another key of ours"));
        assert_eq!(verifier.accept(&old, &signature, &key()), Err(SignatureError::WrongKey));
        old.date_us -= 2 * WINDOW_US;
        assert_eq!(
            verifier.accept(&old, &old.sign(&key()), &key()),
            Err(SignatureError::Expired { offset_s: -600 })
        );
        for broken in ["", "zz", "é", "abc"] {
            assert!(verifier.accept(&envelope(), broken, &key()).is_err());
        }
    }
}
