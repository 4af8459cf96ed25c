//! Rows go with what they reference.

use sqlx::postgres::PgConnection;

use super::super::super::DatabaseError;
use super::super::foreign_keys::Key;
use super::super::foresee::references;
use super::super::set_aside;
use super::super::statements::Target;
use crate::sql::sql;

/// Sets aside the staged rows whose parent was left out and is not in the target either, until there is none.
pub(super) async fn follow(
    connection: &mut PgConnection,
    targets: &[Target],
    keys: &[Key],
) -> Result<u64, DatabaseError> {
    let mut all = 0;
    loop {
        let mut moved = 0;
        for parent in targets {
            if !set_aside::has_any(connection, parent).await? {
                continue;
            }
            for key in keys.iter().filter(|key| key.parent_root == parent.table.name && key.is_readable) {
                let Some(child) = targets.iter().find(|target| references::concerns(key, target)) else {
                    continue;
                };
                let Some(parents) = references::parents(connection, key, parent, &sql("true", &[])).await?
                else {
                    continue;
                };
                let orphan = references::is_orphan(connection, key, &parents).await?;
                let gone = sql("delete from {} s where {}", &[&child.stage, &orphan]);
                let reason = "the row that it references was left out";
                moved += set_aside::all(connection, child, &gone, "23503", reason).await?;
            }
        }
        all += moved;
        if moved == 0 {
            return Ok(all);
        }
    }
}
