//! The panel's files, as far as they are built.

use axum::http::{Method, StatusCode};

use super::support;
use crate::assets;

#[tokio::test]
async fn files_are_sent_compressed_and_only_once() {
    if !assets::are_there() {
        eprintln!("skipped: the panel is not built");
        return;
    }
    let node = support::start().await;
    let whole = node.call(Method::GET, "/pkg/tandem.wasm", &[], "").await;
    assert_eq!((whole.status, whole.header("content-type")), (StatusCode::OK, "application/wasm"));
    assert_eq!(whole.header("content-encoding"), "");

    let small = node.call(Method::GET, "/pkg/tandem.wasm", &[("accept-encoding", "gzip, br")], "").await;
    assert_eq!((small.status, small.header("content-encoding")), (StatusCode::OK, "br"));
    assert_ne!(whole.header("etag"), small.header("etag"), "each encoding has a tag of its own");
    assert_eq!(small.header("vary"), "Accept-Encoding");

    let known = [("accept-encoding", "br"), ("if-none-match", small.header("etag"))];
    let again = node.call(Method::GET, "/pkg/tandem.wasm", &known, "").await;
    assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
}
