//! The newest comparison with each peer.

use super::{Store, StoreError, to_json};
use crate::database::Statement;
use crate::model::Comparison;

impl Store {
    pub(crate) async fn save_comparison(&self, comparison: &Comparison) -> Result<(), StoreError> {
        let statement = Statement::new(
            "insert into {t}comparison (peer, comparison) values ($1, $2)
             on conflict (peer) do update set comparison = excluded.comparison",
        )
        .bind(comparison.peer.as_str())
        .bind(to_json(comparison));
        self.database.execute(statement).await?;
        Ok(())
    }

    pub(crate) async fn comparisons(&self) -> Result<Vec<Comparison>, StoreError> {
        let rows =
            self.database.query(Statement::new("select comparison from {t}comparison order by peer")).await?;
        rows.iter()
            .map(|row| {
                serde_json::from_str(row.text(0))
                    .map_err(|source| StoreError::Unreadable { what: "a comparison".to_owned(), source })
            })
            .collect()
    }
}
