//! Foreign keys: what they say, and whether rows contradict them. With triggers off the server does not check them.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::affected::{Affected, Reach};
use super::conflicts::pairs::{numbered, place_of};
use super::error::doing;
use super::merge::plan_for;
use super::statements::relation;
use crate::catalog::{Table, TableName};
use crate::model::text;
use crate::sql::{Definition, Ident, Operator, Sql, join, names, quoted, sql};

/// One sentence for each foreign key from or to one of `tables` that leads nowhere. Keys that the target itself has
/// marked NOT VALID are not demanded; those that were just made again are known already. Of the others those rows are
/// looked at that can have come to lead nowhere.
pub(super) async fn orphans(
    connection: &mut PgConnection,
    tables: &[TableName],
    remade: &[Remade],
    affected: &Affected<'_>,
) -> Result<Vec<String>, DatabaseError> {
    let (mut staged, mut everywhere) = (Vec::new(), Vec::new());
    for key in touching(connection, tables).await? {
        match remade.iter().find(|remade| remade.child == key.child && remade.name == key.name) {
            Some(remade) if !remade.is_proven => everywhere.push(key),
            None if key.is_valid => match affected.reach(&key) {
                Reach::Nowhere => {}
                Reach::Staged(rows) => staged.push((key, rows)),
                Reach::Everywhere => everywhere.push(key),
            },
            _ => {}
        }
    }
    let mut sentences = sentences(connection, &everywhere).await?;
    if !staged.is_empty() {
        plan_for(connection, true).await?;
    }
    for (key, rows) in staged {
        let orphans = count(connection, &key, key.count_orphans_among(&rows)).await?;
        sentences.extend(key.sentence(orphans));
    }
    Ok(sentences)
}

/// The same where the server has checked its keys row by row: what we may not read needs no other look.
pub(super) async fn orphans_beside_checks(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<Vec<String>, DatabaseError> {
    let mut keys = touching(connection, tables).await?;
    keys.retain(|key| key.is_valid && (key.is_readable || !key.is_enforced));
    sentences(connection, &keys).await
}

/// One sentence for each of `keys` that leads nowhere.
pub(super) async fn sentences(
    connection: &mut PgConnection,
    keys: &[Key],
) -> Result<Vec<String>, DatabaseError> {
    let mut sentences = Vec::new();
    for key in keys {
        let orphans = count(connection, key, key.count_orphans()).await?;
        sentences.extend(key.sentence(orphans));
    }
    Ok(sentences)
}

/// The number of rows that `statement` finds against `key`.
pub(super) async fn count(
    connection: &mut PgConnection,
    key: &Key,
    statement: Sql,
) -> Result<u64, DatabaseError> {
    let count: Result<i64, _> = sqlx::query_scalar(statement.into_query()).fetch_one(connection).await;
    let what = || format!("check the foreign key {} of {}", key.name, key.child);
    count.map(i64::unsigned_abs).map_err(|cause| doing(what())(cause))
}

/// A foreign key that was taken off and made again.
pub(super) struct Remade {
    pub(super) child: TableName,
    pub(super) name: String,
    /// False when rows contradict it.
    pub(super) is_proven: bool,
}

#[derive(Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) child: TableName,
    pub(super) child_partitioned: bool,
    /// The partitioned table that the child is a part of, or the child itself.
    pub(super) child_root: TableName,
    pub(super) parent: TableName,
    pub(super) parent_root: TableName,
    parent_partitioned: bool,
    /// MATCH FULL: all columns are null or none is.
    is_full: bool,
    /// The last column is a period, to be covered by the parent's periods together: PostgreSQL 18 and later.
    pub(super) is_period: bool,
    pub(super) columns: Vec<String>,
    pub(super) parent_columns: Vec<String>,
    equalities: Vec<Operator>,
    pub(super) definition: Definition,
    pub(super) comment: Option<String>,
    /// Not NOT VALID.
    pub(super) is_valid: bool,
    /// The server checks it row by row, unless triggers are off.
    pub(super) is_enforced: bool,
    pub(super) is_deferrable: bool,
    /// A delete or an update of the parent's key changes or deletes the child's row.
    pub(super) deletes_act: bool,
    pub(super) updates_act: bool,
    /// This role can take it off and make it again exactly as it is.
    pub(super) can_be_remade: bool,
    /// This role may read both of its tables.
    pub(super) is_readable: bool,
}

