//! What another node or an admin asks for -> whether this version can do it.

use crate::model::wire::PROTOCOL;
use crate::model::{Code, DeletePolicy, Direction, Method, SessionId, SyncError, SyncOptions, SyncRequest};
use crate::peer::Client;

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

/// Tables are made, and columns added, only where the target's own admin wants it: by starting the sync there, or by the
/// setting.
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

/// A row that the scope leaves out on the source can be in it on the target: it was moved to another business, or the
/// target's newest audit rows are older ones. To take it for a surplus row would delete what the source still has.
pub(super) fn refuse_contradiction(options: &SyncOptions) -> Result<(), SyncError> {
    if options.deletes == DeletePolicy::Mirror && options.scope.chooses_rows() {
        return Err(SyncError::new(
            Code::Refused,
            "With only a part of the rows (one business, no demo data, newest audit rows) nobody can tell which rows of the target are surplus, so they cannot be deleted.",
        )
        .hint("Keep the target's rows (deletes: keep), or mirror whole tables, chosen by their names."));
    }
    if options.initialise && !options.scope.without_columns.is_empty() {
        return Err(SyncError::new(
            Code::Refused,
            "Tables that are made as on the source get all of its columns, so none can be left out.",
        )
        .hint("Leave out the option initialise, or the columns afterwards."));
    }
    let least = SyncOptions::LEAST_BANDWIDTH_KB;
    if options.bandwidth_kb.is_some_and(|limit| limit < least) {
        return Err(SyncError::new(
            Code::BadRequest,
            format!("A bandwidth of less than {least} kB a second is too little to tell a slow sync from a dead one."),
        )
        .hint(format!("Allow {least} kB a second or more, or set no limit.")));
    }
    Ok(())
}

/// The method to begin with, and why. Rows travel as JSON by themselves only where nothing else comes through: backup
/// and delta both bring their rows as an archive.
pub(super) async fn method(
    client: &Client,
    request: &SyncRequest,
    id: &SessionId,
) -> Result<(Method, &'static str), SyncError> {
    if request.method == Method::Auto && !client.passes_archives(request.action, id).await? {
        return Ok((
            Method::Rows,
            "Auto took rows: something between the two servers lets JSON through, but no archive",
        ));
    }
    Ok((request.method, reason(request.method)))
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
