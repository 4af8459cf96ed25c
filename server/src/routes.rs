//! The whole URL map: which paths there are, who may call them, and what answers.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware;
use axum::routing::{get, head, post};
use leptos_axum::LeptosRoutes;
use tower_http::catch_panic::CatchPanicLayer;

use crate::node::Node;
use crate::permission::Permission::{Admin, AdminOrPeer, Anyone, Page, Peer};
use crate::permission::{Rule, rule};
use crate::{assets, bytes, guard, headers, health, history, login, pages};

/// Everything that can be called. What is missing here is answered with 404 before anything else looks at it; the
/// files of the panel are the one addition, found by name in [`assets`].
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    // Pages
    rule(Method::GET,   "/",                                    Page),
    rule(Method::GET,   "/history",                             Page),
    rule(Method::GET,   "/history/{id}",                        Page),
    rule(Method::GET,   "/login",                               Anyone),
    rule(Method::POST,  "/login",                               Anyone),
    rule(Method::POST,  "/logout",                              Anyone),
    // Health
    rule(Method::GET,   "/healthz",                             Anyone),
    rule(Method::GET,   "/readyz",                              Anyone),
    // The panel and scripts
    rule(Method::POST,  "/api/admin/sync/full-sync",            Admin),
    rule(Method::POST,  "/api/admin/sync/preview",              Admin),
    rule(Method::POST,  "/api/admin/sync/undo",                 Admin),
    rule(Method::POST,  "/api/admin/sync/cancel",               Admin),
    rule(Method::POST,  "/api/admin/sync/watch",                Admin),
    rule(Method::POST,  "/api/admin/sync/compare",              Admin),
    rule(Method::GET,   "/api/admin/sync/history",              Admin),
    rule(Method::GET,   "/api/admin/sync/history/{id}",         Admin),
    rule(Method::GET,   "/api/admin/sync/session",              Admin),
    rule(Method::GET,   "/api/admin/overview",                  Admin),
    rule(Method::GET,   "/api/admin/peers",                     Admin),
    rule(Method::POST,  "/api/admin/peers/refresh",             Admin),
    rule(Method::GET,   "/api/admin/doctor",                    Admin),
    rule(Method::GET,   "/api/sync/backup-progress",            AdminOrPeer),
    // Peers
    rule(Method::POST,  "/api/sync/hello",                      Peer),
    rule(Method::POST,  "/api/sync/initiate-backup",            Peer),
    rule(Method::GET,   "/api/sync/download-backup/{session}",  Peer),
    rule(Method::POST,  "/api/sync/receive-backup",             Peer),
    rule(Method::HEAD,  "/api/sync/receive-backup/{session}",   Peer),
    rule(Method::PATCH, "/api/sync/receive-backup/{session}",   Peer),
    rule(Method::POST,  "/api/sync/restore-backup",             Peer),
    rule(Method::POST,  "/api/sync/delta/{session}/{number}",   Peer),
    rule(Method::POST,  "/api/sync/rows/{session}/{number}",    Peer),
    rule(Method::POST,  "/api/sync/report",                     Peer),
    rule(Method::POST,  "/api/sync/digest",                     Peer),
];

/// The pages and server functions of `app`, the plain routes, and around all of them the one guard.
pub(crate) fn router(node: &Node) -> Router {
    let exchange = |content_type| {
        move |node, caller, path, message| bytes::exchange(node, caller, path, message, content_type)
    };
    Router::new()
        .leptos_routes_with_context(node, pages::list(), pages::context(node), pages::shell(node))
        .route("/login", post(login::sign_in))
        .route("/logout", post(login::sign_out))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/api/admin/sync/history/{id}", get(history::session))
        .route("/api/sync/download-backup/{session}", get(bytes::download))
        .route(
            "/api/sync/receive-backup/{session}",
            head(bytes::received)
                .patch(bytes::receive)
                .layer(DefaultBodyLimit::max(guard::peer::CHUNK_LIMIT_BYTES)),
        )
        .route("/api/sync/delta/{session}/{number}", post(exchange("application/octet-stream")))
        .route("/api/sync/rows/{session}/{number}", post(exchange("application/json")))
        .fallback(assets::serve)
        .layer(DefaultBodyLimit::max(guard::peer::CONTROL_LIMIT_BYTES))
        .layer(middleware::from_fn(pages::draw))
        .layer(middleware::from_fn_with_state(node.clone(), guard::admit))
        .layer(CatchPanicLayer::custom(headers::after_panic))
        .layer(middleware::from_fn(headers::secure))
        .with_state(node.clone())
}
