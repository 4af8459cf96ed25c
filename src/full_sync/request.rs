//! What another node or an admin asks for -> whether this version can do it.

use crate::model::wire::PROTOCOL;
use crate::model::{Code, Method, Scope, SyncError, SyncOptions};

pub(super) fn check_protocol(peer: &str, protocol: u32) -> Result<(), SyncError> {
    if protocol == PROTOCOL {
        return Ok(());
    }
    Err(SyncError::new(
        Code::PeerVersion,
        format!("{peer} speaks protocol {protocol}, this server {PROTOCOL}."),
    )
    .hint("Run the same version of Tandem on both servers."))
}

/// What this version cannot do is refused, never quietly done differently.
pub(super) fn refuse_unsupported(method: Method, options: &SyncOptions) -> Result<(), SyncError> {
    let what = if method == Method::Rows {
        format!("the method `{}`", method.as_str())
    } else if options.scope != Scope::default() {
        "a scope: only whole databases are synced".to_owned()
    } else {
        return Ok(());
    };
    Err(SyncError::new(Code::Refused, format!("This version does not know {what} yet."))
        .hint("Leave the option out."))
}

/// Why the method is taken, as far as it is known at the start.
pub(super) fn reason(method: Method) -> &'static str {
    match method {
        Method::Auto => "Auto looks which rows differ",
        Method::Backup => "Backup was asked for",
        Method::Delta => "Delta was asked for",
        Method::Rows => "Rows was asked for",
    }
}
