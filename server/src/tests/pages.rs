//! The panel's pages as the server draws them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::middleware;
use axum::routing::get;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::support::{self, NAME};
use crate::pages::draw;

/// What a page's head needs may be gone while its body is still being drawn, but only now and then, and only where
/// pages are drawn on several threads at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_are_whole_however_many_are_asked_for_at_once() {
    let node = std::sync::Arc::new(support::start().await);
    let cookie = node.cookie().await;
    let mut readers = JoinSet::new();
    for reader in 0..16 {
        let (node, cookie) = (node.clone(), cookie.clone());
        readers.spawn(async move {
            for _ in 0..25 {
                let path = if reader % 2 == 0 { "/" } else { "/history" };
                let page = node.call(Method::GET, path, &[("cookie", &cookie)], "").await;
                assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
                assert!(page.body.contains(&format!(" · {NAME} · Tandem</title>")), "{path}: {}", page.body);
                assert!(page.body.contains("</body>"), "{path}: {}", page.body);
            }
        });
    }
    readers.join_all().await;
}

/// Asks for a page of which the first `stuck` drawings never end. The answer, and how often it was drawn.
async fn drawn(stuck: u32) -> (StatusCode, u32) {
    let drawings = Arc::new(AtomicU32::new(0));
    let page = {
        let drawings = drawings.clone();
        async move || {
            if drawings.fetch_add(1, Ordering::Relaxed) < stuck {
                std::future::pending::<()>().await;
            }
            "a page"
        }
    };
    let app = Router::new().route("/history", get(page)).layer(middleware::from_fn(draw));
    let request = Request::get("/history").body(Body::empty()).unwrap();
    let answer = app.oneshot(request).await.unwrap();
    (answer.status(), drawings.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn a_page_that_does_not_come_is_drawn_again_and_in_the_end_refused() {
    assert_eq!(drawn(0).await, (StatusCode::OK, 1));
    assert_eq!(drawn(1).await, (StatusCode::OK, 2));
    assert_eq!(drawn(9).await, (StatusCode::SERVICE_UNAVAILABLE, 2));
}
