//! The same sync with different rights of the target's role: what each of them can do, and what it is refused.

use tandem::model::{Code, Phase, Relation, Step, SyncOptions};

use crate::support::{self, Database, nodes_as};
use crate::traps::{Pair, assert_says, keep, mirror};

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

/// By every method, proven, with the schema as it was; and again without a statement that changes anything.
async fn becomes_equal(role: Role, source: Database, target: Database) {
    let pair = between(role, source, target).await;
    let schema = pair.target.schema();

    let status = pair.south.sync_by("backup", "pull", "north", &mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{role:?}: {:?} {}", status.error, status.message);
    assert_eq!(status.result.as_ref().unwrap().relation, Relation::Identical);
    support::assert_same_rows(&pair.source, &pair.target).await;
    assert_eq!(pair.target.schema(), schema, "{role:?}");
    let log = pair.log_of(&status).await;
    assert_says(&log, &[role.words()]);
    let may_set = matches!(role, Role::Superuser | Role::Granted);
    assert_eq!(log.contains("may not set session_replication_role"), !may_set, "{log}");
    if role == Role::Plain {
        assert_says(&log, &["Not analyzed, because this role does not own them"]);
    }

    let before = keys(&pair.target).await;
    pair.writes_nothing_again(&mirror()).await;
    let again = pair.south.sync_by("backup", "pull", "north", &mirror()).await;
    assert_eq!(again.phase, Phase::Verified, "{role:?}: {:?}", again.error);
    assert_eq!(keys(&pair.target).await, before, "{role:?}");
    role.gone(&pair.target).await;
}

/// What the owner of the schema would have to change so that rows can be written without any special right.
const OPEN_SHOP_AND_PAGILA: &str = "do $$ declare r record; begin
    for r in select conrelid::regclass::text as child, conname from pg_constraint where contype = 'f' and conparentid = 0
    loop execute format('alter table %s alter constraint %I deferrable', r.child, r.conname); end loop;
    for r in select distinct tgrelid::regclass::text as name from pg_trigger where not tgisinternal and tgparentid = 0
    loop execute format('alter table %s disable trigger user', r.name); end loop; end $$";

#[tokio::test]
async fn pagila_that_has_drifted_becomes_equal_with_all_rights() {
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let (source, target) = support::databases("pagila", "pagila").await;
        target.drift().await;
        becomes_equal(role, source, target).await;
    }
}

#[tokio::test]
async fn the_shop_that_has_drifted_becomes_equal_with_all_rights() {
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let (source, target) = support::databases("shop", "shop").await;
        target.drift().await;
        becomes_equal(role, source, target).await;
    }
}

#[tokio::test]
async fn drifted_samples_become_equal_with_plain_rights() {
    for sample in ["pagila", "shop", "chinook_identity"] {
        let (source, target) = support::databases(sample, sample).await;
        target.execute(OPEN_SHOP_AND_PAGILA).await;
        target.drift().await;
        becomes_equal(Role::Plain, source, target).await;
    }
}

#[tokio::test]
async fn an_owner_and_a_plain_role_write_on_older_and_newer_servers() {
    for major in [13, 18] {
        for role in [Role::Owner, Role::Plain] {
            let source = support::database("pagila").await;
            let target = support::database_of_version(major, "pagila").await;
            if role == Role::Plain {
                target.execute(OPEN_SHOP_AND_PAGILA).await;
            }
            target.drift().await;
            becomes_equal(role, source, target).await;
        }
    }
}

#[tokio::test]
async fn an_empty_database_is_filled_with_any_rights() {
    for role in ALL {
        let (source, target) = support::databases("shop", "shop_schema").await;
        if role == Role::Plain {
            target.execute(OPEN_SHOP_AND_PAGILA).await;
        }
        becomes_equal(role, source, target).await;
    }
}

