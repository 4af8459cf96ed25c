//! What runs as a session of its own and is started from the panel: one action for all, so that the browser has one.

use leptos::prelude::*;
use tandem::model::{SessionId, SyncRequest};

use super::{Started, admin};
use crate::error::ApiError;

#[derive(Debug, Clone)]
pub enum Launch {
    Sync(SyncRequest),
    Preview(SyncRequest),
    Undo { session_id: SessionId, force: bool },
}

pub type Launcher = Action<Launch, Result<Started, ApiError>>;

pub fn launcher() -> Launcher {
    Action::new(|launch: &Launch| {
        let launch = launch.clone();
        async move {
            match launch {
                Launch::Sync(request) => admin::full_sync(request).await,
                Launch::Preview(request) => admin::preview(request).await,
                Launch::Undo { session_id, force } => admin::undo(session_id, Some(force)).await,
            }
        }
    })
}

/// Why the last one was refused.
pub fn refused(launcher: Launcher) -> Signal<Option<ApiError>> {
    Signal::derive(move || launcher.value().get().and_then(Result::err))
}
