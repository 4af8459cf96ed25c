//! The sign-in form → a session cookie; works without script, and is slow for who guesses.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;
use tandem::model::Code;
use tracing::{info, warn};

use crate::error::Refusal;
use crate::guard::admin::{Origin, cookie_name, is_https, origin, session_token};
use crate::node::Node;

#[derive(Deserialize)]
pub(crate) struct SignIn {
    #[serde(default)]
    password: String,
    /// The page that was asked for before.
    #[serde(default)]
    next: String,
}

pub(crate) async fn sign_in(
    State(node): State<Node>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    if origin(&headers) == Origin::Other {
        return foreign().into_response();
    }
    if !node.attempts.take(from.ip(), Instant::now()) {
        warn!(ip = %from.ip(), "sign-in refused: too many attempts");
        return failed(&headers, "wait", too_many());
    }
    match node.engine.sign_in(&form.password).await {
        Ok(token) => {
            node.attempts.forgive(from.ip());
            info!(ip = %from.ip(), "an admin signed in");
            let cookie = session_cookie(&node, &headers, token);
            (CookieJar::new().add(cookie), Redirect::to(own_page(&form.next))).into_response()
        }
        Err(error) => {
            warn!(ip = %from.ip(), reason = %error.message, "sign-in failed");
            let reason = if error.code == Code::Unauthorized { "1" } else { "unavailable" };
            failed(&headers, reason, error.into())
        }
    }
}

pub(crate) async fn sign_out(State(node): State<Node>, headers: HeaderMap) -> Result<Response, Refusal> {
    // Without this any site could sign an admin out; a cookie that is not sent along signs nobody out.
    if origin(&headers) == Origin::Other {
        return Err(foreign());
    }
    if let Some(token) = session_token(&node, &headers) {
        node.engine.sign_out(&token).await?;
        info!("an admin signed out");
    }
    let mut cookie = session_cookie(&node, &headers, String::new());
    cookie.make_removal();
    Ok((CookieJar::new().add(cookie), Redirect::to("/login")).into_response())
}

fn session_cookie(node: &Node, headers: &HeaderMap, token: String) -> Cookie<'static> {
    let https = is_https(headers);
    Cookie::build((cookie_name(node, https), token))
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(https)
        .path("/")
        .build()
}

/// Only a path on this node: `//host` and `/\host` lead elsewhere.
fn own_page(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_path { next } else { "/" }
}

/// A form comes back to its page, which shows the reason; a script gets the status.
fn failed(headers: &HeaderMap, reason: &str, refusal: Refusal) -> Response {
    let is_form = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    if is_form.is_some_and(|accept| accept.contains("text/html")) {
        return Redirect::to(&format!("/login?error={reason}")).into_response();
    }
    refusal.into_response()
}

fn foreign() -> Refusal {
    Refusal::new(Code::Forbidden, "The form was sent by another site.", "Open this node's own /login page.")
}

fn too_many() -> Refusal {
    Refusal::new(
        Code::TooManyRequests,
        format!("There were {} wrong passwords within a minute from this address.", Attempts::LIMIT),
        "Wait a minute, then try again.",
    )
}

/// Wrong passwords of the last minute by address. A right one clears them.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, Vec<Instant>>>);

impl Attempts {
    const LIMIT: usize = 5;
    const WINDOW: Duration = Duration::from_secs(60);
    /// Above it everybody waits: so many addresses at once are one attacker.
    const ADDRESSES: usize = 10_000;

    /// Counts an attempt before it is made, so that many at once cannot slip through together.
    fn take(&self, ip: IpAddr, now: Instant) -> bool {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, times| {
            times.retain(|time| now.duration_since(*time) < Self::WINDOW);
            !times.is_empty()
        });
        if attempts.len() >= Self::ADDRESSES {
            return false;
        }
        let times = attempts.entry(network(ip)).or_default();
        let is_free = times.len() < Self::LIMIT;
        if is_free {
            times.push(now);
        }
        is_free
    }

    fn forgive(&self, ip: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(ip));
    }
}

/// One IPv6 customer has a whole /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_passwords_a_minute_and_no_more() {
        let attempts = Attempts::default();
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Instant::now();
        for second in 0..5 {
            assert!(attempts.take(here, start + Duration::from_secs(second)));
        }
        assert!(!attempts.take(here, start + Duration::from_secs(5)));
        assert!(attempts.take(there, start + Duration::from_secs(5)));
        assert!(attempts.take(here, start + Duration::from_secs(61)));
        attempts.forgive(here);
        assert_eq!((0..6).filter(|_| attempts.take(here, start + Duration::from_secs(62))).count(), 5);
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_together() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let taken = (0..9u16)
            .filter(|host| attempts.take(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, *host).into(), now));
        assert_eq!(taken.count(), 5);
    }

    #[test]
    fn the_way_back_never_leaves_the_node() {
        for (next, expected) in [
            ("/history?peer=a", "/history?peer=a"),
            ("", "/"),
            ("https://evil.example", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
        ] {
            assert_eq!(own_page(next), expected);
        }
    }
}