impl Key {
    fn new(row: &PgRow) -> Self {
        let text = |name: &str| row.get::<String, _>(name);
        let table = |schema: &str, name: &str| TableName::new(text(schema), text(name));
        let schemas: Vec<String> = row.get("operator_schemas");
        let operators: Vec<String> = row.get("operators");
        let named = |(schema, name)| Operator { schema, name };
        Self {
            name: row.get("name"),
            child: table("child_schema", "child"),
            child_partitioned: row.get("child_partitioned"),
            child_root: table("child_root_schema", "child_root"),
            parent: table("parent_schema", "parent"),
            parent_root: table("parent_root_schema", "parent_root"),
            parent_partitioned: row.get("parent_partitioned"),
            is_full: row.get("is_full"),
            is_period: row.get("is_period"),
            columns: row.get("columns"),
            parent_columns: row.get("parent_columns"),
            equalities: schemas.into_iter().zip(operators).map(named).collect(),
            definition: Definition(row.get("definition")),
            comment: row.get("comment"),
            is_valid: row.get("is_valid"),
            is_enforced: row.get("is_enforced"),
            is_deferrable: row.get("is_deferrable"),
            deletes_act: row.get("deletes_act"),
            updates_act: row.get("updates_act"),
            can_be_remade: row.get("can_be_remade"),
            is_readable: row.get("is_readable"),
        }
    }

    /// A column that holds another table's key, although the database does not know of it.
    pub(super) fn unwritten(child: &Table, column: &str, parent: &Table, parent_column: &str) -> Self {
        Self {
            name: String::new(),
            child: child.name.clone(),
            child_partitioned: child.partitioned,
            child_root: child.name.clone(),
            parent: parent.name.clone(),
            parent_root: parent.name.clone(),
            parent_partitioned: parent.partitioned,
            is_full: false,
            is_period: false,
            columns: vec![column.to_owned()],
            parent_columns: vec![parent_column.to_owned()],
            equalities: vec![Operator { schema: "pg_catalog".to_owned(), name: "=".to_owned() }],
            definition: Definition(String::new()),
            comment: None,
            is_valid: false,
            is_enforced: false,
            is_deferrable: false,
            deletes_act: false,
            updates_act: false,
            can_be_remade: false,
            is_readable: true,
        }
    }

    /// How `orphans` rows that point to nothing are named; None for none.
    pub(super) fn sentence(&self, orphans: u64) -> Option<String> {
        let Self { child, parent, name, .. } = self;
        let (rows, columns) = (text::counted(orphans, "row", "rows"), self.columns.join(", "));
        let point = if orphans == 1 { "points" } else { "point" };
        (orphans > 0).then(|| {
            format!("{rows} of {child} ({columns}) {point} to rows that {parent} does not have ({name})")
        })
    }

    /// The child's relation, for a query about its rows.
    pub(super) fn child_relation(&self) -> Sql {
        relation(&self.child, self.child_partitioned)
    }

    pub(super) fn parent_relation(&self) -> Sql {
        relation(&self.parent, self.parent_partitioned)
    }

    /// The row `child` references something.
    pub(super) fn is_set(&self, child: &'static str) -> Sql {
        let child = sql(child, &[]);
        // Not `is not null`, which asks a composite value whether all of its fields are set.
        let set =
            self.columns.iter().map(|column| sql("{}.{} is distinct from null", &[&child, &Ident(column)]));
        if self.is_full { join(" or ", set) } else { join(" and ", set) }
    }

