//! Archives as bytes: downloads from any offset, uploads that go on where they stopped.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tandem::engine::Caller;
use tandem::model::Code;

use crate::error::Refusal;
use crate::history::session_id;
use crate::node::Node;

const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// Where a download starts. `Content-Range` cannot say it: it needs the end, which a growing backup has not got yet.
const DOWNLOAD_OFFSET: HeaderName = HeaderName::from_static("x-tandem-offset");
const CHUNK_TYPE: &str = "application/offset+octet-stream";

/// The backup's bytes while it is still being made. Shutting down breaks the body off, so that the peer sees a cut
/// and not an end.
pub(crate) async fn download(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    Path(session): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let offset = range_start(&headers)?;
    let stream =
        node.engine.download_backup(&caller, &session_id(&session)?, offset.unwrap_or_default()).await?;
    let body = futures::stream::unfold((stream, node.stop), |(mut stream, stop)| async move {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => Some(Err(std::io::Error::other("the node is shutting down"))),
            next = stream.next() => next,
        };
        next.map(|chunk| (chunk, (stream, stop)))
    });

    let status = if offset.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, Body::from_stream(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(DOWNLOAD_OFFSET, HeaderValue::from(offset.unwrap_or_default()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// How much of an upload is here: where the peer goes on after a cut.
pub(crate) async fn received(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    Path(session): Path<String>,
) -> Result<Response, Refusal> {
    let length = node.engine.received(&caller, &session_id(&session)?).await?;
    Ok((StatusCode::OK, [(UPLOAD_OFFSET, length)], [(CACHE_CONTROL, "no-store")]).into_response())
}

/// Appends one chunk. A chunk that does not start at the end is refused with the true offset.
pub(crate) async fn receive(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    Path(session): Path<String>,
    headers: HeaderMap,
    chunk: Bytes,
) -> Result<Response, Refusal> {
    let session = session_id(&session)?;
    if headers.get(CONTENT_TYPE).is_none_or(|value| value != CHUNK_TYPE) {
        return Err(bad_request(format!("A chunk is sent with Content-Type: {CHUNK_TYPE}.")));
    }
    let offset = number(headers.get(UPLOAD_OFFSET))
        .ok_or_else(|| bad_request("A chunk names its place in Upload-Offset.".to_owned()))?;
    let refused = match node.engine.receive_bytes(&caller, &session, offset, chunk).await {
        Ok(length) => return Ok((StatusCode::NO_CONTENT, [(UPLOAD_OFFSET, length)]).into_response()),
        Err(error) => error,
    };
    match node.engine.received(&caller, &session).await {
        Ok(length) if length != offset => {
            let refusal = Refusal::new(
                Code::Refused,
                format!("The chunk starts at byte {offset}, but the upload ends at byte {length}."),
                "Go on at the offset that Upload-Offset names.",
            );
            Ok(([(UPLOAD_OFFSET, length)], refusal.with_status(StatusCode::CONFLICT)).into_response())
        }
        _ => Err(refused.into()),
    }
}

/// A message of a delta, or of rows as JSON, and its answer; 202 when that takes longer.
pub(crate) async fn exchange(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    Path((session, number)): Path<(String, u32)>,
    message: Bytes,
    content_type: &'static str,
) -> Result<Response, Refusal> {
    let answer = node.engine.exchange(&caller, &session_id(&session)?, number, message).await?;
    Ok(match answer {
        Some(answer) => ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")], answer).into_response(),
        None => StatusCode::ACCEPTED.into_response(),
    })
}

/// The start of `Range: bytes=N-`; none without the header. Other forms are refused, because a peer that asks for
/// them would take the answer for something else.
fn range_start(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(range) = headers.get(RANGE) else { return Ok(None) };
    range
        .to_str()
        .ok()
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'))
        .and_then(digits)
        .map(Some)
        .ok_or_else(|| bad_request("Only Range: bytes=N- is understood.".to_owned()))
}

fn number(value: Option<&HeaderValue>) -> Option<u64> {
    digits(value?.to_str().ok()?)
}

/// Stricter than `parse`, which takes a sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn bad_request(message: String) -> Refusal {
    Refusal::new(Code::BadRequest, message, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_ranges_are_taken() {
        for (range, expected) in [
            ("bytes=0-", Some(0)),
            ("bytes=18446744073709551615-", Some(u64::MAX)),
            ("bytes=18446744073709551616-", None),
            ("bytes=5-9", None),
            ("bytes=-5", None),
            ("bytes=+5-", None),
            ("bytes=-", None),
            ("bytes=1-,3-", None),
            ("rows=1-", None),
        ] {
            let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]);
            assert_eq!(range_start(&headers).ok(), expected.map(Some), "{range}");
        }
        assert_eq!(range_start(&HeaderMap::new()).ok(), Some(None));
    }
}
