//! Downwards from the businesses: which rows hang on which business, directly or through a chain of foreign keys.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::DatabaseError;
use super::super::error::doing;
use super::picks::{Picks, is_in};
use super::wanted::{Businesses, refused};
use crate::catalog::TableName;
use crate::sql::{Ident, Sql, join, sql};

/// Chooses the rows of one business, or all but those that hang on a demo business. Rows that hang on no business at all
/// belong to no single one, but are no demo data either. `is_source` demands that the business is there.
pub(super) async fn choose(
    picks: &mut Picks<'_>,
    businesses: &Businesses<'_>,
    is_source: bool,
) -> Result<(), DatabaseError> {
    let root = picks.tables.iter().position(|table| table.name == businesses.table.name).unwrap_or_default();
    picks.link_to(root, businesses);
    let mut sets = BTreeMap::new();
    for index in tables_below(picks, root) {
        sets.insert(index, picks.make("hanging", index).await?);
    }
    seed(picks, root, &sets[&root], businesses, is_source).await?;
    hang(picks, root, &sets).await?;
    if businesses.one.is_some() {
        picks.sets = sets;
        return Ok(());
    }
    for (index, hanging) in sets {
        let rest = picks.make("rest", index).await?;
        let relation = picks.relation(index);
        let statement = sql(
            "insert into {} select c.tableoid, c.ctid from {} c where not {}",
            &[&rest, &relation, &is_in(&hanging, "c")],
        );
        picks.run(index, statement).await?;
        picks.sets.insert(index, rest);
    }
    Ok(())
}

/// The tables from which foreign keys lead to `root`, and itself.
fn tables_below(picks: &Picks<'_>, root: usize) -> BTreeSet<usize> {
    let mut below = BTreeSet::from([root]);
    loop {
        let found = picks.links.iter().filter(|link| below.contains(&link.parent)).map(|link| link.child);
        let found: BTreeSet<usize> = found.filter(|child| !below.contains(child)).collect();
        if found.is_empty() {
            return below;
        }
        below.extend(found);
    }
}

/// The one business, or the demo ones.
async fn seed(
    picks: &mut Picks<'_>,
    root: usize,
    set: &TableName,
    businesses: &Businesses<'_>,
    is_source: bool,
) -> Result<(), DatabaseError> {
    let Businesses { table, one, demo, .. } = businesses;
    let relation = picks.relation(root);
    let Some((key, value)) = one else {
        let column = demo.unwrap_or_default();
        let statement = sql(
            "insert into {} select c.tableoid, c.ctid from {} c where c.{}",
            &[set, &relation, &Ident(column)],
        );
        return picks.run(root, statement).await.map(|_| ());
    };
    let is_demo = match demo {
        Some(column) => sql("coalesce(c.{}, false)", &[&Ident(column)]),
        None => sql("false", &[]),
    };
    let statement = sql(
        "with one as (
             insert into {} select c.tableoid, c.ctid from {} c where c.{}::text = $1
         )
         select {} from {} c where c.{}::text = $1",
        &[set, &relation, &Ident(key), &is_demo, &relation, &Ident(key)],
    );
    let found: Option<bool> = sqlx::query_scalar(statement.into_query())
        .bind(*value)
        .fetch_optional(&mut *picks.connection)
        .await
        .map_err(doing(format!("look for the business in {}", table.name)))?;
    match found {
        None if is_source => Err(refused(
            format!("there is no business {value} in {} of the source", table.name),
            "Name it by its key. TANDEM_BUSINESS_TABLE says which table holds the businesses.",
        )),
        Some(true) if is_source => Err(refused(
            format!("business {value} is a demo business, and demo data is to be left out"),
            "Leave out one of the two.",
        )),
        _ => Ok(()),
    }
}

/// Adds to each set what hangs on the rows of another one, until nothing is added: in a cycle a table comes more than
/// once.
async fn hang(
    picks: &mut Picks<'_>,
    root: usize,
    sets: &BTreeMap<usize, TableName>,
) -> Result<(), DatabaseError> {
    let mut changed = BTreeSet::from([root]);
    while let Some(parent) = picks.take_parent(&mut changed) {
        for (child, statement) in additions(picks, root, parent, sets) {
            if picks.run(child, statement).await? > 0 {
                changed.insert(child);
            }
        }
    }
    Ok(())
}

fn additions(
    picks: &Picks<'_>,
    root: usize,
    parent: usize,
    sets: &BTreeMap<usize, TableName>,
) -> Vec<(usize, Sql)> {
    // A business that points to another one is still one of its own.
    let links = picks.links.iter().filter(|link| link.parent == parent && link.child != root);
    links
        .map(|link| {
            // What a row says of its business itself counts more than what the rows say that it points to.
            let says_itself =
                if parent == root { sql("false", &[]) } else { names_business(picks, root, link.child) };
            let statement = sql(
                "insert into {} select c.tableoid, c.ctid from {} c
                 where not ({}) and exists (select from {} p where {} and {}) and not {}",
                &[
                    &sets[&link.child],
                    &link.key.child_relation(),
                    &says_itself,
                    &link.key.parent_relation(),
                    &link.key.met("p", "c"),
                    &is_in(&sets[&parent], "p"),
                    &is_in(&sets[&link.child], "c"),
                ],
            );
            (link.child, statement)
        })
        .collect()
}

fn names_business(picks: &Picks<'_>, root: usize, child: usize) -> Sql {
    let direct = picks.links.iter().filter(|link| link.child == child && link.parent == root);
    let named: Vec<Sql> = direct.map(|link| sql("({})", &[&link.key.is_set("c")])).collect();
    if named.is_empty() { sql("false", &[]) } else { join(" or ", named) }
}
