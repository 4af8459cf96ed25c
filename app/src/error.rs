//! What a server function answers when it could not do what was asked: one JSON shape, with the right HTTP status.

use serde::{Deserialize, Serialize};
use server_fn::error::{FromServerFnError, ServerFnErrorErr};
use server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use tandem::model::{Code, SyncError};

/// What the panel shows when a call did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ApiError {
    /// The node answered, and this is why it refused.
    #[error("{0}")]
    Sync(#[from] SyncError),
    /// No answer came, or one that this panel cannot read.
    #[error("{0}")]
    Transport(String),
}

impl ApiError {
    pub fn code(&self) -> Option<Code> {
        match self {
            ApiError::Sync(error) => Some(error.code),
            ApiError::Transport(_) => None,
        }
    }

    /// As the engine would say it, so that one component shows both kinds.
    pub fn to_sync_error(&self) -> SyncError {
        match self {
            ApiError::Sync(error) => error.clone(),
            ApiError::Transport(text) => SyncError::new(Code::Interrupted, text.clone())
                .hint("Check that this server is running and that you can reach it; the page tries again by itself."),
        }
    }
}

/// `{"error":{"code","message","hint"}}`, the same for people, scripts and peers.
#[derive(Serialize, Deserialize)]
struct Envelope {
    error: SyncError,
}

pub struct ErrorJson;

impl ContentType for ErrorJson {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for ErrorJson {
    const FORMAT_TYPE: Format = Format::Text;
}

impl Encodes<ApiError> for ErrorJson {
    type Error = serde_json::Error;

    /// Sets the response's status too: every error leaves through here, and server functions would answer 500.
    fn encode(output: &ApiError) -> Result<Bytes, Self::Error> {
        let error = output.to_sync_error();
        #[cfg(feature = "ssr")]
        set_status(error.code);
        serde_json::to_vec(&Envelope { error }).map(Bytes::from)
    }
}

impl Decodes<ApiError> for ErrorJson {
    type Error = String;

    fn decode(bytes: Bytes) -> Result<ApiError, Self::Error> {
        match serde_json::from_slice::<Envelope>(&bytes) {
            Ok(envelope) => Ok(ApiError::Sync(envelope.error)),
            // A proxy between us and the node answers in its own words.
            Err(_) => Ok(ApiError::Transport("The server did not answer as expected.".to_owned())),
        }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = ErrorJson;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        match value {
            ServerFnErrorErr::Args(text)
            | ServerFnErrorErr::MissingArg(text)
            | ServerFnErrorErr::Deserialization(text)
                if cfg!(feature = "ssr") =>
            {
                SyncError::new(Code::BadRequest, format!("The request cannot be read: {text}")).into()
            }
            ServerFnErrorErr::Request(_) => {
                ApiError::Transport("This server could not be reached.".to_owned())
            }
            other => ApiError::Transport(other.to_string()),
        }
    }
}

#[cfg(feature = "ssr")]
fn set_status(code: Code) {
    use axum::http::StatusCode;
    use leptos::prelude::use_context;

    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_as_it_was_sent() {
        let sent = ApiError::from(SyncError::new(Code::Busy, "A pull is running.").hint("Wait for it."));
        let bytes = ErrorJson::encode(&sent).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text, r#"{"error":{"code":"busy","message":"A pull is running.","hint":"Wait for it."}}"#);
        assert_eq!(ErrorJson::decode(bytes).unwrap(), sent);
    }

    #[test]
    fn a_foreign_answer_is_not_an_answer() {
        let decoded = ErrorJson::decode(Bytes::from_static(b"<html>502 Bad Gateway</html>")).unwrap();
        assert!(matches!(decoded, ApiError::Transport(_)));
    }
}
