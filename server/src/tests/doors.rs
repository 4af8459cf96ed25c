//! Who gets in where: everything is closed unless the table opens it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt;
use tandem::model::Code;

use super::support::{self, TOKEN, read};
use crate::permission::{Permission, Verdict, look_up};
use crate::routes::RULES;
use crate::{guard, pages};

/// A path of the table with its gaps filled.
fn example(pattern: &str) -> String {
    pattern.replace("{id}", SESSION).replace("{session}", SESSION)
}

const SESSION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn without_credentials_only_the_sign_in_and_health_answer() {
    let node = support::start().await;
    for rule in RULES {
        let path = example(rule.path);
        let answer = node.call(rule.method.clone(), &path, &[], "").await;
        let what = format!("{} {path} → {answer:?}", rule.method);
        match rule.permission {
            Permission::Anyone => assert_ne!(answer.status, StatusCode::NOT_FOUND, "{what}"),
            Permission::Page => {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
                assert!(answer.header("location").starts_with("/login"), "{what}");
            }
            Permission::Admin | Permission::Peer | Permission::AdminOrPeer => {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
                if rule.method != Method::HEAD {
                    assert!(answer.code().is_some(), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_server_function_and_every_page_has_its_line_in_the_table() {
    // Pages are registered by rendering the app once.
    let paged = pages::list();
    for listing in &paged {
        let verdict = look_up(RULES, &Method::GET, &example(listing.path()));
        assert!(matches!(verdict, Verdict::Needs(_)), "the page {} has no permission", listing.path());
    }
    for (path, method) in server_fn::axum::server_fn_paths() {
        let verdict = look_up(RULES, &method, path);
        assert!(matches!(verdict, Verdict::Needs(_)), "{method} {path} has no permission");
    }
    let lines: HashSet<(&str, &str)> = RULES.iter().map(|rule| (rule.method.as_str(), rule.path)).collect();
    assert_eq!(lines.len(), RULES.len(), "a line stands twice");
}

#[tokio::test]
async fn every_line_of_the_table_leads_somewhere() {
    let node = support::start().await;
    let bearer = format!("Bearer {TOKEN}");
    for rule in RULES.iter().filter(|rule| rule.permission != Permission::Peer) {
        let path = example(rule.path);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let request = headers
            .iter()
            .fold(Request::builder(), |request, (name, value)| request.header(*name, *value))
            .method(rule.method.clone())
            .uri(&path)
            .body(Body::from("{}"))
            .unwrap();
        // Not read whole: the watch stream has no end.
        let answer = node.answer(request).await;
        let status = answer.status();
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{} {path}", rule.method);
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{} {path}", rule.method);
        // A session that does not exist is not found either, but then the engine says so.
        let is_ours = answer.headers().get("content-type").is_some_and(|kind| kind == "application/json");
        assert!(status != StatusCode::NOT_FOUND || is_ours, "{} {path} leads nowhere", rule.method);
    }
}

#[tokio::test]
async fn what_the_table_does_not_name_does_not_exist() {
    let node = support::start().await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    for path in ["/api/admin/secrets", "/api/admin/overview/", "/metrics", "/pkg/../../Cargo.toml", "/.env"] {
        let answer = node.call(Method::GET, path, &headers, "").await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, Some(Code::NotFound)), "{path}");
    }
    for method in [Method::TRACE, Method::OPTIONS, Method::DELETE, Method::PUT] {
        let answer = node.call(method.clone(), "/api/admin/overview", &headers, "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "GET");
    }
}

#[tokio::test]
async fn who_mistypes_an_address_sees_a_page_once_signed_in() {
    let node = support::start().await;
    let browser = ("accept", "text/html,application/xhtml+xml");
    for path in ["/histroy", "/a<b>"] {
        let path = path.replace('<', "%3C").replace('>', "%3E");
        let stranger = node.call(Method::GET, &path, &[browser], "").await;
        assert_eq!(stranger.status, StatusCode::SEE_OTHER, "{path}");
        assert!(!stranger.header("location").contains('%'), "{stranger:?}");

        let cookie = node.cookie().await;
        let page = node.call(Method::GET, &path, &[browser, ("cookie", &cookie)], "").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.body.contains("There is no such page") && page.header("content-type").contains("html"));
    }
}

#[tokio::test]
async fn an_unsigned_body_is_not_read() {
    let node = support::start().await;
    let read_chunks = Arc::new(AtomicUsize::new(0));
    for path in ["/api/sync/receive-backup/".to_owned() + SESSION, "/api/admin/sync/cancel".to_owned()] {
        let counter = Arc::clone(&read_chunks);
        let endless = futures::stream::repeat_with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 64 * 1024]))
        });
        let method = if path.contains("receive") { Method::PATCH } else { Method::POST };
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .body(Body::from_stream(endless.take(1_000_000)))
            .unwrap();
        let answer = read(node.answer(request).await).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(read_chunks.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_body_without_end_is_cut_off_for_admins_too() {
    let node = support::start().await;
    let endless =
        futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 64 * 1024])));
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/admin/sync/cancel")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Body::from_stream(endless))
        .unwrap();
    let answer = read(node.answer(request).await).await;
    assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{answer:?}");
}

