//! The same sync with different rights of the target's role: what each of them can do, and what it is refused.

mod keys;
mod missing;
mod policies;
mod samples;
mod triggers;

use crate::support::{self, Database, nodes_as};
use crate::traps::Pair;

/// What the target's role is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Superuser,
    /// No superuser, but with GRANT SET, and the rights on the tables.
    Granted,
    /// Owns the tables.
    Owner,
    /// May write to the tables, and no more.
    Plain,
}

const ALL: [Role; 4] = [Role::Superuser, Role::Granted, Role::Owner, Role::Plain];

const EACH_TABLE: &str = "do $$ declare r record; begin
    for r in select c.oid::regclass::text as name, case c.relkind when 'S' then 'sequence' else 'table' end as kind
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p', 'S') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'tandem')
               and not exists (select from pg_depend d where d.objid = c.oid and c.relkind = 'S' and d.deptype in ('a', 'i'))
    loop execute format('alter %s %s owner to %I', r.kind, r.name, 'ROLE'); end loop; end $$";

const GRANTS: &str = "do $$ declare r record; begin
    for r in select nspname as name from pg_namespace
             where nspname !~ '^pg_' and nspname not in ('information_schema', 'tandem')
    loop execute format('grant usage on schema %I to %I', r.name, 'ROLE');
         execute format('grant select, insert, update, delete on all tables in schema %I to %I', r.name, 'ROLE');
         execute format('grant select, update on all sequences in schema %I to %I', r.name, 'ROLE'); end loop; end $$";

impl Role {
    /// The address of the target for such a role, with all that it needs.
    async fn of(self, target: &Database) -> String {
        if self == Role::Superuser {
            return target.url().to_owned();
        }
        let url = target.url_of_plain_role().await;
        if self == Role::Owner {
            target.execute(&EACH_TABLE.replace("ROLE", target.name())).await;
        }
        target.execute(&GRANTS.replace("ROLE", target.name())).await;
        if self == Role::Granted {
            let role = target.name();
            target.execute(&format!("grant set on parameter session_replication_role to {role}")).await;
        }
        url
    }

    /// How the log calls it.
    fn words(self) -> &'static str {
        match self {
            Role::Superuser | Role::Granted => "replica role:",
            Role::Owner => "owner of the tables:",
            Role::Plain => "plain rights:",
        }
    }

    /// What the server keeps for all databases goes with the test.
    async fn gone(self, target: &Database) {
        if self == Role::Granted {
            let role = target.name();
            target.execute(&format!("revoke set on parameter session_replication_role from {role}")).await;
        }
    }
}

async fn pair(role: Role, source_script: &str, target_script: &str) -> Pair {
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(source_script).await;
    target.execute(target_script).await;
    between(role, source, target).await
}

async fn between(role: Role, source: Database, target: Database) -> Pair {
    let url = role.of(&target).await;
    let (north, south) = nodes_as(&source, source.url(), &target, &url).await;
    Pair { source, target, north, south }
}

/// The object ids of all keys: other ones after they were made again.
async fn keys(database: &Database) -> String {
    let ids =
        "select coalesce(string_agg(oid::text, ' ' order by oid), '') from pg_constraint where contype = 'f'";
    database.value(ids).await
}
