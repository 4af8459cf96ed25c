//! A committed sync is taken back, and the database is as it was: but for what somebody has written since.

use serde_json::json;
use tandem::model::{DeletePolicy, Kind, Phase, SyncOptions, SyncStatus};

use crate::support::{self, Contents, Database, Node, StatusCode, Written, nodes};

fn mirror() -> SyncOptions {
    SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

/// A drifted target that has just been made equal.
struct Synced {
    _source: Database,
    target: Database,
    north: Node,
    south: Node,
    status: SyncStatus,
    /// What the target held before.
    before: Contents,
}

async fn synced(sample: &str, method: &str, options: &SyncOptions) -> Synced {
    let (source, target) = support::databases(sample, sample).await;
    let (north, south) = nodes(&source, &target).await;
    target.drift().await;
    let before = Contents::of(&target).await;
    let status = south.sync_by(method, "pull", "north", options).await;
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    Synced { _source: source, target, north, south, status, before }
}

#[tokio::test]
async fn an_undo_brings_every_row_back_and_can_be_undone_itself() {
    for (sample, method) in [("pagila", "delta"), ("chinook", "backup"), ("shop", "backup")] {
        let Synced { target, south, status, before, .. } = &synced(sample, method, &mirror()).await;
        let after = Contents::of(target).await;
        let written = status.result.clone().unwrap();
        assert!(written.inserted > 0 && written.updated > 0 && written.deleted > 0, "{written:?}");

        let undone = south.undo(&status.session_id, false).await;

        assert_eq!((undone.kind, undone.phase), (Kind::Undo, Phase::Verified), "{undone:#?}");
        let result = undone.result.unwrap();
        assert_eq!(
            (result.inserted, result.updated, result.deleted),
            (written.deleted, written.updated, written.inserted)
        );
        assert_eq!(before.until(&Contents::of(target).await), [""; 0]);
        let first = south.status(status.session_id.as_str()).await;
        assert_eq!((first.phase, first.undo.as_ref()), (Phase::Undone, Some(&undone.session_id)));

        let again = south.undo(&undone.session_id, false).await;
        assert_eq!(again.phase, Phase::Verified, "{again:#?}");
        assert_eq!(after.until(&Contents::of(target).await), [""; 0]);
    }
}

/// Few rows of a large table are looked up one by one, and kept and updated by one statement.
#[tokio::test]
async fn few_rows_of_large_tables_are_brought_back_too() {
    let (source, target) = support::databases("empty", "empty").await;
    for database in [&source, &target] {
        database
            .execute(
                "create table item (id integer primary key, place integer unique, price numeric, note text);
                 create table sale (id integer, year integer, total numeric, primary key (id, year))
                     partition by list (year);
                 create table sale_2024 partition of sale for values in (2024);
                 create table sale_2025 partition of sale for values in (2025);
                 insert into item select n, n, n / 7.0, 'note ' || n from generate_series(1, 20000) n;
                 insert into sale select n, 2024 + n % 2, n / 7.0 from generate_series(1, 20000) n",
            )
            .await;
    }
    target
        .execute(
            // Some rows are moved first, for the values that they swap, and some are changed in place.
            "update item set place = -place, note = null where id in (7, 8);
             update item set place = case id when 7 then 8 else 7 end where id in (7, 8);
             update item set price = price + 1 where id % 1000 = 0;
             update sale set total = total + 1 where id % 1000 < 2;
             delete from item where id in (11, 12);
             insert into item values (30001, 30001, 1, 'the target''s own')",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Contents::of(&target).await;

    let status = south.sync_by("delta", "pull", "north", &mirror()).await;
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (2, 20 + 2 + 40, 1));
    support::assert_same_rows(&source, &target).await;

    let undone = south.undo(&status.session_id, false).await;
    assert_eq!(undone.phase, Phase::Verified, "{undone:#?}");
    assert_eq!(before.until(&Contents::of(&target).await), [""; 0]);
}

#[tokio::test]
async fn the_first_sync_into_an_empty_database_is_undone_without_a_copy_of_its_rows() {
    let (source, target) = support::databases("shop", "shop_schema").await;
    let (_north, south) = nodes(&source, &target).await;
    let status = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    let kept: i64 = target.value("select count(*) from tandem.undo").await;
    let images: i64 = target
        .value("select coalesce(sum(n.reltuples), 0)::bigint from pg_class n where n.relname like 'undo\\_%' and n.relkind = 'r'")
        .await;
    assert_eq!((kept, images.max(0)), (1, 0));

    let undone = south.undo(&status.session_id, false).await;

    assert_eq!(undone.phase, Phase::Verified, "{undone:#?}");
    assert_eq!(undone.result.unwrap().deleted, status.result.unwrap().inserted);
    assert_eq!(target.value::<i64>("select count(*) from customers").await, 0);
    assert_eq!(target.value::<i64>("select count(*) from audit_log").await, 0);
}

async fn things(target: &Database) -> String {
    target.value("select string_agg(id || ' ' || name, ', ' order by id) from thing").await
}

#[tokio::test]
async fn rows_that_were_changed_since_are_listed_and_left_alone_unless_told_otherwise() {
    let schema = "create table thing (id int primary key, name text);
                  create table plain (name text)";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema}; insert into thing values (1, 'new'), (2, 'new'), (3, 'same'), (5, 'came'), (6, 'came'); insert into plain values ('came')")).await;
    target.execute(&format!("{schema}; insert into thing values (1, 'old'), (2, 'old'), (3, 'same'), (4, 'own'), (7, 'own'); insert into plain values ('own')")).await;
    let (_north, south) = nodes(&source, &target).await;
    let status = south.sync("pull", "north", &mirror()).await;
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    // A replaced row, an inserted one and a key that was deleted; row 3 was never touched.
    target
        .execute(
            "update thing set name = 'since' where id in (1, 3, 5); insert into thing values (4, 'since')",
        )
        .await;

    let undone = south.undo(&status.session_id, false).await;

    assert_eq!(undone.phase, Phase::Completed, "{undone:#?}");
    let result = undone.result.unwrap();
    let mut rows: Vec<_> = result.set_aside_rows.iter().map(|row| row.row.as_str()).collect();
    rows.sort_unstable();
    assert_eq!((result.set_aside, rows), (3, vec!["id 1", "id 4", "id 5"]));
    assert_eq!(things(&target).await, "1 since, 2 old, 3 since, 4 since, 5 since, 7 own");

    // Everything again, and this time whatever was written since.
    let status = south.sync("pull", "north", &mirror()).await;
    target.execute("update thing set name = 'since' where id in (1, 5)").await;
    let undone = south.undo(&status.session_id, true).await;
    assert_eq!(undone.phase, Phase::Verified, "{undone:#?}");
    assert_eq!(things(&target).await, "1 since, 2 old, 3 since, 4 since, 5 since, 7 own");
}

