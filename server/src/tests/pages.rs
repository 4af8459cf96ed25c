//! The panel's pages as the server draws them.

use axum::http::{Method, StatusCode};
use tokio::task::JoinSet;

use super::support::{self, NAME};

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
