//! Full syncs between two real nodes: right, repeatable, all or nothing.

use tandem::model::{DeletePolicy, Phase, Relation, SyncOptions, SyncStatus};

use crate::support::{self, Database, Node, Watcher, Written, nodes};

fn mirror() -> SyncOptions {
    SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

/// Syncs north's rows to south, from whichever side `action` starts.
async fn sync(north: &Node, south: &Node, action: &str, options: &SyncOptions) -> SyncStatus {
    match action {
        "pull" => south.sync("pull", "north", options).await,
        _ => north.sync("push", "south", options).await,
    }
}

/// Into empty tables, again, and after both sides have changed; every result is compared from outside.
async fn becomes_equal_and_stays_so(sample: &str, action: &str) {
    let (source, target) = support::databases(sample, &format!("{sample}_schema")).await;
    let (north, south) = nodes(&source, &target).await;

    let first = sync(&north, &south, action, &SyncOptions::default()).await;
    assert_eq!(first.phase, Phase::Verified, "{first:#?}");
    let result = first.result.unwrap();
    assert_eq!(result.relation, Relation::Identical);
    assert_eq!((result.inserted, result.updated, result.deleted), (result.rows, 0, 0));
    support::assert_same_rows(&source, &target).await;
    assert_sequences_not_behind(&source, &target).await;

    let before = Written::of(&target).await;
    let again = sync(&north, &south, action, &SyncOptions::default()).await;
    assert_eq!(again.phase, Phase::Verified, "{again:#?}");
    let result = again.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (0, 0, 0));
    assert_eq!(before.until(&Written::of(&target).await), [].into());

    target.drift().await;
    let watcher = Watcher::start(&target).await;
    let mended = sync(&north, &south, action, &mirror()).await;
    assert_eq!(mended.phase, Phase::Verified, "{mended:#?}");
    assert_eq!(watcher.stop().await.len(), 2, "only the state before and the state after were ever visible");
    let result = mended.result.unwrap();
    assert!(result.inserted > 0 && result.updated > 0 && result.deleted > 0, "{result:?}");
    support::assert_same_rows(&source, &target).await;

    assert!(south.compare("north").await.is_identical());
    assert_eq!((north.spool_files(), south.spool_files()), (0, 0));
    let staging: i64 = target
        .value("select count(*) from pg_tables where schemaname = 'tandem' and tablename like 'stage%'")
        .await;
    assert_eq!(staging, 0);
}

async fn assert_sequences_not_behind(source: &Database, target: &Database) {
    let theirs = target.sequences().await;
    for (name, value) in source.sequences().await {
        assert!(theirs[&name] >= value, "{name}: {:?} is behind {value:?}", theirs[&name]);
    }
}

#[tokio::test]
async fn a_pull_of_pagila_is_right_row_for_row() {
    becomes_equal_and_stays_so("pagila", "pull").await;
}

#[tokio::test]
async fn a_push_of_pagila_is_right_row_for_row() {
    becomes_equal_and_stays_so("pagila", "push").await;
}

#[tokio::test]
async fn a_pull_of_chinook_is_right_row_for_row() {
    becomes_equal_and_stays_so("chinook", "pull").await;
}

#[tokio::test]
async fn a_push_of_chinook_with_identity_keys_is_right_row_for_row() {
    becomes_equal_and_stays_so("chinook_identity", "push").await;
}

#[tokio::test]
async fn a_pull_of_the_shop_is_right_row_for_row() {
    becomes_equal_and_stays_so("shop", "pull").await;
}

#[tokio::test]
async fn a_push_of_the_shop_is_right_row_for_row() {
    becomes_equal_and_stays_so("shop", "push").await;
}