#[tokio::test]
async fn rows_without_a_key_that_were_changed_since_are_listed_too() {
    let schema = "create table plain (name text)";
    // Into an empty table, and beside rows of the target's own, of which one goes.
    for (method, own) in [("backup", ""), ("backup", "own same"), ("delta", "own same")] {
        let (source, target) = support::databases("empty", "empty").await;
        let rows = |names: &str| {
            format!("{schema}; insert into plain select unnest(string_to_array('{names}', ' '))")
        };
        source.execute(&rows("same came comes")).await;
        target.execute(&rows(own)).await;
        let (_north, south) = nodes(&source, &target).await;
        let names = async || {
            let names = "select coalesce(string_agg(name, ' ' order by name), '') from plain";
            target.value::<String>(names).await
        };
        // What others have added beside, and what they have deleted, is no reason to list anything.
        for change in ["insert into plain values ('since')", "delete from plain where name = 'came'"] {
            let status = south.sync_by(method, "pull", "north", &mirror()).await;
            assert_eq!(status.phase, Phase::Verified, "{status:#?}");
            target.execute(change).await;
            let undone = south.undo(&status.session_id, false).await;
            assert_eq!(undone.phase, Phase::Verified, "{undone:#?}");
            target.execute("delete from plain where name = 'since'").await;
            assert_eq!(names().await, own);
        }

        // A transaction that began before the sync and has waited for it has an older number than the sync's own.
        let mut other = target.connect().await;
        for force in [false, true] {
            sqlx::raw_sql("begin; select pg_current_xact_id()").execute(&mut other).await.unwrap();
            let status = south.sync_by(method, "pull", "north", &mirror()).await;
            assert_eq!(status.phase, Phase::Verified, "{status:#?}");
            let change = "update plain set name = 'changed' where name = 'came'; commit";
            sqlx::raw_sql(change).execute(&mut other).await.unwrap();

            let undone = south.undo(&status.session_id, force).await;

            assert_eq!(undone.phase, Phase::Completed, "{undone:#?}");
            let result = undone.result.unwrap();
            assert_eq!((result.set_aside, result.set_aside_rows[0].row.as_str()), (1, "(changed)"));
            assert_eq!(names().await, format!("changed {own}").trim());
            target.execute("delete from plain where name = 'changed'").await;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused_with_the_reason() {
    let synced = synced("chinook", "backup", &SyncOptions::default()).await;
    let Synced { target, north, south, status, .. } = &synced;
    // The source's side of the same session.
    let refused = north.start_undo(&status.session_id, false).await.unwrap_err();
    assert!(refused["error"]["message"].as_str().unwrap().contains("south"), "{refused}");
    // A sync that has written nothing.
    let nothing = south.sync("pull", "north", &SyncOptions::default()).await;
    let refused = south.start_undo(&nothing.session_id, false).await.unwrap_err();
    assert!(refused["error"]["message"].as_str().unwrap().contains("nothing"), "{refused}");
    // One that was started without.
    target.execute("update artist set name = 'changed' where artist_id = 1").await;
    let without = SyncOptions { undo: false, ..SyncOptions::default() };
    let without = south.sync("pull", "north", &without).await;
    assert_not_kept(south, target, &without).await;
    // A session that is not there.
    let body = json!({"session_id": "00000000-0000-4000-8000-000000000000"});
    assert_eq!(south.post("/api/admin/sync/undo", &body).await.0, StatusCode::NOT_FOUND);

    assert_eq!(south.undo(&status.session_id, false).await.phase, Phase::Verified);
    let refused = south.start_undo(&status.session_id, false).await.unwrap_err();
    assert!(refused["error"]["message"].as_str().unwrap().contains("already"), "{refused}");
}

/// The sync has written, kept nothing for an undo, and says so.
async fn assert_not_kept(south: &Node, target: &Database, status: &SyncStatus) {
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    let result = status.result.as_ref().unwrap();
    assert!(result.updated > 0 && result.undo_until_us.is_none(), "{result:?}");
    let refused = south.start_undo(&status.session_id, false).await.unwrap_err();
    assert!(refused["error"]["message"].as_str().unwrap().contains("were not kept"), "{refused}");
    let images = format!(
        "select count(*) from pg_class where relname like 'stage\\_%' or relname = 'undo_{}'",
        status.session_id.short()
    );
    assert_eq!(target.value::<i64>(&images).await, 0);
}

fn warns(status: &SyncStatus, words: [&str; 2]) -> bool {
    status.log.iter().any(|line| words.iter().all(|word| line.text.contains(word)))
}

#[tokio::test]
async fn what_would_take_more_room_than_is_allowed_is_not_kept_and_the_sync_goes_on() {
    let schema = "create table thing (id int primary key, name text)";
    let (source, target) = support::databases("empty", "empty").await;
    for (database, name) in [(&source, "new"), (&target, "old")] {
        database
            .execute(&format!(
                "{schema}; insert into thing select n, repeat('{name}', 100) from generate_series(1, 5000) n"
            ))
            .await;
    }
    let (_north, mut south) = nodes(&source, &target).await;
    south.terminate().await;
    south.set("TANDEM_UNDO_MB", "1");
    south.start().await;

    let large = south.sync("pull", "north", &SyncOptions::default()).await;

    assert!(warns(&large, ["cannot be undone", "TANDEM_UNDO_MB"]), "{large:#?}");
    assert_not_kept(&south, &target, &large).await;
    support::assert_same_rows(&source, &target).await;
    // Little is kept as ever.
    target.execute("update thing set name = 'old' where id = 1").await;
    let small = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(south.undo(&small.session_id, false).await.phase, Phase::Verified);
}

#[tokio::test]
async fn with_no_days_nothing_is_kept() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (_north, mut south) = nodes(&source, &target).await;
    south.terminate().await;
    south.set("TANDEM_UNDO_DAYS", "0");
    south.start().await;
    target.drift().await;

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert_not_kept(&south, &target, &status).await;
}

#[tokio::test]
async fn a_rule_that_fires_all_the_same_makes_an_undo_impossible_and_the_sync_goes_on() {
    let schema = "create table ruled (id int primary key, n int);
                  create rule shadow as on update to ruled do also nothing;
                  alter table ruled enable always rule shadow";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema}; insert into ruled values (1, 1)")).await;
    target.execute(&format!("{schema}; insert into ruled values (1, 2)")).await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &SyncOptions::default()).await;

    assert!(warns(&status, ["cannot be undone", "ruled has a rule"]), "{status:#?}");
    assert_not_kept(&south, &target, &status).await;
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn an_undo_that_would_leave_an_orphan_changes_nothing() {
    let schema = "create table parent (id int primary key);
                  create table child (id int primary key, parent int references parent)";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema}; insert into parent values (1), (2)")).await;
    target.execute(&format!("{schema}; insert into parent values (1)")).await;
    let (_north, south) = nodes(&source, &target).await;
    let status = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    target.execute("insert into child values (1, 2)").await;
    let before = Written::of(&target).await;

    let undone = south.undo(&status.session_id, false).await;

    assert_eq!(undone.phase, Phase::Failed, "{undone:#?}");
    assert!(undone.error.unwrap().message.contains("public.child"));
    assert_eq!(before.until(&Written::of(&target).await), [].into());
    assert_eq!(south.status(status.session_id.as_str()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn what_is_kept_goes_when_its_time_is_over() {
    let mut synced = synced("chinook", "backup", &SyncOptions::default()).await;
    let Synced { target, south, status, .. } = &mut synced;
    assert_eq!(target.value::<i64>("select count(*) from tandem.undo").await, 1);
    target.execute("update tandem.undo set until_us = 1").await;
    south.terminate().await;
    south.start().await;

    assert_eq!(target.value::<i64>("select count(*) from tandem.undo").await, 0);
    let left = "select count(*) from pg_class where relname like 'undo\\_%' and relkind = 'r'";
    assert_eq!(target.value::<i64>(left).await, 0);
    let undone = south.undo(&status.session_id, false).await;
    assert_eq!(undone.phase, Phase::Failed, "{undone:#?}");
    assert!(undone.error.unwrap().message.contains("not kept any more"));
}
