//! The panel's pages and server functions, and what they find in their context.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use leptos::context::{provide_context, use_context};
use leptos::nonce::use_nonce;
use leptos::prelude::{AnyView, IntoAny};
use leptos_axum::{AxumRouteListing, ResponseOptions, generate_route_list, render_app_async_with_context};
use tandem::engine::Caller;
use tandem::model::Code;
use tokio::time::timeout;
use tracing::warn;

use crate::error::Refusal;
use crate::guard::admin::Admin;
use crate::headers;
use crate::node::Node;

pub(crate) fn list() -> Vec<AxumRouteListing> {
    generate_route_list(app::App)
}

pub(crate) fn shell(node: &Node) -> impl Fn() -> AnyView + Clone + Send + Sync + 'static {
    let options = node.options.clone();
    move || app::shell(options.clone()).into_any()
}

/// The panel's own page for an address that leads nowhere; it sets the status.
pub(crate) async fn unknown(node: &Node, request: Request) -> Response {
    render_app_async_with_context(context(node), shell(node))(request).await
}

/// A page takes milliseconds.
const LONGEST_DRAWING: Duration = Duration::from_secs(10);
const DRAWINGS: u32 = 2;

/// Draws a page again that does not come. Once in many thousands of pages, and only where several threads draw at once,
/// Leptos 0.8.23 never hears that what a `Suspense` waits for is there (its issue 4851 is of the same kind).
pub(crate) async fn draw(request: Request, next: Next) -> Response {
    if request.method() != Method::GET || request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let (parts, _) = request.into_parts();
    for _ in 0..DRAWINGS {
        let request = Request::from_parts(parts.clone(), Body::empty());
        match timeout(LONGEST_DRAWING, next.clone().run(request)).await {
            Ok(page) => return page,
            Err(_elapsed) => warn!(path = parts.uri.path(), "a page was not drawn in time"),
        }
    }
    Refusal::new(Code::Stalled, "The page was not drawn in time.", "The node's log says more.").into_page()
}

/// The engine, the token that ends streams, and who is calling as the guard has found out.
pub(crate) fn context(node: &Node) -> impl Fn() + Clone + Send + Sync + 'static {
    let node = node.clone();
    move || {
        provide_context(node.engine.clone());
        provide_context(node.stop.clone());
        if let Some(parts) = use_context::<Parts>() {
            if let Some(caller) = parts.extensions.get::<Caller>() {
                provide_context(caller.clone());
            }
            if let Some(admin) = parts.extensions.get::<Admin>() {
                provide_context(app::Who(admin.name.to_owned()));
            }
        }
        // Only pages have a nonce.
        if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) {
            let policy = HeaderValue::from_str(&headers::page_policy(&nonce))
                .expect("a nonce is base64 and the rest is ASCII");
            response.insert_header(CONTENT_SECURITY_POLICY, policy);
        }
    }
}
