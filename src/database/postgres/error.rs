//! sqlx's errors -> ours, without values from rows.

use sqlx::Error;

use super::super::DatabaseError;

/// For `map_err`: names what could not be done.
pub(super) fn doing(what: impl Into<String>) -> impl FnOnce(Error) -> DatabaseError {
    let what = what.into();
    move |cause| failed(what, &cause)
}

pub(super) fn failed(what: String, cause: &Error) -> DatabaseError {
    match cause {
        Error::Database(refusal) => {
            let sqlstate = refusal.code().unwrap_or_default().into_owned();
            let mut reason = refusal.message().to_owned();
            // The detail of other classes quotes rows; that of a lock or a dependency does not.
            if let Some(constraint) =
                refusal.constraint().filter(|name| !reason.contains(&format!("\"{name}\"")))
            {
                reason = format!("{reason} (constraint {constraint})");
            }
            match sqlstate.as_str() {
                "55P03" | "40P01" => DatabaseError::Locked { what, holder: "another session".to_owned() },
                "42501" => {
                    DatabaseError::MissingRight { what: format!("{what}: {reason}"), remedy: String::new() }
                }
                "57P01" | "57P02" | "57P03" => DatabaseError::Unavailable { reason },
                _ => DatabaseError::Statement { what, reason, sqlstate },
            }
        }
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed => {
            DatabaseError::Unavailable { reason: cause.to_string() }
        }
        _ => DatabaseError::Statement { what, reason: cause.to_string(), sqlstate: String::new() },
    }
}

pub(super) fn connecting(cause: &Error) -> DatabaseError {
    match cause {
        Error::Database(refusal) => DatabaseError::Unavailable { reason: refusal.message().to_owned() },
        _ => DatabaseError::Unavailable { reason: cause.to_string() },
    }
}
