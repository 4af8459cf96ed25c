//! Of the audit tables only the newest rows.

use super::super::super::DatabaseError;
use super::picks::{Picks, is_in};
use super::wanted::Audit;
use crate::catalog::TableName;
use crate::sql::{Ident, join, sql};

/// Of those that are chosen already. Returns the tables that were cut.
pub(super) async fn choose(
    picks: &mut Picks<'_>,
    audit: &Audit<'_>,
) -> Result<Vec<TableName>, DatabaseError> {
    for (table, columns) in &audit.tables {
        let Some(index) = picks.tables.iter().position(|other| other.name == table.name) else { continue };
        let newest = picks.make("newest", index).await?;
        let chosen = match picks.sets.get(&index) {
            Some(set) => is_in(set, "c"),
            None => sql("true", &[]),
        };
        let order = join(", ", columns.iter().map(|column| sql("c.{} desc nulls last", &[&Ident(column)])));
        let statement = sql(
            "insert into {}
             select c.tableoid, c.ctid from {} c where {} order by {}, c.tableoid, c.ctid desc limit {}",
            &[
                &newest,
                &picks.relation(index),
                &chosen,
                &order,
                &i64::try_from(audit.limit).unwrap_or(i64::MAX),
            ],
        );
        picks.run(index, statement).await?;
        picks.sets.insert(index, newest);
    }
    Ok(audit.tables.iter().map(|(table, _)| table.name.clone()).collect())
}
