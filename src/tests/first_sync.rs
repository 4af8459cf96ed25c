//! Rows that go straight into an empty database: its indexes and keys are afterwards what they were before.

use std::time::Duration;

use tandem::model::{Code, ConflictPolicy, Phase, Step, SyncError, SyncOptions};

use crate::support::{self, Database, Node, Written, nodes};
use crate::traps::assert_says;

/// Every kind of thing that can hang on an index, on tables with enough rows for a rebuild.
const TABLES: &str = r#"
    create schema "Shop";
    create table "Shop".parent (
        id bigint generated always as identity primary key,
        code text not null unique,
        label text not null,
        span int4range,
        pair integer not null,
        unique (pair) deferrable initially deferred,
        constraint "No overlap" exclude using gist (span with &&)
    );
    create index by_label on "Shop".parent (lower(label) text_pattern_ops) where label <> 'x';
    comment on index "Shop".by_label is 'kept as it is';
    create index "By Pair" on "Shop".parent using hash (pair);
    create table "Shop".child (
        parent bigint not null references "Shop".parent on delete cascade,
        line integer not null,
        code text references "Shop".parent (code) deferrable initially deferred,
        note text,
        primary key (parent, line) include (note)
    );
    create index on "Shop".child (note) with (fillfactor = 70);
    alter table "Shop".child cluster on child_pkey;
    alter table "Shop".child alter parent set statistics 500;
    create table "Shop".loose (id integer, parent bigint);
    alter table "Shop".loose add constraint hopeful foreign key (parent) references "Shop".parent not valid;
    create unique index loose_id on "Shop".loose (id) nulls not distinct;
    create table "Shop".grouped (id integer primary key, name text);
    create view "Shop".names as select id, name from "Shop".grouped group by id;
"#;

const ROWS: &str = r#"
    insert into "Shop".parent (code, label, span, pair)
    select 'c' || n, 'label ' || n || repeat('.', 40), int4range(n * 2, n * 2 + 1), n from generate_series(1, 20000) n;
    insert into "Shop".child select n, l, 'c' || n, repeat('note', 5) || n from generate_series(1, 20000) n, generate_series(1, 2) l;
    insert into "Shop".loose select n, 1000000 from generate_series(1, 100000) n;
    insert into "Shop".grouped select n, 'name ' || n || repeat('-', 40) from generate_series(1, 20000) n;
"#;

async fn two() -> (Database, Database) {
    let (source, target) = (support::database("empty").await, support::database("empty").await);
    for database in [&source, &target] {
        database.execute(TABLES).await;
    }
    source.execute(&format!("set session_replication_role = replica; {ROWS}")).await;
    (source, target)
}

#[tokio::test]
async fn a_first_sync_leaves_every_index_and_key_as_it_was() {
    let (source, target) = two().await;
    let (_north, south) = nodes(&source, &target).await;
    let (before, oids) = (target.schema(), index_oids(&target).await);

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    support::assert_same_rows(&source, &target).await;
    assert_eq!(target.schema(), before);
    let rebuilt = index_oids(&target).await.iter().filter(|oid| !oids.contains(oid)).count();
    assert!(rebuilt >= 4, "only {rebuilt} indexes were built anew: the test shows too little");
}

#[tokio::test]
async fn rows_without_a_parent_are_refused_and_counted_in_an_empty_database_too() {
    let (source, target) = two().await;
    source
        .execute(
            "set session_replication_role = replica;
             update \"Shop\".child set parent = parent + 1000000 where parent > 19998",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let error = refused(&south, &target, Code::ForeignKey).await;

    assert!(error.message.contains("4 rows of Shop.child (parent)"), "{error:?}");
}

#[tokio::test]
async fn a_reader_of_one_empty_table_is_not_in_the_way() {
    let (source, target) = two().await;
    let (_north, south) = nodes(&source, &target).await;
    let mut reader = target.connect().await;
    sqlx::raw_sql(r#"begin; select from "Shop".parent"#).execute(&mut reader).await.unwrap();

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    support::assert_same_rows(&source, &target).await;
}

/// Its index is tried while the next table arrives, and again when the reason can be said.
#[tokio::test]
async fn a_value_that_stands_twice_is_refused_where_rows_are_written() {
    let (source, target) = support::databases("empty", "empty").await;
    let tables =
        "create table first (id int primary key, code text); create table second (id int primary key)";
    source
        .execute(&format!(
            "{tables}; insert into second values (1);
             insert into first select n, repeat('-', 40) || n / 2 from generate_series(1, 20000) n"
        ))
        .await;
    target.execute(&format!("{tables}; alter table first add constraint one_code unique (code)")).await;
    let (_north, south) = nodes(&source, &target).await;

    let error = refused(&south, &target, Code::RowRefused).await;

    assert_says(&error.message, &["public.first", "one_code"]);
}

#[tokio::test]
async fn the_planner_soon_knows_what_came() {
    let (source, target) = two().await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    // After the end, so that nobody waits for it. These servers have no autovacuum.
    let rows = r#"select reltuples::bigint from pg_class where oid = '"Shop".parent'::regclass"#;
    let known = async { while target.value::<i64>(rows).await != 20_000 {} };
    tokio::time::timeout(Duration::from_secs(30), known).await.unwrap();
}

/// A pull fails where rows are written, and the target is as it was, its definitions too.
async fn refused(south: &Node, target: &Database, code: Code) -> SyncError {
    let (schema, before) = (target.schema(), Written::of(target).await);

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Failed, "{status:#?}");
    let error = status.error.unwrap();
    assert_eq!((error.code, error.step), (code, Some(Step::Restore)), "{error:?}");
    assert_eq!(before.until(&Written::of(target).await), [].into());
    assert_eq!(target.schema(), schema);
    error
}

async fn index_oids(database: &Database) -> Vec<i64> {
    database
        .value(
            r#"select array_agg(indexrelid::bigint) from pg_index
               where indrelid in (select oid from pg_class where relnamespace = '"Shop"'::regnamespace)"#,
        )
        .await
}

#[tokio::test]
async fn an_empty_target_has_no_conflicts_whatever_is_to_become_of_them() {
    let schema = "create table place (id int primary key, code text unique);
                  create table child (id int primary key, place int references place)";
    for conflicts in [ConflictPolicy::Source, ConflictPolicy::Skip, ConflictPolicy::Target] {
        for initialise in [false, true] {
            let (source, target) = support::databases("empty", "empty").await;
            source
                .execute(&format!(
                    "{schema}; insert into place values (1, 'a'), (2, 'b'); insert into child values (1, 2)"
                ))
                .await;
            if !initialise {
                target.execute(schema).await;
            }
            let (_north, south) = nodes(&source, &target).await;
            let options = SyncOptions { conflicts, initialise, ..SyncOptions::default() };

            let status = south.sync("pull", "north", &options).await;

            if initialise && conflicts != ConflictPolicy::Source {
                let error = status.error.unwrap();
                assert_eq!(error.code, Code::Refused);
                assert_says(&error.message, &["2 tables are made together with the rows"]);
                assert_says(&error.hint, &["conflicts abort or source"]);
                continue;
            }
            assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
            support::assert_same_rows(&source, &target).await;
        }
    }
}
