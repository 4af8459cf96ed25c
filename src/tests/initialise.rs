//! Tables that the target lacks are made from the source's description, together with their rows or not at all.

use tandem::model::{Code, DeletePolicy, Phase, Relation, Step, SyncOptions};

use crate::support::{self, Database, Node, StatusCode, database_of_version, nodes, nodes_as};
use crate::traps::assert_says;

fn initialise() -> SyncOptions {
    SyncOptions { initialise: true, deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

async fn log_of(node: &Node, id: &str) -> String {
    node.detail(id).await.log.iter().map(|line| format!("{}\n", line.text)).collect()
}

/// Everything of users that is not Tandem's own.
async fn things(database: &Database) -> i64 {
    database
        .value(
            "select (select count(*) from pg_class where relnamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)')
                  + (select count(*) from pg_type where typnamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)')
                  + (select count(*) from pg_namespace where nspname !~ '^(pg_|information_schema|tandem|public)')",
        )
        .await
}

/// Keys and foreign keys by what they say: definitions of both sides can be compared.
async fn keys(database: &Database) -> String {
    database
        .value(
            "select string_agg(text, E'\\n' order by text) from (
                 select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) as text
                 from pg_constraint where contype in ('p', 'u', 'f') and conparentid = 0
                   and connamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)'
                   and not exists (select from pg_class c where c.oid = conrelid and c.relispartition)) k",
        )
        .await
}

/// Identities and defaults from sequences, by column.
async fn numbers(database: &Database) -> String {
    database
        .value(
            "select coalesce(string_agg(text, E'\\n' order by text), '') from (
                 select attrelid::regclass || '.' || attname || ' ' || attidentity::text || coalesce(pg_get_expr(adbin, adrelid), '') as text
                 from pg_attribute
                 left join pg_attrdef on adrelid = attrelid and adnum = attnum
                 join pg_class c on c.oid = attrelid
                 where c.relkind in ('r', 'p') and not c.relispartition and attnum > 0
                   and relnamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)'
                   and (attidentity <> '' or pg_get_expr(adbin, adrelid) like 'nextval%')) n",
        )
        .await
}

#[tokio::test]
async fn samples_come_into_an_empty_database_with_their_keys() {
    for sample in ["chinook", "chinook_identity", "pagila"] {
        let (source, target) = support::databases(sample, "empty").await;
        let (_north, south) = nodes(&source, &target).await;

        let status = south.sync("pull", "north", &initialise()).await;

        assert_eq!(status.phase, Phase::Verified, "{sample}: {:?} {}", status.error, status.message);
        assert_eq!(status.result.unwrap().relation, Relation::Identical);
        support::assert_same_rows(&source, &target).await;
        assert_eq!(keys(&target).await, keys(&source).await, "{sample}");
        assert_eq!(numbers(&target).await, numbers(&source).await, "{sample}");
        for (name, value) in source.sequences().await {
            assert!(target.sequences().await[&name] >= value, "{sample}: {name}");
        }
        // The next sync finds tables like any others.
        let again = south.sync("pull", "north", &initialise()).await;
        assert_eq!(again.phase, Phase::Verified, "{sample}: {:?}", again.error);
        let result = again.result.unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted), (0, 0, 0), "{sample}");
    }
}

#[tokio::test]
async fn tables_are_made_on_older_and_newer_servers() {
    for major in [13, 18] {
        let (source, target) = (support::database("pagila").await, database_of_version(major, "empty").await);
        let (_north, south) = nodes(&source, &target).await;

        let status = south.sync("pull", "north", &initialise()).await;

        assert_eq!(status.phase, Phase::Verified, "{major}: {:?} {}", status.error, status.message);
        support::assert_same_rows(&source, &target).await;
        assert_eq!(numbers(&target).await, numbers(&source).await, "{major}");
    }
}

#[tokio::test]
async fn what_is_left_out_is_listed_and_the_next_insert_does_not_collide() {
    let (source, target) = support::databases("pagila", "empty").await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &initialise()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let log = log_of(&south, status.session_id.as_str()).await;
    assert_says(
        &log,
        &[
            "Table public.film does not exist on the target: it is made there.",
            "Not made on the target: Index film_fulltext_idx of public.film",
            "Not made on the target: Default of public.film.last_update",
            "Not made on the target: Function public.last_updated",
            "Not made on the target: Constraint year_check of type public.year",
            "Trigger film_fulltext_trigger of public.film exists on the source only",
            "actor_info",
            r#"Made together with the rows: create table "public"."actor" ("actor_id" integer not null"#,
        ],
    );
    target
        .execute("insert into actor (first_name, last_name, last_update) values ('Next', 'One', now())")
        .await;
    let next: i32 = target.value("select max(actor_id) from actor").await;
    assert_eq!(next, 201);
    let orphan = target.try_execute("insert into film_actor values (9999, 1, now())").await.unwrap_err();
    assert_says(&orphan, &["film_actor_actor_id_fkey"]);
}

