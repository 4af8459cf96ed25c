//! What the role may do -> how triggers and foreign keys are kept out of the way while rows are written.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use crate::catalog::TableName;
use crate::sql::{Ident, quoted, sql};

/// From the strongest to the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The role may set `session_replication_role`: nothing fires, nothing is checked row by row.
    Replica,
    /// The role owns the tables: triggers are switched off and foreign keys taken off, and put back.
    Owner,
    /// Neither: triggers fire, foreign keys are checked row by row, so parents come first.
    Plain,
}

#[derive(Debug, Clone)]
pub(super) struct Rights {
    pub(super) role: String,
    pub(super) mode: Mode,
    /// The statement, or the advice, that would give the role the mode `Replica`.
    pub(super) better: String,
}

impl Rights {
    /// For writing to `tables` and their partitions.
    pub(super) async fn of(
        connection: &mut PgConnection,
        server_version: u32,
        tables: &[TableName],
    ) -> Result<Self, DatabaseError> {
        let can_be_granted = server_version >= 150_000;
        let may_set = if can_be_granted {
            "select has_parameter_privilege('session_replication_role', 'set') as may_set, current_user::text as role"
        } else {
            "select rolsuper as may_set, rolname::text as role from pg_roles where rolname = current_user"
        };
        let row = sqlx::query(may_set).fetch_one(&mut *connection).await.map_err(doing("read the rights"))?;
        let role: String = row.get("role");
        let mode = if row.get("may_set") {
            Mode::Replica
        } else if owns(connection, tables).await? {
            Mode::Owner
        } else {
            Mode::Plain
        };
        let quoted = sql("{}", &[&Ident(&role)]);
        let better = if can_be_granted {
            format!(
                "As a superuser run: GRANT SET ON PARAMETER session_replication_role TO {};",
                quoted.as_str()
            )
        } else {
            "Before PostgreSQL 15 only a superuser may set session_replication_role: connect Tandem as one."
                .to_owned()
        };
        Ok(Self { role, mode, better })
    }

    /// How triggers and foreign keys are kept out of the way.
    pub(super) fn way(&self) -> &'static str {
        match self.mode {
            Mode::Replica => "replica role: triggers are off, foreign keys are checked before the commit",
            Mode::Owner => {
                "owner of the tables: triggers and foreign keys of the tables that are written are taken off and put back before the commit, and readers of those wait for it"
            }
            Mode::Plain => {
                "plain rights: triggers fire, foreign keys are checked row by row, parents are written before children"
            }
        }
    }

    /// Why another mode would be better; none in the best.
    pub(super) fn warning(&self) -> Option<String> {
        let what = match self.mode {
            Mode::Replica => return None,
            Mode::Owner => "the tables that are written are locked against readers for a moment",
            Mode::Plain => {
                "triggers of the target fire, and unique values that swap between rows are refused where other rows refer to them"
            }
        };
        let Self { role, better, .. } = self;
        Some(format!("The role {role} may not set session_replication_role, so {what}. {better}"))
    }
}

async fn owns(connection: &mut PgConnection, tables: &[TableName]) -> Result<bool, DatabaseError> {
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())).unzip();
    sqlx::query_scalar(
        "select coalesce(bool_and(pg_has_role(c.relowner, 'usage')), true)
         from unnest($1::text[], $2::text[]) listed(schema, name)
         join pg_namespace ln on ln.nspname = listed.schema
         join pg_class l on l.relnamespace = ln.oid and l.relname = listed.name
         join pg_class c on c.oid = l.oid or l.relkind = 'p' and c.oid in (select relid from pg_partition_tree(l.oid))",
    )
    .bind(schemas)
    .bind(names)
    .fetch_one(connection)
    .await
    .map_err(doing("read the owners of the tables"))
}

/// Those of `tables` that this role may analyze, and the others: the server would only warn.
pub(super) async fn analyzable(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<(Vec<TableName>, Vec<TableName>), DatabaseError> {
    let names: Vec<String> = tables.iter().map(quoted).collect();
    let may: Vec<bool> = sqlx::query_scalar(
        "select pg_has_role(c.relowner, 'usage')
                or pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
                -- MAINTAIN: since PostgreSQL 17.
                or case when current_setting('server_version_num')::int >= 170000
                        then has_table_privilege(c.oid, 'maintain') else false end
         from unnest($1::text[]) with ordinality u(name, place)
         join pg_class c on c.oid = u.name::regclass
         order by u.place",
    )
    .bind(names)
    .fetch_all(connection)
    .await
    .map_err(doing("read the owners of the tables"))?;
    let (ours, others): (Vec<_>, Vec<_>) = tables.iter().cloned().zip(may).partition(|(_, may)| *may);
    let names = |list: Vec<(TableName, bool)>| list.into_iter().map(|(name, _)| name).collect();
    Ok((names(ours), names(others)))
}