const TRIGGERS: &str = "
    create table audit (what text);
    create function stamp() returns trigger language plpgsql as $$ begin
        new.name := new.name || '!'; return new; end $$;
    create function log() returns trigger language plpgsql as $$ begin
        insert into public.audit values (tg_op || ' by ' || tg_name); return null; end $$;
    create trigger stamp before insert or update on place for each row execute function stamp();
    create trigger log after insert or update or delete on place for each row execute function log();
    create trigger log_part after insert or update or delete on visit for each row execute function log();
    create trigger always after insert or update or delete on place for each row execute function log();
    create trigger replica after insert on place for each row execute function log();
    create trigger off after insert on place for each row execute function log();
    create rule shadow as on insert to place do also notify somebody;
    create rule asleep as on update to place do also notify somebody;
    alter table place enable always trigger always; alter table place enable replica trigger replica;
    alter table place disable trigger off; alter table place disable rule asleep;
    alter table visit_1 disable trigger log_part;";

const TRIGGER_TABLES: &str = "create table place (id int primary key, name text check (length(name) < 9));
    create table visit (id int, place int references place, primary key (id)) partition by list (id);
    create table visit_1 partition of visit for values in (1); create table visit_2 partition of visit default;";

const SWITCHES: &str = "select string_agg(name || state::text, ',' order by name) from (
        select tgrelid::regclass || '.' || tgname as name, tgenabled as state from pg_trigger where not tgisinternal
        union all
        select rulename::text, ev_enabled from pg_rewrite where ev_class = 'place'::regclass) s";