const KINDS: &str = "
    create schema \"Other Place\";
    create type mood as enum ('it''s fine', 'B', 'c\\d');
    create domain \"Other Place\".short as varchar(5) not null;
    create type pair as (a numeric(7,2), b mood[]);
    create type span as range (subtype = numeric);
    create table \"Other Place\".\"All Kinds\" (
        id bigint generated always as identity (start with 100 increment by 5),
        other int generated by default as identity unique,
        n numeric(10,3), v varchar(7)[], c char(3), b bit varying(5), t timestamp(3), tz timestamptz, i interval day to second(2),
        m mood, d \"Other Place\".short, p pair, s span, a text collate \"C\", j jsonb, x int4range, u uuid,
        primary key (id), constraint later unique (n) deferrable initially deferred);
    create unique index lonely on \"Other Place\".\"All Kinds\" (v);
    create sequence shared as smallint increment by 2 maxvalue 1000 cycle;
    create table child (number smallint default nextval('shared') primary key,
                        kind bigint constraint up references \"Other Place\".\"All Kinds\" on delete cascade on update set null deferrable,
                        self smallint references child match full on delete set null);
    create table parts (at date not null, place text, unique nulls not distinct (at, place)) partition by list (at);
    create table parts_1 partition of parts for values in ('2020-01-01');
    create table parts_2 partition of parts for values in ('2021-01-01', '2022-01-01');
    create table hashed (id int primary key) partition by hash (id);
    create table hashed_1 partition of hashed for values with (modulus 1, remainder 0);
    insert into \"Other Place\".\"All Kinds\" (n, v, c, b, t, tz, i, m, d, p, s, a, j, x, u)
        select n / 7.0, array['a', n::text], 'c', '101', '2020-01-01 00:00:00.123', '2021-01-01', '1 day 2.34 s', 'it''s fine', 'shrt',
               row(n, array['B', 'c\\d']::mood[])::pair, span(n, n + 1), 'é', '{\"a\": 1}', int4range(n, n + 2), gen_random_uuid()
        from generate_series(1, 400) n;
    insert into child (kind) select id from \"Other Place\".\"All Kinds\"; update child set self = 1 where number > 1;
    insert into parts values ('2020-01-01', 'x'), ('2021-01-01', null), ('2022-01-01', 'z');
    insert into hashed select generate_series(1, 100);";

#[tokio::test]
async fn every_kind_of_type_key_and_sequence_is_made_as_it_is_described() {
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(KINDS).await;
    // The target has tables of its own, and one in common.
    let common = "create table common (id int primary key, text text); insert into common values (1, 'TEXT')";
    source.execute(&common.replace("TEXT", "new")).await;
    target.execute(&format!("{}; create table own (id int primary key, up int references common); insert into own values (1, 1)", common.replace("TEXT", "old"))).await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &initialise()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    target.execute("drop table own").await;
    support::assert_same_rows(&source, &target).await;
    assert_eq!(keys(&target).await, keys(&source).await);
    assert_eq!(numbers(&target).await, numbers(&source).await);
    let shape = "select string_agg(format('%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attcollation::regcollation), ','
                                   order by attrelid::regclass::text, attnum)
                 from pg_attribute join pg_class c on c.oid = attrelid
                 where attnum > 0 and c.relkind in ('r', 'p') and not c.relispartition
                   and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)'";
    assert_eq!(target.value::<String>(shape).await, source.value::<String>(shape).await);
    let sequences = "select string_agg(format('%s %s %s %s %s %s %s', seqrelid::regclass, seqtypid, seqstart, seqincrement, seqmin, seqmax, seqcycle), ',' order by seqrelid::regclass::text)
                     from pg_sequence where seqrelid::regclass::text !~ '^tandem'";
    assert_eq!(target.value::<String>(sequences).await, source.value::<String>(sequences).await);
    target.execute("insert into \"Other Place\".\"All Kinds\" (n, d) values (-1, 'next'); insert into child default values;
                    insert into parts values ('2030-01-01', 'a partition for every value')").await;
}

