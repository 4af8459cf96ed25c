//! The panel's files, embedded in the binary → answers with the best encoding the browser takes.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use rust_embed::{Embed, EmbeddedFile};

use crate::node::Node;
use crate::pages;

/// Debug builds read the folder at run time, so that a rebuilt panel needs no rebuilt server.
#[derive(Embed)]
#[folder = "$TANDEM_SITE"]
struct Site;

/// Made by the build beside each file that is worth it; the smaller one first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

pub(crate) fn holds(path: &str) -> bool {
    Site::get(path.trim_start_matches('/')).is_some()
}

/// The panel was built before the server was.
pub(crate) fn are_there() -> bool {
    holds("/pkg/tandem.wasm")
}

/// The router's last resort. The guard lets only existing files through to here, and people who are signed in and
/// mistyped an address.
pub(crate) async fn serve(State(node): State<Node>, request: Request) -> Response {
    match file(request.uri().path().trim_start_matches('/'), request.headers()) {
        Some(response) => response,
        None => pages::unknown(&node, request).await,
    }
}

/// Their names hold no content hash, so a browser asks each time whether its copy is still right; over loopback or a
/// LAN that costs nothing.
fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let (file, encoding) = best(path, headers)?;
    let etag = etag(&file);
    let fresh = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| {
        known.split(',').any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes())
    });
    let mut response = if fresh {
        reply(StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        reply(StatusCode::OK, Body::from(file.data))
    };
    let out = response.headers_mut();
    out.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    out.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    out.insert(ETAG, etag);
    if let Some(encoding) = encoding {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn best(path: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ENCODINGS
        .iter()
        .filter(|(name, _)| accepts(accepted, name))
        .find_map(|(name, suffix)| Some((Site::get(&format!("{path}{suffix}"))?, Some(*name))))
        .or_else(|| Some((Site::get(path)?, None)))
}

fn accepts(header: &str, encoding: &str) -> bool {
    header.split(',').any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{digits}\"")).expect("hexadecimal digits are a header value")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn reply(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_used_only_when_the_browser_takes_it() {
        for (header, encoding, expected) in [
            ("gzip, deflate, br, zstd", "br", true),
            ("gzip;q=1.0, br;q=0", "br", false),
            ("BR", "br", true),
            ("brotli", "br", false),
            ("", "gzip", false),
            ("gzip;q=0.0", "gzip", false),
            ("gzip;q=0.5", "gzip", true),
        ] {
            assert_eq!(accepts(header, encoding), expected, "{header} {encoding}");
        }
    }
}