    /// The row `parent` is what the row `child` references. Periods of several parents together cover a child's: each
    /// row with the same rest may be one of them.
    pub(super) fn met(&self, parent: &'static str, child: &'static str) -> Sql {
        let (parent, child) = (sql(parent, &[]), sql(child, &[]));
        let plain = if self.is_period { self.columns.len() - 1 } else { self.columns.len() };
        let pairs = self.columns[..plain].iter().zip(&self.parent_columns).zip(&self.equalities);
        join(
            " and ",
            pairs.map(|((column, name), equals)| {
                sql("{}.{} {} {}.{}", &[&parent, &Ident(name), equals, &child, &Ident(column)])
            }),
        )
    }

    /// The row `child` references something of the relation `parents`. Meant to be asked of many rows: periods are united
    /// once, not for each of them.
    pub(super) fn is_met_by_any_of(&self, parents: &Sql, child: &'static str) -> Sql {
        let met = self.met("p", child);
        if !self.is_period {
            return sql("exists (select from {} p where {})", &[parents, &met]);
        }
        let plain = self.columns.len() - 1;
        let (others, period) = (names(&self.parent_columns[..plain]), Ident(&self.parent_columns[plain]));
        sql(
            "exists (select from (select {}, range_agg({}) as {} from {} p group by {}) p
                     where {} and {}.{} operator(pg_catalog.<@) p.{})",
            &[
                &others,
                &period,
                &period,
                parents,
                &others,
                &met,
                &sql(child, &[]),
                &Ident(&self.columns[plain]),
                &period,
            ],
        )
    }

    /// The row `child` references the row whose key stands in `pair` as `{prefix}0`, `{prefix}1`, … in the order of
    /// `key`.
    pub(super) fn met_by(
        &self,
        pair: &'static str,
        prefix: &'static str,
        key: &[String],
        child: &'static str,
    ) -> Sql {
        let (pair, child) = (sql(pair, &[]), sql(child, &[]));
        let columns = self.columns.iter().zip(&self.parent_columns).zip(&self.equalities);
        join(
            " and ",
            columns.map(|((column, name), equals)| {
                let place = numbered(prefix, place_of(name, key));
                sql("{}.{} {} {}.{}", &[&pair, &place, equals, &child, &Ident(column)])
            }),
        )
    }

    /// Its parent's columns are those of this key.
    pub(super) fn leads_to(&self, key: &[String]) -> bool {
        self.parent_columns.len() == key.len() && self.parent_columns.iter().all(|name| key.contains(name))
    }

    fn count_orphans(&self) -> Sql {
        self.count_orphans_among(&self.child_relation())
    }

    /// The same among rows that shall become the child's.
    pub(super) fn count_orphans_among(&self, rows: &Sql) -> Sql {
        let (parent, set) = (self.parent_relation(), self.is_set("c"));
        if self.is_period {
            return self.count_uncovered(rows, &set, &parent);
        }
        let met = self.is_met_by_any_of(&parent, "c");
        sql("select count(*) from {} c where ({}) and not {}", &[rows, &set, &met])
    }

    /// Row by row, by the index of the parent's key: mostly few rows are asked about, of a large table.
    fn count_uncovered(&self, child: &Sql, set: &Sql, parent: &Sql) -> Sql {
        let (plain, met) = (self.columns.len() - 1, self.met("p", "c"));
        sql(
            "select count(*) from {} c
             where ({}) and not coalesce(
                 c.{} operator(pg_catalog.<@) (select range_agg(p.{}) from {} p where {}), false)",
            &[child, set, &Ident(&self.columns[plain]), &Ident(&self.parent_columns[plain]), parent, &met],
        )
    }
}

