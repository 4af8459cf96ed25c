//! Sequences: read at the source, raised at the target, never lowered.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row as _};

use super::super::{Apart, DatabaseError};
use super::connect::Connector;
use super::error::doing;
use crate::archive::SequenceValue;
use crate::catalog::{Table, TableName};
use crate::model::SessionId;
use crate::sql::{Ident, Sql, join, quoted, sql};

/// Sequences that are read by one statement.
const TOGETHER: usize = 50;

struct Sequence {
    name: TableName,
    /// The tables and columns that own it or take their default from it.
    users: Vec<(TableName, String)>,
    /// Negative for one that counts down.
    increment: i64,
    minimum: i64,
    maximum: i64,
}

impl Sequence {
    /// How far along a value is: what is greater has been reached later.
    fn reached(&self, value: (i64, bool)) -> (i128, bool) {
        (i128::from(value.0) * i128::from(self.increment.signum()), value.1)
    }

    /// The first value from `wanted` on that this sequence would come to by itself: two peers that count by twos, one
    /// the odd numbers, stay out of each other's way.
    fn step_to(&self, own: i64, wanted: i64) -> i64 {
        let (own, wanted, increment) = (i128::from(own), i128::from(wanted), i128::from(self.increment));
        let size = increment.abs();
        let steps = ((wanted - own) * increment.signum() + size - 1) / size;
        // Beyond its end there is nothing to give out: then it says so itself, as the source's would.
        let reached = (own + steps * increment).clamp(i128::from(self.minimum), i128::from(self.maximum));
        i64::try_from(reached).unwrap_or(self.maximum)
    }
}

/// The names of all sequences that a sync reads or raises.
pub(super) async fn names(connection: &mut PgConnection) -> Result<Vec<TableName>, DatabaseError> {
    Ok(list(connection).await?.into_iter().map(|sequence| sequence.name).collect())
}

/// Without those that only tables in `left_out` use.
pub(super) async fn read(
    connection: &mut PgConnection,
    left_out: &[String],
) -> Result<Vec<SequenceValue>, DatabaseError> {
    let is_left_out = |(table, _): &(TableName, String)| left_out.contains(&table.to_string());
    let mut sequences = list(connection).await?;
    sequences.retain(|sequence| sequence.users.is_empty() || !sequence.users.iter().all(is_left_out));
    // Their columns are the target's business.
    sequences.iter_mut().for_each(|sequence| sequence.users.clear());
    let states = states(connection, &sequences).await?;
    Ok(states.into_iter().map(|state| state.own).collect())
}

/// The sequences that give rows of `tables` their keys and count by ones, as the source's do unless told otherwise: how
/// each side counts by twos from where neither has been, the source the odd numbers.
pub(super) async fn apart(
    connection: &mut PgConnection,
    source: &[SequenceValue],
    tables: &[&Table],
) -> Result<Vec<Apart>, DatabaseError> {
    let theirs: HashMap<&TableName, i64> =
        source.iter().map(|value| (&value.name, value.last_value)).collect();
    let keyed = |(name, column): &(TableName, String)| {
        tables.iter().find(|table| table.name == *name && table.key().contains(column))
    };
    let mut sequences = list(connection).await?;
    sequences.retain(|sequence| {
        sequence.increment == 1
            && theirs.contains_key(&sequence.name)
            && sequence.users.iter().any(|user| keyed(user).is_some())
    });
    let states = states(connection, &sequences).await?;
    let apart = sequences.iter().zip(states).filter_map(|(sequence, state)| {
        let table = sequence.users.iter().find_map(keyed)?;
        let furthest = theirs[&sequence.name].max(state.own.last_value).max(state.held.unwrap_or(i64::MIN));
        let odd = furthest.checked_add(2)? | 1;
        let even = odd.checked_add(1).filter(|even| *even <= sequence.maximum)?;
        let counts = |from: i64| {
            let alter = sql("alter sequence {} increment by 2 restart with {};", &[&sequence.name, &from]);
            alter.as_str().to_owned()
        };
        Some(Apart { table: table.name.clone(), source: counts(odd), target: counts(even) })
    });
    Ok(apart.collect())
}

/// How often a sequence is looked at that moves while we look.
const TRIES: u32 = 100;

/// Moves each sequence on to the furthest of its own value, the source's, and its columns'. Never back.
///
/// Runs after the commit, because `setval` is not undone by a rollback.
pub(super) async fn raise(
    connector: &Connector,
    session: &SessionId,
    source: &[SequenceValue],
) -> Result<u64, DatabaseError> {
    let theirs: HashMap<&TableName, &SequenceValue> =
        source.iter().map(|value| (&value.name, value)).collect();
    let mut connection = connector.open(session).await?;
    let mut raised = 0;
    let sequences = list(&mut connection).await?;
    let states = states(&mut connection, &sequences).await?;
    for (sequence, state) in sequences.iter().zip(states) {
        let theirs = theirs.get(&sequence.name).copied();
        if let Some(behind) = state.behind(sequence, theirs) {
            raised += u64::from(raise_one(&mut connection, sequence, theirs, behind).await?);
        }
    }
    connection.close().await.map_err(doing("close a connection"))?;
    Ok(raised)
}

async fn raise_one(
    connection: &mut PgConnection,
    sequence: &Sequence,
    theirs: Option<&SequenceValue>,
    mut behind: Behind,
) -> Result<bool, DatabaseError> {
    for _ in 0..TRIES {
        if behind.moved(connection, &sequence.name).await? {
            return Ok(true);
        }
        let state = states(connection, std::slice::from_ref(sequence)).await?.pop();
        match state.and_then(|state| state.behind(sequence, theirs)) {
            Some(still) => behind = still,
            None => return Ok(false),
        }
    }
    // Somebody takes numbers all the time, and each of them is one that was not taken before.
    Ok(false)
}

