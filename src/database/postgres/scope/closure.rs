//! Upwards: no chosen row may point to a row that is not chosen.

use std::collections::BTreeSet;

use super::super::super::DatabaseError;
use super::picks::{Picks, is_in};
use crate::sql::{Sql, sql};

/// Adds the rows that chosen rows of the tables in `included` point to, until nothing is added: through chains, self
/// references and cycles.
pub(super) async fn close(picks: &mut Picks<'_>, included: &BTreeSet<usize>) -> Result<(), DatabaseError> {
    let mut changed = included.clone();
    while let Some(child) = picks.take_child(&mut changed) {
        for (parent, statement) in additions(picks, child, included) {
            if picks.run(parent, statement).await? > 0 {
                changed.insert(parent);
            }
        }
    }
    Ok(())
}

/// Into tables that are taken whole nothing needs to be added; what points out of the scope is proven on the target.
fn additions(picks: &Picks<'_>, child: usize, included: &BTreeSet<usize>) -> Vec<(usize, Sql)> {
    let links = picks.links.iter().filter(|link| link.child == child && included.contains(&link.parent));
    links
        .filter_map(|link| {
            let set = picks.sets.get(&link.parent)?;
            let is_chosen = match picks.sets.get(&child) {
                Some(chosen) => is_in(chosen, "c"),
                None => sql("true", &[]),
            };
            let statement = sql(
                "insert into {} select p.tableoid, p.ctid from {} p
                 where exists (select from {} c where {} and {}) and not {}",
                &[
                    set,
                    &link.key.parent_relation(),
                    &link.key.child_relation(),
                    &link.key.met("p", "c"),
                    &is_chosen,
                    &is_in(set, "p"),
                ],
            );
            Some((link.parent, statement))
        })
        .collect()
}
