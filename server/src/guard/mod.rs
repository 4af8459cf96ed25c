//! Every request → let through with the caller's name, or refused before its body is read.

pub(crate) mod admin;
pub(crate) mod peer;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use tandem::model::Code;

use crate::assets;
use crate::error::Refusal;
use crate::node::Node;
use crate::permission::{Permission, Verdict, look_up};
use crate::routes::RULES;

/// The one outer layer: deny by default.
pub(crate) async fn admit(State(node): State<Node>, request: Request, next: Next) -> Response {
    let permission = match look_up(RULES, request.method(), request.uri().path()) {
        Verdict::Needs(permission) => permission,
        Verdict::WrongMethod(allowed) => return wrong_method(&allowed),
        Verdict::Unknown if assets::holds(request.uri().path()) => match *request.method() {
            Method::GET | Method::HEAD => Permission::Anyone,
            _ => return wrong_method(&[Method::GET]),
        },
        // A person who mistyped an address sees the panel's page for that, once signed in.
        Verdict::Unknown if wants_page(&request) => Permission::Page,
        Verdict::Unknown => return unknown(),
    };
    let admitted = match permission {
        Permission::Anyone => Ok(request),
        Permission::Page => match admin::check(&node, request).await {
            Ok(request) => Ok(request),
            Err((refusal, request)) if refusal.is_unauthorized() => return to_sign_in(&request),
            Err((refusal, _)) => return refusal.into_page(),
        },
        Permission::Admin => admin::check(&node, request).await.map_err(|(refusal, _)| refusal),
        Permission::Peer => peer::check(&node, request).await,
        Permission::AdminOrPeer if peer::is_signed(&request) => peer::check(&node, request).await,
        Permission::AdminOrPeer => admin::check(&node, request).await.map_err(|(refusal, _)| refusal),
    };
    match admitted {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn unknown() -> Response {
    Refusal::new(Code::NotFound, "There is nothing at this address.", "").into_response()
}

fn wrong_method(allowed: &[Method]) -> Response {
    let names = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let refusal = Refusal::new(
        Code::BadRequest,
        format!("This address understands {names} only."),
        "Use another method.",
    )
    .with_status(StatusCode::METHOD_NOT_ALLOWED);
    let mut response = refusal.into_response();
    if let Ok(names) = HeaderValue::from_str(&names) {
        response.headers_mut().insert(ALLOW, names);
    }
    response
}

fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    *request.method() == Method::GET
        && accept.contains("text/html")
        && !request.uri().path().starts_with("/api/")
}

/// After signing in the reader lands on the page that was asked for.
fn to_sign_in(request: &Request) -> Response {
    let page = request.uri().path();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    let target = if page != "/" && page.bytes().all(is_plain) {
        format!("/login?next={page}")
    } else {
        "/login".to_owned()
    };
    Redirect::to(&target).into_response()
}
