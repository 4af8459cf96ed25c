//! Who signs gets in, and nobody else; the signature here is made by the contract, not by the engine's own code.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tandem::model::Code;
use tandem::model::wire::{HelloReply, PROTOCOL};

use super::support::{self, Answer, KEY, NAME, PEER, TestNode, read};
use crate::guard::peer::{CHUNK_LIMIT_BYTES, CONTROL_LIMIT_BYTES};

const UPLOAD: &str = "/api/sync/receive-backup/01890a5d-ac96-774b-bcce-b302099a8057";

/// A request as a peer makes it; a test changes what shall be wrong.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) key: &'static str,
    pub(super) age_s: i64,
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
}

impl Signed {
    pub(super) fn hello() -> Self {
        Self {
            method: Method::POST,
            path: "/api/sync/hello",
            from: PEER,
            to: NAME,
            key: KEY,
            age_s: 0,
            body: format!(r#"{{"request":{{"protocol":{PROTOCOL},"version":"test"}}}}"#).into_bytes(),
            content_type: "application/json",
        }
    }

    fn chunk(length: usize) -> Self {
        Self {
            method: Method::PATCH,
            path: UPLOAD,
            body: vec![7; length],
            content_type: "application/offset+octet-stream",
            ..Self::hello()
        }
    }

    fn request(&self) -> Request<Body> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let date = (i64::try_from(now).unwrap() - self.age_s * 1_000_000).to_string();
        let mut random = [0; 16];
        getrandom::fill(&mut random).unwrap();
        let nonce = hex(&random);
        let hash = hex(&Sha256::digest(&self.body));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).unwrap();
        for part in ["tandem-1", self.method.as_str(), self.path, self.from, self.to, &date, &nonce, &hash] {
            mac.update(format!("{part}\n").as_bytes());
        }
        Request::builder()
            .method(self.method.clone())
            .uri(self.path)
            .header("content-type", self.content_type)
            .header("upload-offset", "0")
            .header("x-tandem-peer", self.from)
            .header("x-tandem-to", self.to)
            .header("x-tandem-date", date)
            .header("x-tandem-nonce", nonce)
            .header("x-tandem-body", hash)
            .header("x-tandem-signature", hex(&mac.finalize().into_bytes()))
            .body(Body::from(self.body.clone()))
            .unwrap()
    }

    pub(super) async fn send(&self, node: &TestNode) -> Answer {
        read(node.answer(self.request()).await).await
    }
}

type Exchange = fn(&mut Request<Body>);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_signed_call_is_answered() {
    let node = support::start().await;
    let answer = Signed::hello().send(&node).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let reply: HelloReply = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(reply.name, NAME);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_signature_the_call_is_refused() {
    let node = support::start().await;
    let hello = Signed::hello();
    for (what, request) in [
        ("another key", Signed { key: "another registration key", ..hello.clone() }),
        ("an unknown sender", Signed { from: "Nobody", ..hello.clone() }),
        ("another receiver", Signed { to: PEER, ..hello.clone() }),
        ("an old date", Signed { age_s: 3_600, ..hello.clone() }),
        ("a future date", Signed { age_s: -3_600, ..hello.clone() }),
    ] {
        let answer = request.send(&node).await;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status);
        assert!(refused && answer.code().is_some(), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn nothing_that_was_signed_can_be_exchanged() {
    let node = support::start().await;
    let exchanges: [(&str, Exchange); 4] = [
        ("the body", |request| {
            *request.body_mut() = Body::from(r#"{"request":{"protocol":9,"version":"x"}}"#);
        }),
        ("the path", |request| *request.uri_mut() = "/api/sync/digest".parse().unwrap()),
        ("a query", |request| *request.uri_mut() = "/api/sync/hello?x=1".parse().unwrap()),
        ("the sender", |request| {
            request.headers_mut().insert("x-tandem-peer", "Someone".parse().unwrap());
        }),
    ];
    for (what, exchange) in exchanges {
        let mut request = Signed::hello().request();
        exchange(&mut request);
        let answer = read(node.answer(request).await).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn a_call_is_answered_once() {
    let node = support::start().await;
    let hello = Signed::hello();
    let request = hello.request();
    let (parts, _) = request.into_parts();
    let again = || Request::from_parts(parts.clone(), Body::from(hello.body.clone()));
    assert_eq!(node.answer(again()).await.status(), StatusCode::OK);
    assert_eq!(node.answer(again()).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_peer_opens_no_admin_call() {
    let node = support::start().await;
    for path in ["/api/admin/sync/full-sync", "/api/admin/sync/cancel"] {
        let answer = Signed { path, ..Signed::hello() }.send(&node).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, Some(Code::Unauthorized)));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let node = support::start().await;
    let control = Signed { body: vec![b' '; CONTROL_LIMIT_BYTES + 1], ..Signed::hello() };
    for request in [control, Signed::chunk(CHUNK_LIMIT_BYTES + 1)] {
        let answer = request.send(&node).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, Some(Code::TooLarge)));
    }
    // As large as allowed comes through to the engine, which knows no such session.
    let answer = Signed::chunk(CHUNK_LIMIT_BYTES).send(&node).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, Some(Code::NotFound)));
}

#[tokio::test]
async fn a_chunk_must_say_what_it_is() {
    let node = support::start().await;
    let answer = Signed { content_type: "text/plain", ..Signed::chunk(1) }.send(&node).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, Some(Code::BadRequest)));
    let unnamed = Signed { path: "/api/sync/receive-backup/backup.sql", ..Signed::chunk(1) };
    assert_eq!(unnamed.send(&node).await.status, StatusCode::BAD_REQUEST);
}
