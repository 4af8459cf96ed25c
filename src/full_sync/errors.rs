//! The rooms' errors -> the one that people read, with what to do about it.

use std::io;
use std::path::Path;

use crate::archive::ArchiveError;
use crate::backup::BackupError;
use crate::compare::ReadingError;
use crate::database::DatabaseError;
use crate::model::{Code, SyncError, text};
use crate::restore::RestoreError;
use crate::store::StoreError;

const ORPHANS: &str = "Rows that only the target has may need rows that are gone, or the source holds orphans. Correct them, or mirror the source (deletes: mirror).";

pub(crate) fn internal(text: &str) -> SyncError {
    SyncError::new(Code::Internal, format!("A defect in Tandem: {text}."))
        .hint("Nothing was changed unless the report says so. Please report it with the log of this session.")
}

pub(super) fn spool_failed(path: &Path, cause: &io::Error) -> SyncError {
    if cause.kind() == io::ErrorKind::StorageFull {
        return SyncError::new(Code::DiskFull, format!("The disk of {} is full.", path.display()))
            .hint("Free space there, or set TANDEM_DATA_DIR to a larger disk.");
    }
    SyncError::new(Code::DataDir, format!("The spool file {} cannot be used: {cause}.", path.display()))
        .hint("Check the data directory (TANDEM_DATA_DIR): it must exist and be writable.")
}

impl From<DatabaseError> for SyncError {
    fn from(error: DatabaseError) -> Self {
        let message = error.to_string();
        match error {
            DatabaseError::Unavailable { .. } => SyncError::new(Code::DatabaseUnavailable, message)
                .hint("Check that the database server runs and that DATABASE_URL is right."),
            DatabaseError::Statement { sqlstate, .. } => {
                // 22: a value that its type or its encoding cannot hold; 23: a row that a constraint refuses.
                let refused = sqlstate.starts_with("22") || sqlstate.starts_with("23");
                let code = match sqlstate.as_str() {
                    "23503" => Code::ForeignKey,
                    _ if refused => Code::RowRefused,
                    _ => Code::Database,
                };
                SyncError::new(code, message).hint(hint(&sqlstate))
            }
            DatabaseError::Locked { .. } => SyncError::new(Code::Locked, message)
                .hint("Let that session end its transaction, then start the sync again."),
            DatabaseError::TooMany { .. } => SyncError::new(Code::RowRefused, message).hint(
                "So many are no exceptions: look for their common cause, which the session's log names.",
            ),
            DatabaseError::Gone { .. } => SyncError::new(Code::Refused, message).hint("Nothing was changed."),
            DatabaseError::Changed { .. } => SyncError::new(Code::SchemaDiffers, message)
                .hint("Nothing was changed by the sync. Start it again."),
            DatabaseError::MissingRight { remedy, .. } if remedy.is_empty() => {
                SyncError::new(Code::MissingRight, message)
                    .hint("Give this right to the role in DATABASE_URL. `tandem doctor` lists what it needs.")
            }
            DatabaseError::MissingRight { remedy, .. } => {
                SyncError::new(Code::MissingRight, message).hint(remedy)
            }
            DatabaseError::Orphans { .. } => SyncError::new(Code::ForeignKey, message).hint(ORPHANS),
            DatabaseError::Refused { remedy, .. } => SyncError::new(Code::Refused, message).hint(match remedy.is_empty() {
                true => "Nothing was changed. A role that may set session_replication_role is not bound by this; `tandem doctor` names the GRANT.".to_owned(),
                false => remedy,
            }),
            DatabaseError::Altered { by, .. } => SyncError::new(Code::VerifyFailed, message).hint(format!(
                "Nothing was changed. These have seen the rows on their way and may have changed them: {}. Switch off what changes rows, or grant the right that `tandem doctor` names.",
                by.join(", ")
            )),
            DatabaseError::Scope { remedy, .. } => SyncError::new(Code::Refused, message).hint(remedy),
            DatabaseError::Dump { reason } => {
                SyncError::new(Code::DumpFailed, format!("The program pg_dump failed: {reason}"))
                    .hint("The message is pg_dump's own. `tandem doctor` checks versions and rights.")
            }
        }
    }
}

/// What to do, by SQLSTATE.
fn hint(sqlstate: &str) -> &'static str {
    match sqlstate {
        "23505" => {
            "A row of the source has the unique value of another row on the target. Change one of the two, or delete the target's row."
        }
        "23502" | "23514" => {
            "The target demands more of its rows than the source does. Make the constraints equal, or correct the row."
        }
        "22021" | "22P05" => {
            "A text of the source cannot be written in the target's encoding. Correct the row, or give both databases the encoding UTF8."
        }
        "23P01" => {
            "A row of the source meets another row of the target in an exclusion constraint. Change one of the two, or delete the target's row."
        }
        code if code.starts_with("22") => {
            "A value of the source is none for the target's type. Correct the row."
        }
        "53200" => {
            "The database server is out of memory. With many tables, raise max_locks_per_transaction; then start the sync again."
        }
        "53100" => "The database server is out of disk. Free some and start again.",
        "25006" => {
            "The target is read-only (a standby, or default_transaction_read_only). Connect Tandem to the primary."
        }
        "40P01" | "40001" => "Another program was in the way. Start the sync again.",
        "57014" => "The statement was cancelled in the database. Start the sync again.",
        _ => "Nothing was changed on the target.",
    }
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            StoreError::Unreadable { .. } | StoreError::Password { .. } => internal(&error.to_string()),
        }
    }
}

