//! Only the rows that differ travel, and the databases are equal all the same.

use tandem::model::{DeletePolicy, Method, Phase, Relation, SyncOptions, SyncStatus};

use crate::support::{self, Database, Node, Written, nodes};

fn mirror() -> SyncOptions {
    SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

async fn sync(north: &Node, south: &Node, action: &str, options: &SyncOptions) -> SyncStatus {
    match action {
        "pull" => south.sync_by("delta", "pull", "north", options).await,
        _ => north.sync_by("delta", "push", "south", options).await,
    }
}

fn assert_delta(status: &SyncStatus) {
    assert_eq!((status.phase, status.method), (Phase::Verified, Method::Delta), "{status:#?}");
}

/// After a drift of `target`, both ways, and again with nothing to do.
async fn mends(sample: &str, action: &str) {
    let (source, target) = support::databases(sample, sample).await;
    let (north, south) = nodes(&source, &target).await;
    target.drift().await;

    let status = sync(&north, &south, action, &mirror()).await;
    assert_delta(&status);
    let result = status.result.unwrap();
    assert!(result.inserted > 0 && result.updated > 0 && result.deleted > 0, "{result:?}");
    assert_eq!(result.relation, Relation::Identical);
    support::assert_same_rows(&source, &target).await;

    let before = Written::of(&target).await;
    let status = sync(&north, &south, action, &SyncOptions::default()).await;
    assert_delta(&status);
    let again = status.result.unwrap();
    assert_eq!((again.inserted, again.updated, again.deleted), (0, 0, 0));
    assert_eq!((again.rows, again.unchanged, again.tables), (result.rows, result.rows, result.tables));
    assert_eq!(again.relation, Relation::Identical);
    assert_eq!(before.until(&Written::of(&target).await), [].into());
    assert_eq!((north.spool_files(), south.spool_files()), (0, 0));
}

#[tokio::test]
async fn a_pulled_delta_of_pagila_is_right_row_for_row() {
    mends("pagila", "pull").await;
}

#[tokio::test]
async fn a_pushed_delta_of_the_shop_is_right_row_for_row() {
    mends("shop", "push").await;
}

#[tokio::test]
async fn a_delta_into_an_empty_database_sends_every_table_whole() {
    let (source, target) = support::databases("chinook_identity", "chinook_identity_schema").await;
    let (north, south) = nodes(&source, &target).await;

    assert_delta(&sync(&north, &south, "pull", &SyncOptions::default()).await);

    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn auto_says_why_it_takes_which_method() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (_north, south) = nodes(&source, &target).await;

    let first = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!((first.phase, first.method), (Phase::Verified, Method::Backup), "{first:#?}");
    assert!(first.reason.contains("empty"), "{}", first.reason);

    let second = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_delta(&second);
    assert!(second.reason.contains("only the rows that differ"), "{}", second.reason);

    target.execute("update track set name = name || ' (live)'; update playlist_track set playlist_id = 1000 + playlist_id where false; delete from playlist_track").await;
    let third = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!((third.phase, third.method), (Phase::Verified, Method::Backup), "{third:#?}");
    assert!(third.reason.contains("% of the rows differ"), "{}", third.reason);
    support::assert_same_rows(&source, &target).await;
}

/// 20,000 rows, of which some differ here and there.
async fn large() -> (Database, Database) {
    let (source, target) = (support::database("empty").await, support::database("empty").await);
    for database in [&source, &target] {
        database
            .execute(
                "create table item (id integer primary key, name text unique, price numeric);
                 create table note (text text);
                 insert into item select n, 'item ' || n || repeat('.', n % 40), n / 7.0 from generate_series(1, 20000) n;
                 insert into note select 'note ' || n % 5000 from generate_series(1, 20000) n;
                 analyze",
            )
            .await;
    }
    (source, target)
}

#[tokio::test]
async fn a_small_difference_costs_few_bytes() {
    let (source, target) = large().await;
    let (north, south) = nodes(&source, &target).await;
    let whole = south.sync_by("backup", "pull", "north", &SyncOptions::default()).await.result.unwrap();

    let status = sync(&north, &south, "pull", &SyncOptions::default()).await;
    assert_delta(&status);
    let nothing = status.result.unwrap().archive_bytes;
    assert!(nothing * 20 < whole.archive_bytes, "{nothing} of {}", whole.archive_bytes);

    source.execute("update item set price = price + 1 where id % 1000 = 0").await;
    let status = sync(&north, &south, "push", &SyncOptions::default()).await;
    assert_delta(&status);
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (0, 20, 0));
    assert!(
        result.archive_bytes * 5 < whole.archive_bytes,
        "{} of {}",
        result.archive_bytes,
        whole.archive_bytes
    );
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn kept_rows_are_proven_and_mirrored_ones_go() {
    let (source, target) = large().await;
    let (north, south) = nodes(&source, &target).await;
    target
        .execute(
            "insert into item values (90001, 'only here', 1), (90002, 'here too', 2);
             update item set name = 'swap', price = null where id = 7;
             update item set name = (select 'item 8........' ) || 'x' where id = 8;
             delete from item where id in (5, 6);
             delete from note where ctid in (select ctid from note where text = 'note 7' limit 2);
             insert into note values ('note 8'), ('note 8'), ('new')",
        )
        .await;

    let status = sync(&north, &south, "pull", &SyncOptions::default()).await;
    assert_delta(&status);
    let result = status.result.unwrap();
    assert_eq!(result.relation, Relation::Contains { target_only_rows: 5 });
    assert_eq!((result.inserted, result.updated, result.deleted), (4, 2, 0));

    let status = sync(&north, &south, "push", &mirror()).await;
    assert_delta(&status);
    let result = status.result.unwrap();
    assert_eq!((result.relation, result.deleted), (Relation::Identical, 5));
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn one_row_of_many_tables_travels_without_their_description() {
    let (source, target) = support::databases("pagila", "pagila").await;
    let (_north, south) = nodes(&source, &target).await;
    source.execute("update actor set last_name = 'changed' where actor_id = 1").await;

    let status = south.sync_by("delta", "pull", "north", &SyncOptions::default()).await;

    assert_delta(&status);
    let result = status.result.unwrap();
    assert_eq!(result.updated, 1);
    assert!(result.archive_bytes < 15_000, "{}", result.archive_bytes);
    let (_, history) = south.get("/api/admin/sync/history").await;
    assert_eq!(history["sessions"][0]["bytes"], result.archive_bytes, "{history}");
}

/// What stays was read before, and the server tells which rows are newer.
#[tokio::test]
async fn the_proof_reads_only_what_was_written_since() {
    let (source, target) = large().await;
    let (_north, south) = nodes(&source, &target).await;
    source.execute("update item set price = -1 where id % 1000 = 0").await;
    target.execute("insert into item values (90001, 'only here', 1)").await;

    let status = south.sync_by("delta", "pull", "north", &SyncOptions::default()).await;

    assert_delta(&status);
    assert_eq!(status.result.unwrap().relation, Relation::Contains { target_only_rows: 1 });
    let log = south.detail(status.session_id.as_str()).await.log;
    let read = "20 of 40,001 rows were written since both databases were read, and are read again";
    assert!(log.iter().any(|line| line.text == read), "{log:#?}");
}

/// As late as can be: when every row has been compared, and before the proof.
#[tokio::test]
async fn the_proof_sees_what_happens_to_rows_that_should_have_stayed() {
    for late in [
        "update item set price = 0 where id = 3",
        "delete from item where id = 3",
        "delete from item where id = 3; insert into item values (90000, 'late', 1)",
        "insert into item values (90000, 'late', 1)",
    ] {
        let (source, target) = large().await;
        let (_north, south) = nodes(&source, &target).await;
        source.execute("update item set price = -1 where id % 1000 = 0").await;
        target
            .execute(&format!(
                "create function late() returns trigger language plpgsql set search_path = public as $$
                 begin if new.id = 1000 then {late}; end if; return null; end $$;
                 create constraint trigger late after update on item deferrable initially deferred
                     for each row execute function late();
                 alter table item enable always trigger late"
            ))
            .await;

        let status = south.sync_by("delta", "pull", "north", &SyncOptions::default()).await;

        assert_eq!(status.phase, Phase::Completed, "{late}: {status:#?}");
        let Relation::Unverified { reason } = status.result.unwrap().relation else { panic!("{late}") };
        assert!(reason.contains("public.item"), "{reason}");
    }
}

/// Nothing of them came, but something can be written to them all the same.
#[tokio::test]
async fn the_proof_looks_at_the_tables_that_were_equal_too() {
    let (source, target) = large().await;
    let (_north, south) = nodes(&source, &target).await;
    source.execute("update item set price = -1 where id = 1000").await;
    target
        .execute(
            "create function noted() returns trigger language plpgsql set search_path = public as
                 'begin insert into note values (''item '' || new.id); return null; end';
             create trigger noted after update on item for each row execute function noted();
             alter table item enable always trigger noted",
        )
        .await;

    let status = south.sync_by("delta", "pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    let Relation::Unverified { reason } = status.result.unwrap().relation else { panic!() };
    assert!(reason.contains("source: public.note."), "{reason}");
}

#[tokio::test]
async fn a_row_of_many_megabytes_makes_its_table_travel_whole() {
    let (source, target) = large().await;
    let (north, south) = nodes(&source, &target).await;
    source
        .execute(
            "insert into note select 'long ' || n || repeat(md5(n::text), 400000) from generate_series(1, 2) n;
             update item set price = 0 where id = 3",
        )
        .await;

    assert_delta(&sync(&north, &south, "pull", &mirror()).await);

    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn more_text_than_is_kept_is_read_a_second_time() {
    let (source, target) = support::databases("empty", "empty").await;
    for database in [&source, &target] {
        database
            .execute(
                "create table file (id int primary key, body text);
                 insert into file select n, n || repeat('0123456789abcdef', 440000) from generate_series(1, 20) n;
                 create table tag (id int primary key, name text);
                 insert into tag select n, 'tag ' || n from generate_series(1, 100) n",
            )
            .await;
    }
    let (north, south) = nodes(&source, &target).await;
    source
        .execute(
            "update file set body = 'short' where id in (3, 20); update tag set name = 'new' where id = 1",
        )
        .await;
    target
        .execute("update file set body = body || '!' where id = 7; insert into file values (99, 'own')")
        .await;

    let status = sync(&north, &south, "pull", &mirror()).await;

    assert_delta(&status);
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (0, 4, 1));
    assert!(result.archive_bytes < 200_000, "{}", result.archive_bytes);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn what_differs_beyond_one_sketch_is_told_by_several() {
    let (source, target) = support::databases("empty", "empty").await;
    for database in [&source, &target] {
        database
            .execute(
                "create table point (id int primary key, height int);
                 insert into point select n, n % 1000 from generate_series(1, 150000) n",
            )
            .await;
    }
    let (north, south) = nodes(&source, &target).await;
    source.execute("update point set height = -1 where id % 3 = 0").await;

    let status = sync(&north, &south, "push", &mirror()).await;

    assert_delta(&status);
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (0, 50_000, 0));
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn rows_written_while_a_delta_runs_are_neither_lost_nor_mixed() {
    let (source, target) = large().await;
    let (_north, south) = nodes(&source, &target).await;
    source.execute("update item set price = -1 where id % 100 = 0").await;
    let id = south.start_sync_by("delta", "pull", "north", &mirror()).await.unwrap();
    for round in 0..20 {
        // The names of one statement belong together, wherever the snapshot falls.
        source
            .execute(&format!("update item set name = 'round {round} ' || id where id in (1, 20000)"))
            .await;
        target.execute(&format!("insert into item values ({}, 'branch {round}', 0)", 95000 + round)).await;
    }
    let status = south.until(&id, |status| status.phase.is_final()).await;

    assert!(matches!(status.phase, Phase::Verified | Phase::Completed), "{status:#?}");
    let rounds: i64 = target
        .value("select count(distinct coalesce(substring(name from 'round [0-9]+ '), '')) from item where id in (1, 20000)")
        .await;
    assert_eq!(rounds, 1);
    assert_eq!(target.value::<i64>("select count(*) from item where price = -1").await, 200);
}
