//! The engine's errors → HTTP answers: `{"error":{"code","message","hint"}}` with the status that belongs to the code.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;
use tandem::model::{Code, SyncError};

/// A refusal, ready to be sent.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: SyncError,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        SyncError::new(code, message).hint(hint).into()
    }

    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// For a person at a browser, where the panel itself cannot be drawn.
    pub(crate) fn into_page(self) -> Response {
        let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let page = format!(
            "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tandem</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <h1>This server cannot show its panel now</h1><p>{}</p><p>{}</p><p><a href=\"\">Try again</a></p></html>",
            text(&self.error.message),
            text(&self.error.hint),
        );
        (self.status, Html(page)).into_response()
    }

    /// For the few cases in which the same code has another status than usual.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Self {
        let status =
            StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, error }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.error }))).into_response()
    }
}
