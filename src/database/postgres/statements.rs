//! The statements of a merge, each made once from a table's definition.

use std::collections::HashMap;

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::stages::Staged;
use crate::catalog::{Identity, Table, TableName};
use crate::sql::{Ident, Operator, Sql, join, names, quoted, sql};

/// A table to write to, and how its rows meet the staged ones.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) table: Table,
    pub(super) stage: TableName,
    /// The table's rows that the source does not have, when only the rest of the source's rows are staged.
    pub(super) outdated: Option<TableName>,
    /// The staged rows that are left out, when some may be.
    pub(super) refused: Option<TableName>,
    pub(super) columns: Vec<String>,
    /// All columns that are not computed, those that do not come in among them.
    pub(super) stored: Vec<String>,
    /// The key's columns with the equality of its index; empty for a table without a key.
    pub(super) key: Vec<(String, Operator)>,
    /// The source guarantees it, or there is no key.
    pub(super) keys_are_unique: bool,
    /// So few rows are staged that each is better looked up by the key's index; known when all are there.
    pub(super) comes_in_few: bool,
}

impl Target {
    pub(super) async fn all(
        connection: &mut PgConnection,
        staged: &[Staged],
    ) -> Result<Vec<Self>, DatabaseError> {
        let tables: Vec<&Table> = staged.iter().map(|staged| &staged.incoming.table).collect();
        let keys = equalities(connection, &tables).await?;
        Ok(staged.iter().cloned().zip(keys).map(|(staged, key)| Self::new(staged, key)).collect())
    }

    fn new(Staged { incoming, stage, outdated, refused }: Staged, key: Vec<(String, Operator)>) -> Self {
        let keys_are_unique = incoming.unique || key.is_empty();
        let stored = incoming.table.stored_columns();
        Self {
            table: incoming.table,
            stage,
            outdated,
            refused,
            columns: incoming.columns,
            stored,
            key,
            keys_are_unique,
            comes_in_few: false,
        }
    }

    pub(super) fn relation(&self) -> Sql {
        relation(&self.table.name, self.table.partitioned)
    }

    /// `t.key = s.key`
    pub(super) fn same_key(&self) -> Sql {
        self.same_key_of("t", "s")
    }

    pub(super) fn same_key_of(&self, one: &'static str, other: &'static str) -> Sql {
        let (one, other) = (sql(one, &[]), sql(other, &[]));
        join(
            " and ",
            self.key.iter().map(|(column, equals)| {
                sql("{}.{} {} {}.{}", &[&one, &Ident(column), equals, &other, &Ident(column)])
            }),
        )
    }

    pub(super) fn stage(&self) -> &TableName {
        &self.stage
    }

    /// The condition that the row `alias` is not surplus. None for a table without a key.
    pub(super) fn stays(&self, alias: &'static str) -> Option<Sql> {
        if self.key.is_empty() {
            return None;
        }
        let staged = sql("exists (select from {} s where {})", &[&self.stage, &self.same_key_of(alias, "s")]);
        Some(match &self.outdated {
            Some(outdated) => sql(
                "({} or not exists (select from {} o where {}))",
                &[&staged, outdated, &self.same_key_of(alias, "o")],
            ),
            None => staged,
        })
    }

    /// The relation as `t` with the condition that the source does not have the row. For tables with a key.
    pub(super) fn surplus_rows(&self) -> Sql {
        match &self.outdated {
            // The row may have been changed since; its key is what counts.
            Some(outdated) => sql(
                "{} t where exists (select from {} o
                                    where {} and not exists (select from {} s where {}))",
                &[
                    &self.relation(),
                    outdated,
                    &self.same_key_of("t", "o"),
                    &self.stage,
                    &self.same_key_of("o", "s"),
                ],
            ),
            None => sql(
                "{} t where not exists (select from {} s where {})",
                &[&self.relation(), &self.stage, &self.same_key()],
            ),
        }
    }

    /// The staging table as `c`.
    pub(super) fn stage_relation(&self) -> Sql {
        sql("{}", &[&self.stage])
    }

    /// The target does not have the key of the staged row `s`. For tables with a key.
    pub(super) fn is_lacking(&self) -> Sql {
        sql("not exists (select from {} t where {})", &[&self.relation(), &self.same_key()])
    }

    /// `row(t.a, …)::record *<> row(s.a, …)::record`: compares the stored bytes, so it works for every type and sees
    /// 1.10 against 1.1.
    pub(super) fn differ(&self, columns: &[&String]) -> Sql {
        sql("{} operator(pg_catalog.*<>) {}", &[&record("t", columns), &record("s", columns)])
    }

    /// The rows `t` whose values in `columns` are others than those of the staged row `s` with their key. For tables with
    /// a key.
    pub(super) fn pairs_unlike(&self, columns: &[&String]) -> Sql {
        sql(
            "{} t join {} s on {} where {}",
            &[&self.relation(), &self.stage, &self.same_key(), &self.differ(columns)],
        )
    }

    /// The columns an update sets: not what the database insists on computing itself. The key is among them, because
    /// equal keys are not always the same text: 1.0 and 1.00, or `A` and `a` in some collations.
    fn settable(&self) -> Vec<&String> {
        self.columns.iter().filter(|name| !self.is_always(name)).collect()
    }

    fn is_always(&self, name: &str) -> bool {
        self.table.column(name).is_some_and(|column| column.identity == Some(Identity::Always))
    }

    /// The columns whose change can meet another row's value in a unique or exclusion index, and those that no update
    /// can set.
    pub(super) fn contended(&self) -> Vec<&String> {
        let in_key = |name: &&String| self.key.iter().any(|(key, _)| key == *name);
        if self.table.uniques.iter().any(|unique| unique.partial) {
            return self.columns.iter().filter(|name| !in_key(name)).collect();
        }
        let unique = |name: &&String| self.table.uniques.iter().any(|unique| unique.columns.contains(name));
        self.columns.iter().filter(|name| !in_key(name) && (unique(name) || self.is_always(name))).collect()
    }

    /// Every stored column comes in, so that a row can be deleted and inserted again without losing a value.
    pub(super) fn is_whole(&self) -> bool {
        self.stored.iter().all(|name| self.columns.contains(name))
    }
}

