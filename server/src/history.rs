//! One session of the history under a path of its own; server functions cannot have parameters in theirs.

use axum::Json;
use axum::extract::{Path, State};
use tandem::Engine;
use tandem::model::{Code, SessionDetail, SessionId};

use crate::error::Refusal;

pub(crate) async fn session(
    State(engine): State<Engine>,
    Path(id): Path<String>,
) -> Result<Json<SessionDetail>, Refusal> {
    Ok(Json(engine.session(&session_id(&id)?).await?))
}

pub(crate) fn session_id(text: &str) -> Result<SessionId, Refusal> {
    SessionId::parse(text).ok_or_else(|| {
        Refusal::new(
            Code::BadRequest,
            "The address holds no session id.",
            "A session id has the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx; the history lists them.",
        )
    })
}