#[tokio::test]
async fn keep_leaves_the_targets_own_rows_and_says_so() {
    let (source, target) = support::databases("chinook", "chinook").await;
    target.execute("insert into genre values (9001, 'Only here'), (9002, 'Here too')").await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    assert_eq!(status.result.unwrap().relation, Relation::Contains { target_only_rows: 2 });
    let differences = support::differences(&source, &target).await;
    assert_eq!(differences.len(), 2, "{differences:?}");
}

#[tokio::test]
async fn without_verify_a_sync_is_completed_not_verified() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (_north, south) = nodes(&source, &target).await;

    let options = SyncOptions { verify: false, compress: false, ..SyncOptions::default() };
    let status = south.sync("pull", "north", &options).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    assert!(matches!(status.result.unwrap().relation, Relation::Unverified { .. }));
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn both_nodes_record_the_same_session() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (north, south) = nodes(&source, &target).await;

    for (starter, action, peer) in [(&south, "pull", "north"), (&north, "push", "south")] {
        let ended = starter.sync(action, peer, &SyncOptions::default()).await;
        let id = ended.session_id.as_str();
        let (here, there) = (north.detail(id).await, south.detail(id).await);
        assert_eq!(here.status.phase, Phase::Verified, "{:#?}", here.status);
        assert_eq!(there.status.phase, Phase::Verified);
        assert_eq!(here.status.result, there.status.result);
        assert_eq!(here.status.direction, there.status.direction.reversed());
        assert_eq!(here.status.bytes_done, there.status.bytes_done);
        assert!(!here.log.is_empty() && !there.log.is_empty());
    }
}

#[tokio::test]
async fn values_that_swap_in_a_unique_column_are_no_conflict() {
    let (source, target) = support::databases("empty", "empty").await;
    let table =
        "create table place (id int primary key, code text unique, rank int unique deferrable, note text);
                 create unique index on place (lower(note));";
    source
        .execute(&format!("{table} insert into place values (1,'y',2,'B'), (2,'x',3,'C'), (3,'z',1,'A')"))
        .await;
    target
        .execute(&format!("{table} insert into place values (1,'x',1,'a'), (2,'y',2,'b'), (3,'z',3,'c')"))
        .await;
    let (north, _south) = nodes(&source, &target).await;

    let status = north.sync("push", "south", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    assert_eq!(status.result.unwrap().updated, 3);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn a_table_without_a_key_is_a_multiset() {
    let (source, target) = support::databases("empty", "empty").await;
    let table = "create table note (text text, at point);";
    source.execute(&format!("{table} insert into note values ('a', '(1,2)'), ('a', '(1,2)'), ('a', '(1,2)'), (null, null), ('', null)")).await;
    target
        .execute(&format!(
            "{table} insert into note values ('a', '(1,2)'), ('b', null), (null, null), (null, null)"
        ))
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.deleted), (3, 2));
    support::assert_same_rows(&source, &target).await;
    let before = Written::of(&target).await;
    south.sync("pull", "north", &mirror()).await;
    assert_eq!(before.until(&Written::of(&target).await), [].into());
}

#[tokio::test]
async fn names_that_need_quotes_are_names() {
    let (source, target) = support::databases("empty", "empty").await;
    let schema = r#"create schema "My ""Shop"" ; drop table x"; create table "My ""Shop"" ; drop table x"."Tab'le" ("Key" int, "ke y" text, "select" int generated always as ("Key" + 1) stored, "a""b" text[], primary key ("Key", "ke y"));"#;
    source.execute(&format!(r#"{schema} insert into "My ""Shop"" ; drop table x"."Tab'le" values (1, E'a\tb\\N', default, '{{"x,y",NULL,"NULL"}}')"#)).await;
    target.execute(schema).await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn the_rows_of_a_database_that_was_never_analysed_are_known() {
    let (source, target) = support::databases("empty", "empty").await;
    target
        .execute("create table item (id int primary key); insert into item select generate_series(1, 70)")
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let (_, overview) = south.get("/api/admin/overview").await;

    assert_eq!(overview["local"]["database"]["rows"], 70, "{overview}");
}
