//! The admin's password and the signed-in browsers.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::{Store, StoreError};
use crate::clock::now_us;
use crate::database::Statement;

/// How long a browser stays signed in.
const PANEL_SESSION_US: i64 = 12 * 3600 * 1_000_000;

impl Store {
    /// The stored hash, in PHC form.
    pub(crate) async fn password_hash(&self) -> Result<Option<String>, StoreError> {
        let rows = self
            .database
            .query(Statement::new("select password_hash from {t}account where name = 'admin'"))
            .await?;
        Ok(rows.first().map(|row| row.text(0).to_owned()))
    }

    /// Sets the admin's password and signs every browser out.
    pub(crate) async fn set_password(&self, password: String) -> Result<(), StoreError> {
        let hash = hash(password).await?;
        let statement = Statement::new(
            "insert into {t}account (name, password_hash) values ('admin', $1)
             on conflict (name) do update set password_hash = excluded.password_hash",
        )
        .bind(hash);
        self.database.execute(statement).await?;
        self.database.execute(Statement::new("delete from {t}panel_session")).await?;
        Ok(())
    }

    pub(crate) async fn open_panel_session(&self, token_hash: &str) -> Result<(), StoreError> {
        let now = now_us();
        self.database
            .execute(Statement::new("delete from {t}panel_session where expires_us < $1").bind(now))
            .await?;
        let statement =
            Statement::new("insert into {t}panel_session (token_hash, expires_us) values ($1, $2)")
                .bind(token_hash)
                .bind(now + PANEL_SESSION_US);
        self.database.execute(statement).await?;
        Ok(())
    }

    pub(crate) async fn has_panel_session(&self, token_hash: &str) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "select expires_us from {t}panel_session where token_hash = $1 and expires_us > $2",
        )
        .bind(token_hash)
        .bind(now_us());
        Ok(!self.database.query(statement).await?.is_empty())
    }

    pub(crate) async fn close_panel_session(&self, token_hash: &str) -> Result<(), StoreError> {
        self.database
            .execute(Statement::new("delete from {t}panel_session where token_hash = $1").bind(token_hash))
            .await?;
        Ok(())
    }
}

/// Argon2id with the crate's defaults, the parameters that OWASP names. Slow on purpose, so off the async threads.
async fn hash(password: String) -> Result<String, StoreError> {
    let work = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(StoreError::Password { reason: error.to_string() }),
        Err(error) => Err(StoreError::Password { reason: error.to_string() }),
    }
}

/// Whether `password` is the one that was hashed. False for a hash that cannot be read.
pub(crate) async fn matches(password: String, hash: String) -> Result<bool, StoreError> {
    let work = move || Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Password { reason: error.to_string() })
}