/// The surplus rows without those whose new version is left out: the source has them.
pub(super) fn deletable_rows(target: &Target) -> Sql {
    match &target.refused {
        Some(refused) => sql(
            "{} and not exists (select from {} r where {})",
            &[&target.surplus_rows(), refused, &target.same_key_of("t", "r")],
        ),
        None => target.surplus_rows(),
    }
}

/// Deletes the target's rows that the source does not have.
pub(super) fn delete_surplus(target: &Target) -> Sql {
    if let (true, Some(outdated)) = (target.key.is_empty(), &target.outdated) {
        return sql(
            "delete from {} t
             using (select tableoid as relation, ctid as place, {} as image,
                           row_number() over (partition by {}) as copy
                    from {} t) mine
             join (select {} as image, count(*) as held from {} o group by 1) gone on gone.image = mine.image
             where t.tableoid = mine.relation and t.ctid = mine.place and mine.copy <= gone.held",
            &[
                &target.relation(),
                &image("t", target),
                &image("t", target),
                &target.relation(),
                &image("o", target),
                outdated,
            ],
        );
    }
    if target.key.is_empty() {
        return sql(
            "delete from {} t
             using (select tableoid as relation, ctid as place, {} as image,
                           row_number() over (partition by {}) as copy
                    from {} t) mine
             left join (select {} as image, count(*) as held from {} s group by 1) theirs on theirs.image = mine.image
             where t.tableoid = mine.relation and t.ctid = mine.place and mine.copy > coalesce(theirs.held, 0)",
            &[
                &target.relation(),
                &image("t", target),
                &image("t", target),
                &target.relation(),
                &image("s", target),
                &target.stage,
            ],
        );
    }
    sql("delete from {}", &[&deletable_rows(target)])
}

/// The rows that `update` changes, as `t` beside what they become as `s`. None where no column can be set.
pub(super) fn updated(target: &Target) -> Option<Sql> {
    let settable = target.settable();
    if target.key.is_empty() || settable.is_empty() {
        return None;
    }
    Some(target.pairs_unlike(&settable))
}

/// Updates the rows that differ. None where no column can be set.
pub(super) fn update(target: &Target) -> Option<Sql> {
    let settable = target.settable();
    if target.key.is_empty() || settable.is_empty() {
        return None;
    }
    Some(sql(
        "update {} t set {} from {} s where {} and {}",
        &[
            &target.relation(),
            &assignments(target),
            &target.stage,
            &target.same_key(),
            &target.differ(&settable),
        ],
    ))
}

/// What an update sets, from the staged row `s`.
pub(super) fn assignments(target: &Target) -> Sql {
    join(", ", target.settable().iter().map(|column| sql("{} = s.{}", &[&Ident(column), &Ident(column)])))
}

/// Inserts the rows that the target lacks.
pub(super) fn insert(target: &Target) -> Sql {
    let columns = names(&target.columns);
    let values = join(", ", target.columns.iter().map(|column| sql("s.{}", &[&Ident(column)])));
    if target.key.is_empty() && target.outdated.is_some() {
        return insert_all(target);
    }
    if target.key.is_empty() {
        return sql(
            "insert into {} ({}) overriding system value
             select {}
             from (select s.*, {} as tandem_image, row_number() over (partition by {}) as tandem_copy from {} s) s
             left join (select {} as image, count(*) as held from {} t group by 1) t on t.image = s.tandem_image
             where s.tandem_copy > coalesce(t.held, 0)",
            &[
                &target.table.name,
                &columns,
                &values,
                &image("s", target),
                &image("s", target),
                &target.stage,
                &image("t", target),
                &target.relation(),
            ],
        );
    }
    sql(
        "insert into {} ({}) overriding system value
         select {} from {} s where {}",
        &[&target.table.name, &columns, &values, &target.stage, &target.is_lacking()],
    )
}