#[tokio::test]
async fn the_shop_is_refused_by_what_cannot_be_made_and_comes_without_it() {
    let (source, target) = support::databases("shop", "empty").await;
    let (_north, south) = nodes(&source, &target).await;
    let nothing = things(&target).await;

    let error = south.sync("pull", "north", &initialise()).await.error.unwrap();

    assert_eq!((error.code, error.step), (Code::SchemaDiffers, Some(Step::Convert)), "{error:?}");
    assert_says(&format!("{error:?}"), &["is computed by an expression", "pg_dump --schema-only"]);
    assert_eq!(things(&target).await, nothing);

    // Where somebody has made those tables, the others come.
    source
        .execute(
            "do $$ declare r record; begin
                 for r in select attrelid::regclass as name, attname from pg_attribute join pg_class c on c.oid = attrelid
                          where attgenerated <> '' and c.relkind in ('r', 'p') and not c.relispartition
                            and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)'
                 loop execute format('alter table %s alter column %I drop expression', r.name, r.attname); end loop; end $$",
        )
        .await;
    let status = south.sync("pull", "north", &initialise()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    support::assert_same_rows(&source, &target).await;
    assert_eq!(keys(&target).await, keys(&source).await);
    assert_eq!(numbers(&target).await, numbers(&source).await);
}