#[tokio::test]
async fn triggers_in_every_state_are_as_before_after_a_sync_and_after_a_rollback() {
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let pair = pair(
            role,
            &format!("{TRIGGER_TABLES} insert into place values (1, 'new'), (2, 'more'); insert into visit values (1, 1), (2, 2)"),
            &format!("{TRIGGER_TABLES} insert into place values (1, 'old'), (9, 'own'); insert into visit values (1, 9); {TRIGGERS}"),
        )
        .await;
        let switches = pair.target.value::<String>(SWITCHES).await;
        assert_says(
            &switches,
            &["place.alwaysA", "place.replicaR", "place.offD", "place.stampO", "visit_1.log_partD"],
        );

        assert_eq!(pair.pull(&keep()).await.phase, Phase::Verified);
        pair.writes_nothing_again(&keep()).await;

        assert_eq!(pair.target.value::<String>(SWITCHES).await, switches, "{role:?}");
        let audit: i64 = pair.target.value("select count(*) from audit").await;
        assert_eq!(
            audit == 0,
            role == Role::Owner,
            "{role:?}: ENABLE ALWAYS fires in replica role only: {audit}"
        );

        pair.source.execute("alter table place drop constraint place_name_check; insert into place values (3, 'a name that is long')").await;
        let code = Code::RowRefused;
        pair.refused(&keep(), Step::Restore, code, &["public.place", "place_name_check"]).await;
        assert_eq!(pair.target.value::<String>(SWITCHES).await, switches, "{role:?}");
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn with_plain_rights_triggers_fire_and_may_not_change_rows() {
    let pair = pair(
        Role::Plain,
        &format!("{TRIGGER_TABLES} insert into place values (1, 'new'); insert into visit values (1, 1)"),
        &format!("{TRIGGER_TABLES} insert into place values (1, 'old'); {TRIGGERS}"),
    )
    .await;

    let parts = ["1 rows of public.place", "Trigger stamp of public.place"];
    pair.refused(&keep(), Step::Restore, Code::VerifyFailed, &parts).await;

    pair.target.execute("alter table place disable trigger stamp").await;
    let status = pair.pull(&keep()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    pair.writes_nothing_again(&keep()).await;
    let log = pair.log_of(&status).await;
    assert_says(
        &log,
        &[
            "Trigger log of public.place fires",
            "Trigger always of public.place fires",
            "Rule shadow of public.place fires",
            "GRANT SET ON PARAMETER",
        ],
    );
    assert!(!log.contains("Trigger off") && !log.contains("Trigger stamp of public.place fires"), "{log}");
    assert!(pair.target.value::<i64>("select count(*) from audit").await > 0);
}

#[tokio::test]
async fn an_orphan_is_refused_and_named_with_any_rights() {
    let tables = "create table parent (id int primary key, name text); create table child (id int primary key, parent int);
                  create table tree (id int primary key, up int);";
    let keys = "alter table child add constraint child_up foreign key (parent) references parent;
                alter table tree add constraint tree_up foreign key (up) references tree;";
    for role in ALL {
        let pair = pair(
            role,
            &format!("{tables} insert into parent values (1, 'new'); insert into child values (1, 1), (2, 7), (3, 8), (4, null);
                      insert into tree values (1, 2), (2, 1)"),
            &format!("{tables} {keys} insert into parent values (1, 'old')"),
        )
        .await;
        let parts = ["2 rows of public.child (parent)", "public.parent", "child_up"];
        pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

        pair.source.execute("delete from child where id in (2, 3); insert into tree values (3, 99)").await;
        let parts = ["1 rows of public.tree (up)", "tree_up"];
        pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

        pair.source.execute("delete from tree where id = 3").await;
        pair.mirrored().await;
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn no_child_is_lost_by_a_cascade_with_any_rights() {
    let schema = "create table parent (id int primary key, code text unique, name text);
                  create table child (id int primary key, parent int references parent on delete cascade);
                  create table named (id int primary key, parent int references parent on delete set null);";
    for role in ALL {
        let pair = pair(
            role,
            &format!("{schema} insert into parent values (1, 'c', 'new'), (2, 'd', 'new'), (4, 'x', 'new');
                      insert into child select n, n % 2 + 1 from generate_series(1, 20) n; insert into child values (21, 4);
                      insert into named values (1, 1), (2, 2)"),
            &format!("{schema} insert into parent values (1, 'a', 'old'), (2, 'b', 'old'), (3, 'x', 'old');
                      insert into child select n, n % 2 + 1 from generate_series(1, 20) n; insert into child values (21, 2), (100, 1);
                      insert into named values (1, 1), (2, 2), (9, 2)"),
        )
        .await;
        pair.target.execute("delete from parent where id = 3").await;

        let result = pair.verified(&keep()).await.result.unwrap();

        assert_eq!((result.inserted, result.updated, result.deleted), (1, 3, 0), "{role:?}");
        assert_eq!(result.relation, Relation::Contains { target_only_rows: 2 }, "{role:?}");
        assert_eq!(pair.target.value::<i64>("select count(*) from child").await, 22, "{role:?}");
        assert_eq!(pair.target.value::<i64>("select count(parent) from named").await, 3, "{role:?}");

        // A parent that goes while its children stay takes none of them along, in whatever order they are written.
        pair.source.execute("update child set parent = 1 where parent = 2; update named set parent = 1; delete from parent where id = 2").await;
        pair.target.execute("create table only_here (id int primary key, parent int constraint only_up references parent on delete cascade);
                             insert into only_here values (1, 2)").await;
        if role != Role::Superuser {
            pair.target.execute(&GRANTS.replace("ROLE", pair.target.name())).await;
        }
        let parts = ["1 rows of public.only_here (parent)", "only_up", "public.parent"];
        pair.refused(&mirror(), Step::Restore, Code::ForeignKey, &parts).await;
        assert_eq!(pair.target.value::<i64>("select count(*) from only_here").await, 1, "{role:?}");
        pair.target.execute("drop table only_here").await;
        pair.mirrored().await;
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn a_cycle_of_keys_that_cannot_wait_needs_the_right_to_take_them_away() {
    let schema = "create table hen (id int primary key, egg int not null); create table egg (id int primary key, hen int not null);
                  alter table hen add constraint hen_egg foreign key (egg) references egg;
                  alter table egg add constraint egg_hen foreign key (hen) references hen;";
    let fill = "begin; set local session_replication_role = replica;
                insert into hen values (1, 1), (2, 2); insert into egg values (1, 1), (2, 2); commit";
    for role in [Role::Granted, Role::Owner] {
        let pair = pair(role, &format!("{schema} {fill}"), schema).await;
        assert_eq!(pair.mirrored().await.inserted, 4);
        role.gone(&pair.target).await;
    }
    let pair = pair(Role::Plain, &format!("{schema} {fill}"), schema).await;
    let grant = format!("GRANT SET ON PARAMETER session_replication_role TO \"{}\";", pair.target.name());
    let parts = ["public.egg, public.hen", &grant];
    pair.refused(&keep(), Step::Convert, Code::MissingRight, &parts).await;
    // One that can wait is enough.
    pair.target.execute("alter table hen alter constraint hen_egg deferrable").await;
    assert_eq!(pair.mirrored().await.inserted, 4);
}

#[tokio::test]
async fn values_swap_in_replica_role_and_as_owner() {
    let schema = "create table swap (id int primary key, code text unique);
                  create table child (id int primary key, swap int references swap on delete cascade);
                  create table serial (id int primary key, n int generated always as identity unique);";
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let pair = pair(
            role,
            &format!("{schema} insert into swap values (1, 'y'), (2, 'x'); insert into child values (1, 1), (2, 2);
                      insert into serial overriding system value values (1, 2), (2, 1)"),
            &format!("{schema} insert into swap values (1, 'x'), (2, 'y'); insert into child values (1, 1), (2, 2);
                      insert into serial overriding system value values (1, 1), (2, 2)"),
        )
        .await;
        let result = pair.verified(&keep()).await.result.unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted), (0, 4, 0), "{role:?}");
        role.gone(&pair.target).await;
    }
    // With plain rights where no other row refers to them.
    let schema = "create table serial (id int primary key, n int generated always as identity unique)";
    let pair = pair(
        Role::Plain,
        &format!("{schema}; insert into serial overriding system value values (1, 2), (2, 1), (3, 3)"),
        &format!("{schema}; insert into serial overriding system value values (1, 1), (2, 2)"),
    )
    .await;
    assert_eq!(pair.verified(&keep()).await.result.unwrap().updated, 2);
}

#[tokio::test]
async fn foreign_keys_come_back_exactly_as_they_were() {
    let schema = "create table parent (id int primary key, a int, b int, unique (a, b));
                  create table child (id int primary key, parent int, a int, b int);
                  create table parts (id int, parent int, primary key (id)) partition by range (id);
                  create table parts_1 partition of parts for values from (0) to (100);";
    let keys = "alter table child add constraint plain foreign key (parent) references parent on delete set null deferrable initially deferred;
                alter table child add constraint \"Strange \"\" name\" foreign key (a, b) references parent (a, b) match full on update cascade;
                alter table parts add constraint rooted foreign key (parent) references parent on delete cascade;
                comment on constraint plain on child is 'it''s \\ commented';
                insert into child values (50, 77); alter table child add constraint later foreign key (parent) references parent (id) not valid;";
    let keys = keys.replace("insert into child values (50, 77); ", "");
    let pair = pair(
        Role::Owner,
        &format!("{schema} insert into parent values (1, 1, 1), (2, 2, 2); insert into child values (1, 1, 1, 1), (2, 2, null, null);
                  insert into parts values (1, 1)"),
        &format!("{schema} {keys}"),
    )
    .await;
    let (before, ids) = (pair.target.schema(), keys_of(&pair).await);

    pair.mirrored().await;

    assert_eq!(pair.target.schema(), before);
    assert_ne!(keys_of(&pair).await, ids, "they were not taken off at all");
    let check =
        "select count(*) from pg_constraint where contype = 'f' and conparentid = 0 and not convalidated";
    assert_eq!(pair.target.value::<i64>(check).await, 1);
}

async fn keys_of(pair: &Pair) -> String {
    keys(&pair.target).await
}

#[tokio::test]
async fn a_key_of_somebody_elses_table_stays_and_may_do_no_harm() {
    let schema = "create table parent (id int primary key, code text unique, name text)";
    let pair = pair(
        Role::Owner,
        &format!("{schema}; insert into parent values (1, 'new', 'new')"),
        &format!("{schema}; insert into parent values (1, 'new', 'old'), (2, 'two', 'old')"),
    )
    .await;
    pair.target
        .execute("create table theirs (id int primary key, parent int constraint theirs_up references parent on delete cascade on update cascade,
                                       code text constraint theirs_code references parent (code) on update cascade);
                  insert into theirs values (1, 2, null)")
        .await;
    let key = "theirs_up of public.theirs to public.parent cannot be taken off";
    let unverified = SyncOptions { verify: false, ..keep() };

    let status = pair.south.sync_by("backup", "pull", "north", &unverified).await;
    assert_eq!(status.phase, Phase::Completed, "{:?}", status.error);
    assert_says(&pair.log_of(&status).await, &[key]);

    // It cannot be seen what a delete would take along.
    let unverified = SyncOptions { verify: false, ..mirror() };
    let error = pair.south.sync_by("backup", "pull", "north", &unverified).await.error.unwrap();
    assert_eq!((error.code, error.step), (Code::MissingRight, Some(Step::Restore)), "{error:?}");
    assert_says(&format!("{error:?}"), &["theirs_up", "public.theirs", "GRANT SELECT ON TABLE"]);
    pair.target.execute(&format!("grant select on theirs to {}", pair.target.name())).await;
    let parts = ["1 rows of public.theirs (parent)", "theirs_up"];
    pair.refused(&mirror(), Step::Restore, Code::ForeignKey, &parts).await;

    // Nor may their values change with ours.
    pair.target.execute("update theirs set parent = null, code = 'new'").await;
    pair.source.execute("update parent set code = 'newer'").await;
    pair.refused(&keep(), Step::Restore, Code::Refused, &["theirs_code", "public.theirs"]).await;
    pair.target.execute("update theirs set code = null").await;
    assert_eq!(pair.pull(&mirror()).await.phase, Phase::Verified);
    assert_eq!(pair.target.value::<i64>("select count(*) from theirs").await, 1);
}

#[tokio::test]
async fn the_doctor_names_the_mode_and_the_better_grant() {
    for role in ALL {
        let (source, target) = support::databases("empty", "shop_schema").await;
        let pair = between(role, source, target).await;
        let (_, answer) = pair.south.get("/api/admin/doctor").await;
        let check = answer
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "Right to write")
            .unwrap()
            .clone();
        let text = check.to_string();
        assert_says(&text, &[role.words()]);
        let is_best = matches!(role, Role::Superuser | Role::Granted);
        assert_eq!(text.contains("GRANT SET ON PARAMETER session_replication_role TO"), !is_best, "{text}");
        assert!(pair.south.doctor().await, "a weaker mode is no fault");
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn what_a_plain_role_lacks_is_listed_at_once() {
    let schema = "create schema shop; create table place (id serial primary key); create table shop.item (id int primary key);";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema} insert into place default values")).await;
    target.execute(schema).await;
    let url = target.url_of_plain_role().await;
    let (north, south) = nodes_as(&source, source.url(), &target, &url).await;
    let pair = Pair { source, target, north, south };
    let role = pair.target.name().to_owned();
    pair.target
        .execute("alter schema tandem owner to postgres; revoke create on schema tandem from public")
        .await;
    pair.target.execute(&format!("grant usage on schema tandem to {role}")).await;

    let parts = [
        "CREATE on schema tandem",
        "SELECT, INSERT, UPDATE, DELETE on table public.place",
        "SELECT, INSERT, UPDATE, DELETE on table shop.item",
        "USAGE on schema shop",
        "UPDATE on sequence public.place_id_seq",
        &format!("GRANT CREATE ON SCHEMA tandem TO \"{role}\";"),
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE \"shop\".\"item\" TO \"{role}\";"),
    ];
    pair.refused(&keep(), Step::Convert, Code::MissingRight, &parts).await;
}

#[tokio::test]
async fn a_role_that_may_not_make_tandems_schema_is_told_the_grant() {
    let database = support::database("empty").await;
    let url = database.url_of_plain_role().await;
    let role = database.name();
    database.execute(&format!("revoke create on database {role} from {role}")).await;
    let mut node = support::Node::new("alone", &database);
    node.set("DATABASE_URL", &url);

    let said = node.start_refused().await;

    assert_says(
        &said,
        &[&format!("GRANT CREATE ON DATABASE {role} TO {role}"), "CREATE SCHEMA tandem AUTHORIZATION"],
    );
    database.execute(&format!("create schema tandem authorization {role}")).await;
    node.start().await;
}