/// Inserts everything, for a table that holds nothing.
pub(super) fn insert_all(target: &Target) -> Sql {
    let columns = names(&target.columns);
    sql(
        "insert into {} ({}) overriding system value select {} from {}",
        &[&target.table.name, &columns, &columns, &target.stage],
    )
}

/// Writes out the target's rows that the source does not have. For tables with a key.
pub(super) fn own_rows(target: &Target) -> Sql {
    let columns = join(", ", target.columns.iter().map(|column| sql("t.{}", &[&Ident(column)])));
    sql("copy (select {} from {}) to stdout", &[&columns, &target.surplus_rows()])
}

/// Locks the target's rows that the source does not have: nobody can point to them from now on. None for a table
/// without a key.
pub(super) fn lock_surplus(target: &Target) -> Option<Sql> {
    let rows = (!target.key.is_empty()).then(|| target.surplus_rows())?;
    Some(sql("select count(*) from (select from {} for update of t) locked", &[&rows]))
}

/// Counts the rows that get other values in `columns`; a condition on `t` can follow. None when none of them comes in.
pub(super) fn count_changing(target: &Target, columns: &[String]) -> Option<Sql> {
    let incoming: Vec<&String> = target.columns.iter().filter(|name| columns.contains(name)).collect();
    if target.key.is_empty() || incoming.is_empty() {
        return None;
    }
    Some(sql("select count(*) from {}", &[&target.pairs_unlike(&incoming)]))
}

/// `only`, so that tables that inherit from this one keep their rows; a partitioned root is written through.
pub(super) fn relation(table: &TableName, is_partitioned: bool) -> Sql {
    if is_partitioned { sql("{}", &[table]) } else { sql("only {}", &[table]) }
}

/// A row as text: equal for equal rows, for types without an equality too.
pub(super) fn image(alias: &'static str, target: &Target) -> Sql {
    let columns: Vec<&String> = target.columns.iter().collect();
    sql("{}::text", &[&record(alias, &columns)])
}

fn record(alias: &'static str, columns: &[&String]) -> Sql {
    let alias = sql(alias, &[]);
    let list = join(", ", columns.iter().map(|column| sql("{}.{}", &[&alias, &Ident(column)])));
    // Without the cast a comparison is expanded column by column.
    sql("row({})::record", &[&list])
}

/// For the key's columns of each of `tables`, the operator by which the key's own index finds equal values: `=` by name
/// alone could be any user's. An index of another kind, that of a key over periods, has the system's.
async fn equalities(
    connection: &mut PgConnection,
    tables: &[&Table],
) -> Result<Vec<Vec<(String, Operator)>>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
    let rows = sqlx::query(
        "select distinct on (t.place, a.attname) t.place - 1 as place, a.attname::text as name,
                coalesce(n.nspname, 'pg_catalog')::text as schema, coalesce(o.oprname, '=')::text as operator
         from unnest($1::text[]) with ordinality t(name, place)
         join pg_index i on i.indrelid = t.name::regclass and i.indisunique and i.indisvalid
         cross join lateral unnest(i.indkey::int2[], i.indclass::oid[]) as u(number, class)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
         join pg_opclass oc on oc.oid = u.class
         left join pg_amop m on m.amopfamily = oc.opcfamily and m.amoplefttype = oc.opcintype
                            and m.amoprighttype = oc.opcintype and m.amopstrategy = 3
                            and oc.opcmethod = (select am.oid from pg_am am where am.amname = 'btree')
         left join pg_operator o on o.oid = m.amopopr
         left join pg_namespace n on n.oid = o.oprnamespace
         order by t.place, a.attname, i.indisprimary desc",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(doing("read the keys of the tables"))?;
    let found: HashMap<(i64, String), Operator> = rows
        .iter()
        .map(|row| {
            let operator = Operator { schema: row.get("schema"), name: row.get("operator") };
            ((row.get("place"), row.get("name")), operator)
        })
        .collect();
    (0..)
        .zip(tables)
        .map(|(place, table)| {
            let equality = |column: &String| {
                let operator = found.get(&(place, column.clone()));
                operator.map(|operator| (column.clone(), operator.clone()))
            };
            let key: Option<Vec<_>> = table.key().iter().map(equality).collect();
            key.ok_or_else(|| DatabaseError::Changed { table: table.name.clone() })
        })
        .collect()
}
