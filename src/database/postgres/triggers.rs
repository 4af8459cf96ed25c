//! Triggers and rules of the target: which ones fire, and switching them off and on again exactly as they were.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::error::doing;
use crate::catalog::TableName;
use crate::sql::{Ident, Sql, quoted, sql};

/// A trigger or a rule that is switched on in some way.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    /// The table or partition that it is on.
    relation: TableName,
    name: String,
    is_rule: bool,
    /// As the catalog has it: `O` in every origin, `A` always, `R` for replicas only.
    state: String,
    /// Before a row, or instead of the statement: what comes can become something else.
    may_change: bool,
    /// Before PostgreSQL 15 the copy of a trigger on a partition belongs to the system.
    is_system: bool,
}

impl Switch {
    fn new(row: &PgRow) -> Self {
        Self {
            relation: TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("relation")),
            name: row.get("name"),
            is_rule: row.get("is_rule"),
            state: row.get("state"),
            may_change: row.get("may_change"),
            is_system: row.get("is_system"),
        }
    }

    /// Fires when rows are written in the ordinary way.
    fn fires(&self) -> bool {
        self.state != "R"
    }

    pub(super) fn title(&self) -> String {
        let kind = if self.is_rule { "Rule" } else { "Trigger" };
        format!("{kind} {} of {}", self.name, self.relation)
    }

    /// As a sentence for the log.
    pub(super) fn sentence(&self) -> String {
        let may_change = if self.may_change { " and may change them" } else { "" };
        format!("{} fires while rows are written{may_change}.", self.title())
    }

    fn turn(&self, verb: &'static str) -> Sql {
        let kind = if self.is_rule { "rule" } else { "trigger" };
        let (verb, kind) = (sql(verb, &[]), sql(kind, &[]));
        sql("alter table only {} {} {} {}", &[&self.relation, &verb, &kind, &Ident(&self.name)])
    }

    fn off(&self) -> Sql {
        self.turn("disable")
    }

    fn on(&self) -> Sql {
        self.turn(match self.state.as_str() {
            "A" => "enable always",
            "R" => "enable replica",
            _ => "enable",
        })
    }
}

/// Switches off what would fire on `table` and can be switched. Returns what must be put back.
pub(super) async fn switch_off(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<Switch>, DatabaseError> {
    let mut switches = enabled(connection, std::slice::from_ref(table)).await?;
    switches.retain(|switch| !switch.is_system);
    for switch in &switches {
        run(connection, switch, switch.off()).await?;
    }
    Ok(switches)
}

/// Gives each of `switches` the state that it had.
pub(super) async fn put_back(
    connection: &mut PgConnection,
    switches: Vec<Switch>,
) -> Result<(), DatabaseError> {
    // The roots come first: where the server switches the partitions with them, these get their own state after.
    for switch in switches {
        run(connection, &switch, switch.on()).await?;
    }
    Ok(())
}

/// What fires when rows of `tables` are written and cannot be, or is not, switched off.
pub(super) async fn firing(
    connection: &mut PgConnection,
    tables: &[TableName],
    are_ours: bool,
) -> Result<Vec<(TableName, Switch)>, DatabaseError> {
    let mut firing = Vec::new();
    for table in tables {
        let switches = enabled(connection, std::slice::from_ref(table)).await?;
        let fire = switches.into_iter().filter(|switch| switch.fires() && (switch.is_system || !are_ours));
        firing.extend(fire.map(|switch| (table.clone(), switch)));
    }
    Ok(firing)
}

async fn run(connection: &mut PgConnection, switch: &Switch, statement: Sql) -> Result<(), DatabaseError> {
    let done = sqlx::query(statement.into_query()).execute(connection).await;
    done.map(|_| ()).map_err(doing(format!("switch {}", switch.title())))
}

/// Of a partitioned table its partitions' triggers too: they fire for its rows. The table itself comes first.
async fn enabled(connection: &mut PgConnection, tables: &[TableName]) -> Result<Vec<Switch>, DatabaseError> {
    let names: Vec<String> = tables.iter().map(quoted).collect();
    let rows = sqlx::query(
        "select n.nspname::text as schema, c.relname::text as relation, t.tgname::text as name, false as is_rule,
                t.tgenabled::text as state, t.tgisinternal as is_system,
                -- 1: for each row; 2: before; 64: instead of.
                (t.tgtype & 1 <> 0 and t.tgtype & 2 <> 0) or t.tgtype & 64 <> 0 as may_change,
                c.relispartition as is_partition
         from pg_trigger t
         join pg_class c on c.oid = t.tgrelid
         join pg_namespace n on n.oid = c.relnamespace
         where coalesce(pg_partition_root(c.oid), c.oid) = any($1::text[]::regclass[]::oid[])
           and t.tgenabled <> 'D'
           -- 4, 8, 16: insert, delete, update.
           and t.tgtype & 28 <> 0
           -- Those of foreign keys and of deferrable keys are the server's own.
           and not exists (select from pg_constraint k where k.oid = t.tgconstraint and k.contype <> 't')
         union all
         select n.nspname::text, c.relname::text, r.rulename::text, true, r.ev_enabled::text, false, r.is_instead, false
         from pg_rewrite r
         join pg_class c on c.oid = r.ev_class
         join pg_namespace n on n.oid = c.relnamespace
         where c.oid = any($1::text[]::regclass[]::oid[]) and r.ev_enabled <> 'D' and r.ev_type <> '1'
         order by 8, 1, 2, 4, 3",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(doing("read the triggers"))?;
    Ok(rows.iter().map(Switch::new).collect())
}