#[tokio::test]
async fn a_panel_session_opens_no_peer_endpoint() {
    let node = support::start().await;
    let cookie = node.cookie().await;
    let bearer = format!("Bearer {TOKEN}");
    for rule in RULES.iter().filter(|rule| rule.permission == Permission::Peer) {
        let headers = [
            ("cookie", cookie.as_str()),
            ("authorization", bearer.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let answer = node.call(rule.method.clone(), &example(rule.path), &headers, "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {}", rule.method, rule.path);
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let node = support::start().await;
    for path in ["/login", "/healthz", "/nowhere", "/api/admin/overview"] {
        let answer = node.call(Method::GET, path, &[], "").await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let policy = answer.header("content-security-policy");
        for part in ["frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
    }
    let page = node.call(Method::GET, "/login", &[], "").await;
    let policy = page.header("content-security-policy");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    let other = node.call(Method::GET, "/login", &[], "").await;
    assert!(!other.header("content-security-policy").contains(nonce), "a nonce is used once");
    for script in page.body.split("<script").skip(1) {
        assert!(script.contains(nonce), "a script without the nonce: {script}");
    }
}

#[tokio::test]
async fn open_streams_end_with_the_server() {
    let node = support::start().await;
    let headers =
        [("authorization", format!("Bearer {TOKEN}")), ("content-type", "application/json".to_owned())];
    let request = headers
        .iter()
        .fold(Request::builder(), |request, (name, value)| request.header(*name, value))
        .method(Method::POST)
        .uri("/api/admin/sync/watch")
        .body(Body::from("{}"))
        .unwrap();
    let answer = node.answer(request).await;
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    assert!(!answer.headers().contains_key("content-encoding"));
    let mut lines = answer.into_body().into_data_stream();
    assert_eq!(lines.next().await.unwrap().unwrap().as_ref(), b"null\n");
    node.stop.cancel();
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn no_answer_holds_a_secret() {
    let node = support::start().await;
    let cookie = node.cookie().await;
    let secrets = [TOKEN, support::KEY, support::PASSWORD, "postgres://"];
    for path in [
        "/",
        "/history",
        "/login",
        "/readyz",
        "/api/admin/overview",
        "/api/admin/peers",
        "/api/admin/doctor",
        "/api/admin/sync/history",
    ] {
        let answer = node.call(Method::GET, path, &[("cookie", &cookie)], "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        for secret in secrets {
            assert!(!answer.body.contains(secret), "{path} shows {secret}");
        }
    }
}

#[test]
fn chunks_are_as_large_as_the_contract_says() {
    assert_eq!(guard::peer::CHUNK_LIMIT_BYTES, 8 * 1024 * 1024);
}
