//! An admin's request → who it is: a panel session by cookie, or a script with the API token.

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum_extra::extract::CookieJar;
use tandem::model::Code;

use crate::error::Refusal;
use crate::node::Node;

/// Put into the request's extensions: an admin who was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admin {
    /// What the history says about who started something.
    pub(crate) name: &'static str,
}

/// Gives the request back with a refusal, because a page turns it into a way to the sign-in page.
pub(crate) async fn check(node: &Node, mut request: Request) -> Result<Request, (Refusal, Request)> {
    match identify(node, request.method(), request.headers()).await {
        Ok(admin) => {
            request.extensions_mut().insert(admin);
            Ok(request)
        }
        Err(refusal) => Err((refusal, request)),
    }
}

async fn identify(node: &Node, method: &Method, headers: &HeaderMap) -> Result<Admin, Refusal> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        return match token {
            Some(token) if node.engine.is_api_token(token) => Ok(Admin { name: "api" }),
            _ => Err(Refusal::new(
                Code::Unauthorized,
                "The API token is not accepted.",
                "Send Authorization: Bearer with the value of TANDEM_API_TOKEN of this node.",
            )),
        };
    }
    let Some(token) = session_token(node, headers) else { return Err(nobody()) };
    if !node.engine.is_signed_in(&token).await? {
        return Err(nobody());
    }
    if !matches!(*method, Method::GET | Method::HEAD) && origin(headers) != Origin::Same {
        return Err(Refusal::new(
            Code::Forbidden,
            "The request does not come from a page of this panel.",
            "Scripts use Authorization: Bearer instead of the panel's cookie.",
        ));
    }
    Ok(Admin { name: "admin" })
}

fn nobody() -> Refusal {
    Refusal::new(
        Code::Unauthorized,
        "Nobody is signed in.",
        "Sign in at /login, or send Authorization: Bearer with the value of TANDEM_API_TOKEN.",
    )
}

pub(crate) fn session_token(node: &Node, headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(&cookie_name(node, is_https(headers))).map(|cookie| cookie.value().to_owned())
}

/// Browsers keep cookies by host, not by port: without the port in the name two nodes on one machine would sign each
/// other's admin out.
pub(crate) fn cookie_name(node: &Node, https: bool) -> String {
    if https { "__Host-tandem".to_owned() } else { format!("tandem-{}", node.address.port()) }
}

/// Said by the proxy in front, as this process speaks no TLS itself. Who lies about it only harms the own session.
pub(crate) fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|value| value == "https")
}

/// Where a browser says that a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Same,
    Other,
    /// Not a browser, or a very old one.
    Unsaid,
}

/// `Sec-Fetch-Site` where the browser sends it, else `Origin` against `Host`.
pub(crate) fn origin(headers: &HeaderMap) -> Origin {
    let text =
        |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return if matches!(site, "same-origin" | "none") { Origin::Same } else { Origin::Other };
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return Origin::Unsaid };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    if authority.is_some() && authority == text(HOST.as_str()) { Origin::Same } else { Origin::Other }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn the_origin_is_believed_only_where_the_browser_says_it() {
        for (headers, expected) in [
            (&[][..], Origin::Unsaid),
            (&[("sec-fetch-site", "same-origin")], Origin::Same),
            (&[("sec-fetch-site", "none")], Origin::Same),
            (&[("sec-fetch-site", "same-site")], Origin::Other),
            (&[("sec-fetch-site", "cross-site")], Origin::Other),
            (&[("origin", "http://a:1"), ("host", "a:1")], Origin::Same),
            (&[("origin", "http://a:2"), ("host", "a:1")], Origin::Other),
            (&[("origin", "null"), ("host", "a:1")], Origin::Other),
            (&[("origin", "http://a:1")], Origin::Other),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")], Origin::Other),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(origin(&map), expected, "{headers:?}");
        }
    }
}
