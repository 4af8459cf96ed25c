//! Every call that the panel, scripts and peers make, as server functions with fixed endpoints; nothing is decided
//! here. Who may call what is checked by the server before a body is read.

pub mod admin;
pub mod launch;
pub mod peer;
#[cfg(feature = "ssr")]
mod watch;

use serde::{Deserialize, Serialize};
use tandem::model::SessionId;

/// The answer of a call that only does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// A sync was started; it goes on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub session_id: SessionId,
}

/// Who asks, for the history: `admin` for the panel's login, `api` for a token. The server provides it as context.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who(pub String);

/// What the server must have put into the context; its absence is a defect there, not a reason to panic.
#[cfg(feature = "ssr")]
fn context<T: Clone + 'static>(what: &str) -> Result<T, crate::error::ApiError> {
    leptos::prelude::use_context::<T>().ok_or_else(|| {
        tandem::model::SyncError::new(
            tandem::model::Code::Internal,
            format!("The server did not say {what} for this request."),
        )
        .hint("This is a defect of Tandem; please report it.")
        .into()
    })
}

#[cfg(feature = "ssr")]
fn engine() -> Result<tandem::Engine, crate::error::ApiError> {
    context("which node answers")
}

#[cfg(feature = "ssr")]
fn caller() -> Result<tandem::engine::Caller, crate::error::ApiError> {
    context("which peer is calling")
}