/// The foreign keys from and to `tables` that hold. To be read before any is taken off in order to write.
pub(super) async fn holding(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<Vec<Key>, DatabaseError> {
    let mut keys = touching(connection, tables).await?;
    keys.retain(|key| key.is_valid);
    Ok(keys)
}

/// The foreign keys from and to `tables` and their partitions.
pub(super) async fn touching(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<Vec<Key>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(quoted).collect();
    let rows = sqlx::query(
        r#"select k.conname::text as name,
                  cn.nspname::text as child_schema, c.relname::text as child, c.relkind = 'p' as child_partitioned,
                  pn.nspname::text as parent_schema, p.relname::text as parent, p.relkind = 'p' as parent_partitioned,
                  crn.nspname::text as child_root_schema, cr.relname::text as child_root,
                  prn.nspname::text as parent_root_schema, pr.relname::text as parent_root,
                  k.confmatchtype = 'f' as is_full,
                  coalesce((to_jsonb(k) ->> 'conperiod')::bool, false) as is_period,
                  columns.child as columns, columns.parent as parent_columns,
                  columns.operator_schemas, columns.operators,
                  pg_get_constraintdef(k.oid) as definition,
                  obj_description(k.oid, 'pg_constraint') as comment,
                  k.convalidated as is_valid, k.condeferrable as is_deferrable,
                  k.confdeltype in ('c', 'n', 'd') as deletes_act, k.confupdtype in ('c', 'n', 'd') as updates_act,
                  -- conenforced: since PostgreSQL 18.
                  coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
                      and not exists (select from pg_trigger t where t.tgconstraint = k.oid and t.tgenabled in ('D', 'R'))
                      as is_enforced,
                  has_schema_privilege(cn.oid, 'usage') and has_table_privilege(c.oid, 'select')
                      and has_schema_privilege(pn.oid, 'usage') and has_table_privilege(p.oid, 'select') as is_readable,
                  not exists (select from pg_class r
                              where (r.oid = c.oid or r.oid in (select relid from pg_partition_tree(c.oid)))
                                and not pg_has_role(r.relowner, 'usage'))
                      and has_schema_privilege(pn.oid, 'usage') and columns.may_refer
                      and not exists (select from pg_trigger t where t.tgconstraint = k.oid and t.tgenabled <> 'O')
                      as can_be_remade
           from pg_constraint k
           join pg_class c on c.oid = k.conrelid
           join pg_namespace cn on cn.oid = c.relnamespace
           join pg_class p on p.oid = k.confrelid
           join pg_namespace pn on pn.oid = p.relnamespace
           join pg_class cr on cr.oid = coalesce(pg_partition_root(c.oid), c.oid)
           join pg_namespace crn on crn.oid = cr.relnamespace
           join pg_class pr on pr.oid = coalesce(pg_partition_root(p.oid), p.oid)
           join pg_namespace prn on prn.oid = pr.relnamespace
           cross join lateral (
               select array_agg(ca.attname::text order by u.place) as child,
                      array_agg(pa.attname::text order by u.place) as parent,
                      array_agg(n.nspname::text order by u.place) as operator_schemas,
                      array_agg(o.oprname::text order by u.place) as operators,
                      bool_and(has_column_privilege(pa.attrelid, pa.attnum, 'references')) as may_refer
               from unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality u(child, parent, operator, place)
               join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.child
               join pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.parent
               join pg_operator o on o.oid = u.operator
               join pg_namespace n on n.oid = o.oprnamespace
           ) columns
           where k.contype = 'f' and k.conparentid = 0
             -- A partition can have keys of its own, in both directions.
             and (cr.oid = any($1::text[]::regclass[]::oid[]) or pr.oid = any($1::text[]::regclass[]::oid[]))
           order by 2, 3, 1"#,
    )
    .bind(&names)
    .fetch_all(connection)
    .await
    .map_err(doing("read the foreign keys"))?;
    Ok(rows.iter().map(Key::new).collect())
}
