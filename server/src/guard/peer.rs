//! A peer's request → its proven sender and a body that is the one that was signed.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use sha2::{Digest, Sha256};
use tandem::engine::SignedRequest;
use tandem::model::Code;
use tracing::warn;

use crate::error::Refusal;
use crate::node::Node;

/// The largest body of a control call: a report on a database of 50,000 tables fits.
pub(crate) const CONTROL_LIMIT_BYTES: usize = 16 << 20;
/// The largest chunk of an upload.
pub(crate) const CHUNK_LIMIT_BYTES: usize = 8 << 20;
/// A body that takes longer is cut off: 8 MiB pass in this time at 30 kB/s.
const BODY_TIME: Duration = Duration::from_secs(280);

pub(crate) fn is_signed(request: &Request) -> bool {
    request.headers().contains_key("x-tandem-signature")
}

/// Checks the signature over everything but the body, reads the body within its limit, and compares its hash.
/// Cookies and tokens are not looked at.
pub(crate) async fn check(node: &Node, request: Request) -> Result<Request, Refusal> {
    let verified = {
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let signed = SignedRequest { method: request.method().as_str(), target, headers: &headers };
        node.engine.verify_peer(&signed).map_err(|error| {
            warn!(path = request.uri().path(), reason = %error.message, "a peer request was refused");
            let status =
                if error.code == Code::Forbidden { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
            Refusal::from(error).with_status(status)
        })?
    };

    let limit = if *request.method() == Method::PATCH { CHUNK_LIMIT_BYTES } else { CONTROL_LIMIT_BYTES };
    let (mut parts, body) = request.into_parts();
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let body = read(body, announced, limit).await?;
    if hex(&Sha256::digest(&body)) != verified.body_sha256 {
        return Err(Refusal::new(
            Code::Damaged,
            "The body is not the one that was signed.",
            "Something between the two nodes changes requests; look for a proxy that rewrites them.",
        )
        .with_status(StatusCode::UNAUTHORIZED));
    }
    parts.extensions.insert(verified.caller);
    Ok(Request::from_parts(parts, Body::from(body)))
}

async fn read(body: Body, announced: Option<usize>, limit: usize) -> Result<Bytes, Refusal> {
    let too_large = || {
        Refusal::new(
            Code::TooLarge,
            format!("The body is larger than {limit} bytes."),
            "Send smaller chunks.",
        )
    };
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => Err(too_large()),
        Ok(Err(error)) => {
            Err(Refusal::new(Code::BadRequest, format!("The body broke off: {error}."), "Send it again."))
        }
        Err(_elapsed) => Err(Refusal::new(
            Code::BadRequest,
            format!("The body did not arrive within {} s.", BODY_TIME.as_secs()),
            "Send smaller chunks.",
        )
        .with_status(StatusCode::REQUEST_TIMEOUT)),
    }
}

fn is_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing into a String cannot fail");
        text
    })
}
