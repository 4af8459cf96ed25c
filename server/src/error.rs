//! The engine's errors → HTTP answers: `{"error":{"code","message","hint"}}` with the status that belongs to the code.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
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
