//! The indexes besides the key's in which two rows must not meet: unique ones and exclusion constraints.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::statements::Target;
use crate::sql::{Definition, Operator, Sql, join, quoted, sql};

/// One index, as the target's own catalog describes it.
pub(super) struct Unique {
    pub(super) name: String,
    /// Columns and expressions, each with the operator by which two values meet.
    parts: Vec<(Definition, Operator)>,
    /// Only rows that fulfil it are in the index.
    condition: Option<Definition>,
    /// The number of the partition that alone has it, and its bounds.
    part: Option<(i64, Definition)>,
    /// Two rows without a value meet too.
    nulls_meet: bool,
}

/// Of the table that `target` is and of its partitions, without the key's own.
pub(super) async fn of(connection: &mut PgConnection, target: &Target) -> Result<Vec<Unique>, DatabaseError> {
    let rows = sqlx::query(
        // What grows with the number of tables stands in subqueries of its own: a merge plans without nested loops, and
        // would read all of it for each table.
        "select (select c.relname::text from pg_class c where c.oid = i.indexrelid) as name,
                pg_get_expr(i.indpred, i.indrelid) as condition,
                nullif(i.indrelid, $1::regclass)::bigint as part,
                coalesce(pg_get_partition_constraintdef(i.indrelid), 'true') as bounds,
                coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) as nulls_meet,
                parts.definitions, parts.schemas, parts.operators, parts.columns
         from (
             select i.*, (
                 select k.conexclop from pg_constraint k
                 where k.conrelid = i.indrelid and k.contype = 'x' and k.conindid = i.indexrelid
             ) as exclusion
             from pg_index i
         ) i
         cross join lateral (
             select array_agg(pg_get_indexdef(i.indexrelid, u.place::int, false) order by u.place) as definitions,
                    array_agg(n.nspname::text order by u.place) as schemas,
                    array_agg(o.oprname::text order by u.place) as operators,
                    array_agg(coalesce((
                        select a.attname::text from pg_attribute a
                        where a.attrelid = i.indrelid and a.attnum = u.number and u.number > 0
                    ), '') order by u.place) as columns
             from unnest(i.indkey::int2[], i.indclass::oid[]) with ordinality u(number, class, place)
             join pg_opclass oc on oc.oid = u.class
             left join pg_amop m on m.amopfamily = oc.opcfamily and m.amoplefttype = oc.opcintype
                                and m.amoprighttype = oc.opcintype and m.amopstrategy = 3
                                and oc.opcmethod = (select am.oid from pg_am am where am.amname = 'btree')
             join pg_operator o on o.oid = coalesce(i.exclusion[u.place], m.amopopr)
             join pg_namespace n on n.oid = o.oprnamespace
             where u.place <= i.indnkeyatts
         ) parts
         -- By the index of pg_index, whatever the settings of the plan are.
         where i.indrelid = any (array(
                   select $1::regclass::oid
                   union all
                   select relid from pg_partition_tree($1::regclass) where $2 and relid <> $1::regclass
               ))
           and (i.indrelid = $1::regclass or not exists (select from pg_inherits h where h.inhrelid = i.indexrelid))
           and i.indisvalid and (i.indisunique or i.exclusion is not null)
           and cardinality(parts.definitions) = i.indnkeyatts
         order by 1",
    )
    .bind(quoted(&target.table.name))
    // To know the part that a row belongs to, all of its columns are needed.
    .bind(target.table.partitioned && target.is_whole())
    .fetch_all(connection)
    .await
    .map_err(doing(format!("read the unique keys of {}", target.table.name)))?;
    let mut uniques = Vec::new();
    for row in rows {
        let condition: Option<String> = row.get("condition");
        let columns: Vec<String> = row.get("columns");
        let part = row.get::<Option<i64>, _>("part").map(|part| (part, Definition(row.get("bounds"))));
        let is_key = condition.is_none() && columns == target.table.key();
        // A value of a column that does not come in cannot be met by a new one.
        let comes = |column: &String| {
            if column.is_empty() { target.is_whole() } else { target.columns.contains(column) }
        };
        if is_key || !columns.iter().all(comes) || (condition.is_some() && !target.is_whole()) {
            continue;
        }
        let schemas: Vec<String> = row.get("schemas");
        let operators = schemas.into_iter().zip(row.get::<Vec<String>, _>("operators"));
        let operators = operators.map(|(schema, name)| Operator { schema, name });
        let definitions = row.get::<Vec<String>, _>("definitions").into_iter().map(Definition);
        uniques.push(Unique {
            name: row.get("name"),
            parts: definitions.zip(operators).collect(),
            condition: condition.map(Definition),
            part,
            nulls_meet: row.get("nulls_meet"),
        });
    }
    Ok(uniques)
}

impl Unique {
    /// The staged rows `s` that meet a row `t` which only the target has, as a relation of both.
    pub(super) fn conflicts(&self, target: &Target) -> Sql {
        self.met(target, &target.surplus_rows())
    }

    /// The staged rows `s` that meet a row `t` of the target, equal ones too, as a relation of both.
    pub(super) fn all_met(&self, target: &Target) -> Sql {
        self.met(target, &sql("{} t", &[&target.relation()]))
    }

    fn met(&self, target: &Target, own: &Sql) -> Sql {
        let (within, of_part) = match &self.part {
            Some((part, bounds)) => {
                let parts = sql("select relid from pg_partition_tree({}::oid::regclass)", &[part]);
                (sql("({}) is not false", &[bounds]), sql("tandem_part in ({})", &[&parts]))
            }
            None => (sql("true", &[]), sql("true", &[])),
        };
        let staged = self.side(&sql("{} s", &[&target.stage]), "s", &within);
        let own = self.side(own, "t", &of_part);
        let meets = self.parts.iter().enumerate().map(|(place, (_, operator))| {
            let (a, b) = (value("s", place), value("t", place));
            let equal = sql("{} {} {}", &[&a, operator, &b]);
            match self.nulls_meet {
                true => sql("({} or ({} is null and {} is null))", &[&equal, &a, &b]),
                false => equal,
            }
        });
        sql("{} join {} on {}", &[&staged, &own, &join(" and ", meets)])
    }

    /// `(select t.*, (lower(name)) as tandem_value_0 from t where condition) t`, of the rows that are `within`
    fn side(&self, rows: &Sql, alias: &'static str, within: &Sql) -> Sql {
        let alias = sql(alias, &[]);
        let values = self
            .parts
            .iter()
            .enumerate()
            .map(|(place, (definition, _))| sql("({}) as {}", &[definition, &name(place)]));
        let values = join(", ", values);
        let all = sql(
            "select {}.*, {}.tableoid as tandem_part, {}.ctid as tandem_place, {} from {}",
            &[&alias, &alias, &alias, &values, rows],
        );
        let condition = match &self.condition {
            Some(condition) => sql("({})", &[condition]),
            None => sql("true", &[]),
        };
        // Of the values: the rows' own condition may stand before it.
        sql("(select * from ({}) held where {} and {}) {}", &[&all, within, &condition, &alias])
    }
}

fn name(place: usize) -> Sql {
    sql("tandem_value_{}", &[&i64::try_from(place).unwrap_or(i64::MAX)])
}

fn value(alias: &'static str, place: usize) -> Sql {
    sql("{}.{}", &[&sql(alias, &[]), &name(place)])
}