/// How far a sequence is, and the furthest value in its columns.
struct State {
    own: SequenceValue,
    held: Option<i64>,
}

impl State {
    fn behind(self, sequence: &Sequence, theirs: Option<&SequenceValue>) -> Option<Behind> {
        let own = self.own;
        let theirs = theirs.map(|value| (value.last_value, value.is_called));
        let held = self.held.map(|last| (last, true));
        let wanted = theirs.into_iter().chain(held).max_by_key(|value| sequence.reached(*value))?;
        let has = sequence.reached((own.last_value, own.is_called));
        if sequence.reached(wanted) <= has {
            return None;
        }
        let wanted = (sequence.step_to(own.last_value, wanted.0), wanted.1);
        (sequence.reached(wanted) > has).then_some(Behind { own, wanted })
    }
}

/// A sequence that has not reached what it must.
struct Behind {
    own: SequenceValue,
    wanted: (i64, bool),
}

impl Behind {
    /// False when somebody has taken a number since: then `setval` could lower it.
    async fn moved(&self, connection: &mut PgConnection, name: &TableName) -> Result<bool, DatabaseError> {
        let statement = sql(
            "select setval($1::regclass, $2, $3) from {} where last_value = $4 and is_called = $5",
            &[name],
        );
        let moved = sqlx::query(statement.into_query())
            .bind(quoted(name))
            .bind(self.wanted.0)
            .bind(self.wanted.1)
            .bind(self.own.last_value)
            .bind(self.own.is_called)
            .fetch_optional(connection)
            .await
            .map_err(doing(format!("raise the sequence {name}")))?;
        Ok(moved.is_some())
    }
}

async fn list(connection: &mut PgConnection) -> Result<Vec<Sequence>, DatabaseError> {
    let rows = sqlx::query(
        r#"select n.nspname::text as schema, c.relname::text as name, s.seqincrement as increment,
                  s.seqmin as minimum, s.seqmax as maximum,
                  tn.nspname::text as table_schema, t.relname::text as table_name, a.attname::text as column_name
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_sequence s on s.seqrelid = c.oid
           left join lateral (
               select d.refobjid as relation, d.refobjsubid as number
               from pg_depend d
               where d.classid = 'pg_class'::regclass and d.objid = c.oid
                 and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
               union
               select (select f.adrelid from pg_attrdef f where f.oid = d.objid and d.classid = 'pg_attrdef'::regclass),
                      (select f.adnum from pg_attrdef f where f.oid = d.objid and d.classid = 'pg_attrdef'::regclass)
               from pg_depend d
               where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
           ) u on exists (
               select from pg_attribute a
               where a.attrelid = u.relation and a.attnum = u.number and a.atttypid = any('{int2,int4,int8}'::regtype[])
           )
           left join pg_class t on t.oid = u.relation
           left join pg_namespace tn on tn.oid = t.relnamespace
           left join pg_attribute a on a.attrelid = u.relation and a.attnum = u.number
           where c.relkind = 'S' and c.relpersistence = 'p'
             and n.nspname not in ('tandem', 'pg_catalog', 'information_schema')
           order by n.nspname collate "C", c.relname collate "C", 6, 7, 8"#,
    )
    .fetch_all(connection)
    .await
    .map_err(doing("read the sequences"))?;
    let mut sequences: Vec<Sequence> = Vec::new();
    for row in rows {
        let name = TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name"));
        if sequences.last().is_none_or(|last| last.name != name) {
            sequences.push(Sequence {
                name,
                users: Vec::new(),
                increment: row.get("increment"),
                minimum: row.get("minimum"),
                maximum: row.get("maximum"),
            });
        }
        if let (Some(column), Some(last)) =
            (row.get::<Option<String>, _>("column_name"), sequences.last_mut())
        {
            let table =
                TableName::new(row.get::<String, _>("table_schema"), row.get::<String, _>("table_name"));
            last.users.push((table, column));
        }
    }
    Ok(sequences)
}

/// In the order of `sequences`. The columns are as they were when the statement began: what others have inserted since
/// is behind the sequence already.
async fn states(connection: &mut PgConnection, sequences: &[Sequence]) -> Result<Vec<State>, DatabaseError> {
    let mut states = Vec::with_capacity(sequences.len());
    for some in sequences.chunks(TOGETHER) {
        let all = (0i64..).zip(some).map(|(place, sequence)| {
            sql(
                "select {} as place, last_value, is_called, {} as held from {}",
                &[&place, &held(sequence), &sequence.name],
            )
        });
        let statement = sql("{} order by place", &[&join(" union all ", all)]);
        let rows = sqlx::query(statement.into_query())
            .fetch_all(&mut *connection)
            .await
            .map_err(doing("read the sequences"))?;
        states.extend(some.iter().zip(rows).map(|(sequence, row)| State {
            own: SequenceValue {
                name: sequence.name.clone(),
                last_value: row.get("last_value"),
                is_called: row.get("is_called"),
            },
            held: row.get("held"),
        }));
    }
    Ok(states)
}

/// The furthest value, in the direction in which the sequence counts, in the columns that use it.
fn held(sequence: &Sequence) -> Sql {
    if sequence.users.is_empty() {
        return sql("null::bigint", &[]);
    }
    let (last, furthest) = match sequence.increment > 0 {
        true => ("(select max({})::bigint from {})", "greatest({})"),
        false => ("(select min({})::bigint from {})", "least({})"),
    };
    let columns = sequence.users.iter().map(|(table, column)| sql(last, &[&Ident(column), table]));
    sql(furthest, &[&join(", ", columns)])
}
