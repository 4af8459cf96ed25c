//! What another node or an admin asks for -> whether this version can do it.

use crate::model::wire::PROTOCOL;
use crate::model::{Code, ConflictPolicy, Direction, Method, RowErrors, Scope, SyncError, SyncOptions};

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
    } else if options.conflicts != ConflictPolicy::Abort {
        "any other answer to conflicts than `abort`".to_owned()
    } else if options.row_errors != RowErrors::Strict {
        "setting bad rows aside (`isolate`)".to_owned()
    } else if options.scope != Scope::default() {
        "a scope: only whole databases are synced".to_owned()
    } else {
        return Ok(());
    };
    Err(SyncError::new(Code::Refused, format!("This version does not know {what} yet."))
        .hint("Leave the option out."))
}

/// Tables are made, and columns added, only where the target's own admin wants it: by starting the sync there, or by the setting.
pub(super) fn refuse_initialise(
    allow: Option<bool>,
    started_here: bool,
    direction: Direction,
    options: &SyncOptions,
) -> Result<(), SyncError> {
    let is_target = direction == Direction::Pull;
    let changes_schema = options.initialise || options.additive;
    if !changes_schema || !is_target || allow.unwrap_or(started_here) {
        return Ok(());
    }
    let message = match started_here {
        true => "No sync may make tables or columns in this server's database.",
        false => "The target lets no other server make tables or columns in its database.",
    };
    Err(SyncError::new(Code::Forbidden, message)
        .hint("On the target, set TANDEM_ALLOW_INITIALISE=true, or start the sync from there unless it is set to false; or leave out the options initialise and additive."))
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