#[tokio::test]
async fn a_failed_sync_leaves_no_table_behind() {
    let (source, target) = support::databases("chinook", "empty").await;
    // Rows that the made table's foreign key refuses: an orphan that the source has never checked.
    source
        .execute(
            "alter table album drop constraint album_artist_id_fkey; insert into album values (9999, 'orphan', 77777);
             alter table album add constraint album_artist_id_fkey foreign key (artist_id) references artist not valid",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;
    let nothing = things(&target).await;

    let error = south.sync("pull", "north", &initialise()).await.error.unwrap();

    assert_eq!((error.code, error.step), (Code::ForeignKey, Some(Step::Restore)), "{error:?}");
    assert_says(&error.message, &["1 row of public.album (artist_id)", "album_artist_id_fkey"]);
    assert_eq!(things(&target).await, nothing);

    source.execute("delete from album where album_id = 9999").await;
    assert_eq!(south.sync("pull", "north", &initialise()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn a_sequence_that_the_target_has_stays_whose_it_is() {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute("create table a (id serial primary key); insert into a select from generate_series(1, 3)")
        .await;
    target.execute("create sequence a_id_seq; create table mine (id int default nextval('a_id_seq'))").await;
    source.execute("create table mine (id int)").await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &initialise()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    target.execute("drop table a").await;
    assert_eq!(target.value::<i64>("select nextval('a_id_seq')").await, 4);
}

#[tokio::test]
async fn without_the_option_a_missing_table_is_refused_and_the_option_is_named() {
    let (source, target) = support::databases("chinook", "empty").await;
    let (_north, south) = nodes(&source, &target).await;
    let nothing = things(&target).await;

    let error = south.sync("pull", "north", &SyncOptions::default()).await.error.unwrap();

    assert_eq!(error.code, Code::SchemaDiffers);
    assert_says(&format!("{error:?}"), &["Table public.album does not exist", "option initialise"]);
    assert_eq!(things(&target).await, nothing);
}

#[tokio::test]
async fn a_peer_makes_tables_only_where_the_targets_admin_allows_it() {
    let (source, target) = support::databases("chinook", "empty").await;
    let (north, mut south) = nodes(&source, &target).await;
    let nothing = things(&target).await;

    let (status, error) = north.start_sync("push", "south", &initialise()).await.unwrap_err();

    assert_ne!(status, StatusCode::OK);
    assert_says(&error.to_string(), &["TANDEM_ALLOW_INITIALISE"]);
    assert_eq!(things(&target).await, nothing);

    south.terminate().await;
    south.set("TANDEM_ALLOW_INITIALISE", "false");
    south.start().await;
    let (status, error) = south.start_sync("pull", "north", &initialise()).await.unwrap_err();
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_says(&error.to_string(), &["TANDEM_ALLOW_INITIALISE"]);

    south.terminate().await;
    south.set("TANDEM_ALLOW_INITIALISE", "true");
    south.start().await;
    let status = north.sync("push", "south", &initialise()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn names_that_look_like_sql_make_nothing_and_are_refused() {
    let hostile = [
        "create table \"a\"\"; drop table victim; --\" (id int primary key)",
        "create table a (\"id int); drop table victim; --\" int)",
        "create type \"int); drop table victim; --\" as enum ('x'); create table a (id \"int); drop table victim; --\")",
        "create schema \"s'; drop table victim\"; create table \"s'; drop table victim\".a (id int)",
        "create table a (id int, constraint \"k) ; drop table victim\" primary key (id))",
        "create sequence \"n'); drop table victim; --\"; create table a (id int default nextval('\"n''); drop table victim; --\"'))",
        "create type t as (\"f int); drop table victim; --\" int); create table a (id t)",
    ];
    for script in hostile {
        let (source, target) = support::databases("empty", "empty").await;
        source.execute(&format!("create table victim (id int); {script}")).await;
        target.execute("create table victim (id int); insert into victim values (1)").await;
        let (_north, south) = nodes(&source, &target).await;
        let things_before = things(&target).await;

        let error = south.sync("pull", "north", &initialise()).await.error.unwrap();

        assert_eq!(error.code, Code::SchemaDiffers, "{script}: {error:?}");
        assert_eq!(things(&target).await, things_before, "{script}");
        assert_eq!(target.value::<i64>("select count(*) from victim").await, 1, "{script}");
    }
    // A label is a value, whatever it says.
    let (source, target) = support::databases("empty", "empty").await;
    source.execute("create type mood as enum ('x''); drop table victim; --', '\\'); create table a (id mood); insert into a values ('\\')").await;
    let (_north, south) = nodes(&source, &target).await;
    let status = south.sync("pull", "north", &initialise()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn a_role_that_may_not_make_tables_is_told_every_grant() {
    let (source, target) = support::databases("empty", "empty").await;
    source.execute("create schema shop; create table shop.item (id int primary key); create table place (id int primary key, item int references shop.item); insert into shop.item values (1); insert into place values (1, 1)").await;
    let url = target.url_of_plain_role().await;
    let (north, mut south) = nodes_as(&source, source.url(), &target, &url).await;
    let role = target.name();
    target.execute(&format!("revoke create on database {role} from {role}")).await;

    let error = south.sync("pull", "north", &initialise()).await.error.unwrap();

    assert_eq!((error.code, error.step), (Code::MissingRight, Some(Step::Convert)), "{error:?}");
    let grants = [
        format!("GRANT CREATE ON DATABASE \"{role}\" TO \"{role}\""),
        format!("GRANT CREATE ON SCHEMA \"public\" TO \"{role}\""),
    ];
    assert_says(&error.hint, &grants.each_ref().map(String::as_str));

    target.execute(&format!("{}; {}", grants[0], grants[1])).await;
    let status = south.sync("pull", "north", &initialise()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    support::assert_same_rows(&source, &target).await;
    drop(north);
    south.terminate().await;
}

/// Its key can be put back when the first partition and the parent are there, and holds no longer when the last one comes.
#[tokio::test]
async fn a_partition_that_comes_late_is_held_to_its_foreign_key() {
    for (placed_at, is_refused) in [(1, false), (2, true)] {
        let (source, target) = support::databases("empty", "empty").await;
        source
            .execute(&format!(
                "create table place (id int primary key);
                 create table visit (at int not null, place int references place) partition by list (at);
                 create table a_visit partition of visit for values in (1);
                 create table z_visit partition of visit for values in (2);
                 create table street (id int primary key);
                 insert into place values (1); insert into street values (1);
                 set session_replication_role = replica;
                 insert into visit values (1, 1), (2, {placed_at})"
            ))
            .await;
        let (_north, south) = nodes(&source, &target).await;

        let status = south.sync("pull", "north", &initialise()).await;

        assert_eq!(status.error.map(|error| error.code), is_refused.then_some(Code::ForeignKey));
        assert_eq!(things(&target).await == 0, is_refused);
    }
}

/// Beside a table that is made, of whose rows nothing is staged.
#[tokio::test]
async fn a_conflict_in_a_table_that_was_there_is_named_too() {
    let (source, target) = support::databases("empty", "empty").await;
    let place = "create table place (id int primary key, code text constraint place_code unique)";
    source
        .execute(&format!(
            "{place}; create table album (id int primary key); insert into album values (1);
             insert into place values (3, 'z')"
        ))
        .await;
    target.execute(&format!("{place}; insert into place values (9, 'z')")).await;
    let (_north, south) = nodes(&source, &target).await;
    let options = SyncOptions { initialise: true, ..SyncOptions::default() };

    let error = south.sync("pull", "north", &options).await.error.unwrap();

    assert_eq!((error.code, error.step), (Code::RowRefused, Some(Step::Restore)), "{error:?}");
    assert_says(&error.message, &["public.place (id 3)", "(id 9)", "place_code"]);
}
