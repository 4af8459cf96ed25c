//! The rights that a sync needs, all looked up before it begins -> one error that lists every one that is missing.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::DatabaseError;
use super::error::doing;
use super::sequences;
use crate::catalog::{Addition, TableName};
use crate::model::text;
use crate::sql::{Ident, Sql, quoted, sql};

/// Whoever reads must see every table whole: a table without SELECT would be missing, one behind a policy short.
pub(super) async fn demand_read(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<(), DatabaseError> {
    let mut missing = Missing::of(connection).await?;
    for row in relations(connection, tables, &["SELECT"]).await? {
        missing.table(&row);
    }
    missing.sequences(connection, &["SELECT"]).await?;
    missing.demand("read")
}

/// Whoever writes needs all rights on every table, and a place for the rows that wait. How triggers and foreign keys
/// are kept out of the way is a question of `rights`.
pub(super) async fn demand_write(
    connection: &mut PgConnection,
    tables: &[TableName],
) -> Result<(), DatabaseError> {
    let mut missing = Missing::of(connection).await?;
    missing.staging(connection).await?;
    for row in relations(connection, tables, &["SELECT", "INSERT", "UPDATE", "DELETE"]).await? {
        missing.table(&row);
    }
    missing.sequences(connection, &["SELECT", "UPDATE"]).await?;
    missing.demand("write to")
}

/// Whoever makes tables needs a place for them.
pub(super) async fn demand_make(
    connection: &mut PgConnection,
    schemas: &[String],
) -> Result<(), DatabaseError> {
    let mut missing = Missing::of(connection).await?;
    let row = sqlx::query(
        "select current_database()::text as database,
                has_database_privilege(current_database(), 'create') as may_make_schemas,
                array(select u.name from unnest($1::text[]) u(name)
                      where not exists (select from pg_namespace where nspname = u.name)) as absent,
                array(select nspname::text from pg_namespace
                      where nspname = any($1) and not has_schema_privilege(oid, 'create')) as closed",
    )
    .bind(schemas)
    .fetch_one(connection)
    .await
    .map_err(doing("read the rights"))?;
    let absent: Vec<String> = row.get("absent");
    if !absent.is_empty() && !row.get::<bool, _>("may_make_schemas") {
        let database: String = row.get("database");
        missing.texts.push(format!("CREATE on the database, to make the schemas {}", absent.join(", ")));
        missing.grant("CREATE ON DATABASE", &sql("{}", &[&Ident(&database)]));
    }
    for schema in row.get::<Vec<String>, _>("closed") {
        missing.texts.push(format!("CREATE on schema {schema}"));
        missing.grant("CREATE ON SCHEMA", &sql("{}", &[&Ident(&schema)]));
    }
    missing.demand("make tables in")
}

/// Only who owns a table or a type adds to it.
pub(super) async fn demand_add(
    connection: &mut PgConnection,
    additions: &[Addition],
) -> Result<(), DatabaseError> {
    let mut missing = Missing::of(connection).await?;
    let (mut tables, mut kinds) = (Vec::new(), Vec::new());
    for addition in additions {
        match addition {
            Addition::Column { table, .. } => tables.push(quoted(table)),
            Addition::Label { kind, .. } => kinds.push(quoted(kind)),
        }
    }
    let rows = sqlx::query(
        "select kind || ' ' || name as name, pg_get_userbyid(owner)::text as owner
         from (select 'table' as kind, u.name, c.relowner as owner
               from unnest($1::text[]) u(name) join pg_class c on c.oid = u.name::regclass
               union
               select 'type', u.name, t.typowner
               from unnest($2::text[]) u(name) join pg_type t on t.oid = u.name::regtype) a
         where not pg_has_role(owner, 'usage')
         order by kind, a.name",
    )
    .bind(tables)
    .bind(kinds)
    .fetch_all(connection)
    .await
    .map_err(doing("read the rights"))?;
    for row in rows {
        missing.texts.push(format!("the owner's rights on {}", row.get::<String, _>("name")));
        let owner = row.get::<String, _>("owner");
        let grant = sql("GRANT {} TO {};", &[&Ident(&owner), &Ident(&missing.role)]);
        missing.remedies.push(grant.as_str().to_owned());
    }
    missing.demand("add to")
}

/// What this role may not do, and the statements that would allow it.
struct Missing {
    role: String,
    schemas: Vec<String>,
    texts: Vec<String>,
    remedies: Vec<String>,
}

impl Missing {
    async fn of(connection: &mut PgConnection) -> Result<Self, DatabaseError> {
        let role = sqlx::query_scalar("select current_user::text")
            .fetch_one(connection)
            .await
            .map_err(doing("read the role"))?;
        Ok(Self { role, schemas: Vec::new(), texts: Vec::new(), remedies: Vec::new() })
    }

    fn table(&mut self, row: &PgRow) {
        let name = TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name"));
        self.schema(&name.schema, row.get("usage"));
        let rights: Vec<String> = row.get("missing");
        if !rights.is_empty() {
            let rights = rights.join(", ");
            self.texts.push(format!("{rights} on table {name}"));
            self.grant(&format!("{rights} ON TABLE"), &sql("{}", &[&name]));
        }
        if row.get("behind_policy") {
            self.texts.push(format!("all rows of table {name}, which has row-level policies for this role"));
            let role = sql("{}", &[&Ident(&self.role)]);
            self.remedies.push(format!("ALTER ROLE {} BYPASSRLS;", role.as_str()));
        }
    }

    /// Each schema once.
    fn schema(&mut self, name: &str, is_usable: bool) {
        if !is_usable && !self.schemas.iter().any(|known| known == name) {
            self.schemas.push(name.to_owned());
            self.texts.push(format!("USAGE on schema {name}"));
            self.grant("USAGE ON SCHEMA", &sql("{}", &[&Ident(name)]));
        }
    }

    async fn sequences(
        &mut self,
        connection: &mut PgConnection,
        rights: &[&str],
    ) -> Result<(), DatabaseError> {
        let names = sequences::names(connection).await?;
        let rows = sqlx::query(
            "select n.nspname::text as schema, c.relname::text as name, has_schema_privilege(n.oid, 'usage') as usage,
                    array(select wanted from unnest($3::text[]) wanted
                          where not has_sequence_privilege(c.oid, wanted)) as missing
             from unnest($1::text[], $2::text[]) with ordinality listed(schema, name, place)
             join pg_namespace n on n.nspname = listed.schema
             join pg_class c on c.relnamespace = n.oid and c.relname = listed.name
             order by listed.place",
        )
        .bind(names.iter().map(|name| name.schema.as_str()).collect::<Vec<_>>())
        .bind(names.iter().map(|name| name.name.as_str()).collect::<Vec<_>>())
        .bind(rights)
        .fetch_all(connection)
        .await
        .map_err(doing("read the rights"))?;
        for row in rows {
            let name = TableName::new(row.get::<String, _>("schema"), row.get::<String, _>("name"));
            self.schema(&name.schema, row.get("usage"));
            for right in row.get::<Vec<String>, _>("missing") {
                self.texts.push(format!("{right} on sequence {name}"));
                self.grant(&format!("{right} ON SEQUENCE"), &sql("{}", &[&name]));
            }
        }
        Ok(())
    }

    /// Staging tables are made in Tandem's own schema.
    async fn staging(&mut self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        let may_create: bool = sqlx::query_scalar("select has_schema_privilege('tandem', 'create')")
            .fetch_one(connection)
            .await
            .map_err(doing("read the rights"))?;
        if !may_create {
            self.texts.push("CREATE on schema tandem, where rows wait for the commit".to_owned());
            self.grant("CREATE ON SCHEMA", &sql("tandem", &[]));
        }
        Ok(())
    }

    fn grant(&mut self, right: &str, object: &Sql) {
        let role = sql("{}", &[&Ident(&self.role)]);
        self.remedies.push(format!("GRANT {right} {} TO {};", object.as_str(), role.as_str()));
    }

    fn demand(mut self, what: &str) -> Result<(), DatabaseError> {
        if self.texts.is_empty() {
            return Ok(());
        }
        self.remedies.dedup();
        Err(DatabaseError::MissingRight {
            what: format!(
                "the role {} cannot {what} this database; it lacks: {}",
                self.role,
                text::few(&self.texts, "; ")
            ),
            remedy: format!("Let the owner or a superuser run: {}", self.remedies.join(" ")),
        })
    }
}

/// The tables and their partitions, which pg_dump reads one by one, with those of `rights` that are missing.
async fn relations(
    connection: &mut PgConnection,
    tables: &[TableName],
    rights: &[&str],
) -> Result<Vec<PgRow>, DatabaseError> {
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())).unzip();
    // Without USAGE on its schema a name cannot be looked up, so tables are found in the catalog.
    sqlx::query(
        r#"select n.nspname::text as schema, c.relname::text as name,
                  has_schema_privilege(n.oid, 'usage') as usage, row_security_active(c.oid) as behind_policy,
                  array(select wanted from unnest($3::text[]) wanted
                        where not has_table_privilege(c.oid, wanted)) as missing
           from unnest($1::text[], $2::text[]) listed(schema, name)
           join pg_namespace ln on ln.nspname = listed.schema
           join pg_class l on l.relnamespace = ln.oid and l.relname = listed.name
           cross join lateral (
               select l.oid where l.relkind <> 'p'
               union all select relid from pg_partition_tree(l.oid) where l.relkind = 'p'
           ) part
           join pg_class c on c.oid = part.oid
           join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p')
           order by n.nspname collate "C", c.relname collate "C""#,
    )
    .bind(schemas)
    .bind(names)
    .bind(rights)
    .fetch_all(connection)
    .await
    .map_err(doing("read the rights"))
}