impl From<ArchiveError> for SyncError {
    fn from(error: ArchiveError) -> Self {
        let message = format!("The backup did not arrive as it was sent: {error}.");
        match error {
            ArchiveError::Damaged { .. } => SyncError::new(Code::Damaged, message).hint(
                "Nothing was changed. Start the sync again; if it happens again, a proxy between the servers alters the bytes.",
            ),
            ArchiveError::Format { .. } => SyncError::new(Code::PeerVersion, error.to_string())
                .hint("Run the same version of Tandem on both servers."),
            ArchiveError::Dump { .. } => SyncError::new(Code::DumpFailed, error.to_string())
                .hint("This pg_dump prints what Tandem does not know. Set TANDEM_PG_BIN to another one."),
            ArchiveError::Unfit { .. } => internal(&error.to_string()),
            ArchiveError::Io { source } if source.kind() == io::ErrorKind::StorageFull => {
                SyncError::new(Code::DiskFull, source.to_string())
                    .hint("Free space there, or set TANDEM_DATA_DIR to a larger disk.")
            }
            // The spool fails with the reason of whoever filled it.
            ArchiveError::Io { source } => SyncError::new(Code::Interrupted, format!("The backup broke off: {source}."))
                .hint("Nothing was changed. Start the sync again."),
        }
    }
}

impl From<ReadingError> for SyncError {
    fn from(error: ReadingError) -> Self {
        let message = error.to_string();
        match error {
            ReadingError::Database(error) => error.into(),
            ReadingError::Io(cause) if cause.kind() == io::ErrorKind::StorageFull => {
                SyncError::new(Code::DiskFull, message)
                    .hint("Free space there, or set TANDEM_DATA_DIR to a larger disk.")
            }
            ReadingError::Io(_) => SyncError::new(Code::DataDir, message)
                .hint("Check the data directory (TANDEM_DATA_DIR): its disk, and whether it is writable."),
            ReadingError::Missing { .. } | ReadingError::TooLong => SyncError::new(Code::Database, message)
                .hint("Start the sync again, by the method backup if it happens again."),
        }
    }
}

impl From<BackupError> for SyncError {
    fn from(error: BackupError) -> Self {
        let message = error.to_string();
        match error {
            BackupError::Database(error) => error.into(),
            BackupError::Archive(error) => error.into(),
            BackupError::Reading(error) => error.into(),
            BackupError::LeftOut { .. } | BackupError::Unexpected { .. } => SyncError::new(Code::DumpFailed, message)
                .hint("The schema changed while the backup was made, or this pg_dump behaves unusually. Start the sync again."),
        }
    }
}

impl From<RestoreError> for SyncError {
    fn from(error: RestoreError) -> Self {
        let message = error.to_string();
        match error {
            RestoreError::Database(error) => error.into(),
            RestoreError::Archive(error) => error.into(),
            RestoreError::Reading(error) => error.into(),
            RestoreError::Ended => SyncError::new(Code::Damaged, message).hint("Start the sync again."),
            RestoreError::Schema { remedies, .. } => SyncError::new(Code::SchemaDiffers, message).hint(text::few(&remedies, " ")),
            RestoreError::Rows { .. } => {
                SyncError::new(Code::RowRefused, message).hint("Correct these rows on the source, then start the sync again.")
            }
            RestoreError::Chosen { .. } => SyncError::new(Code::Refused, message)
                .hint("Nothing was changed. Look at a new preview and choose from what it shows."),
            RestoreError::Conflicts { .. } => SyncError::new(Code::RowRefused, message).hint(
                "Change one row of each pair, or choose what happens to conflicts: skip leaves the incoming row out, source lets it replace the target's, target lets its children reference the target's.",
            ),
            RestoreError::Orphans { .. } => SyncError::new(Code::ForeignKey, message)
                .hint(ORPHANS),
            RestoreError::Unequal { .. } | RestoreError::Unreadable { .. } => SyncError::new(Code::VerifyFailed, message)
                .hint("A trigger that is ENABLE ALWAYS, a rule or a different generated column on the target changes rows as they are written."),
            RestoreError::Superseded => SyncError::new(Code::Busy, message).hint("Wait until it has finished."),
        }
    }
}
