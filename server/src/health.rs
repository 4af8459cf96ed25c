//! Is the process alive, and can it work?

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, http::header::CACHE_CONTROL};
use serde_json::{Value, json};
use tandem::Engine;

use crate::error::Refusal;

pub(crate) async fn alive() -> impl axum::response::IntoResponse {
    (StatusCode::OK, [(CACHE_CONTROL, "no-store")], Json(json!({ "status": "ok" })))
}

/// The node's own database answers.
pub(crate) async fn ready(State(engine): State<Engine>) -> Result<Json<Value>, Refusal> {
    engine.ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}
