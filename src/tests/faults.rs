//! What goes wrong in each step: the session ends by itself, says why, and the target is as it was.

use tandem::model::{Code, Phase, Step, StepState, SyncOptions, SyncStatus};

use crate::support::{self, Database, Node, Proxy, StatusCode, Written, nodes};

/// The sync failed in `step` with `code`, nothing was written, and the next one can start.
async fn assert_failed_cleanly(
    status: &SyncStatus,
    step: Option<Step>,
    code: Code,
    before: &Written,
    target: &Database,
) {
    assert_eq!(status.phase, Phase::Failed, "{status:#?}");
    let error = status.error.as_ref().unwrap();
    assert_eq!((error.code, error.step), (code, step), "{error:?}");
    assert!(!error.hint.is_empty(), "{error:?}");
    assert_eq!(before.until(&Written::of(target).await), [].into());
}

fn options() -> SyncOptions {
    SyncOptions::default()
}

#[tokio::test]
async fn a_dump_that_breaks_off_fails_in_backup() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (mut north, south) = nodes(&source, &target).await;
    let folder = tempfile::tempdir().unwrap();
    // A real pg_dump behind a door that closes: it prints a part and then fails, or ends as if all were well.
    for (ending, word) in [("exit 3", "exit status: 3"), ("exit 0", "cut off"), ("kill -9 $$", "signal: 9")] {
        let script = format!(
            "#!/bin/bash\nif [ \"$1\" = --version ]; then exec /usr/bin/pg_dump --version; fi\n/usr/bin/pg_dump \"$@\" | head -c 200000\necho 'disk on fire' >&2\n{ending}\n"
        );
        let tool = folder.path().join("pg_dump");
        std::fs::write(&tool, script).unwrap();
        std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        north.terminate().await;
        north.set("TANDEM_PG_BIN", folder.path().to_str().unwrap());
        north.start().await;
        let before = Written::of(&target).await;

        let status = south.sync("pull", "north", &options()).await;

        assert_failed_cleanly(&status, Some(Step::Backup), Code::DumpFailed, &before, &target).await;
        let message = status.error.unwrap().message;
        assert!(message.contains(word) && message.contains("disk on fire"), "{message}");
    }
}

#[tokio::test]
async fn a_missing_pg_dump_is_replaced_by_copy_and_said_so() {
    let (source, target) = support::databases("pagila", "pagila_schema").await;
    let (mut north, south) = nodes(&source, &target).await;
    let folder = tempfile::tempdir().unwrap();
    north.terminate().await;
    north.set("TANDEM_PG_BIN", folder.path().to_str().unwrap());
    north.start().await;

    let status = north.sync("push", "south", &options()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    assert!(status.log.iter().any(|line| line.text.contains("COPY")), "{:?}", status.log);
    support::assert_same_rows(&source, &target).await;
    drop(south);
}

#[tokio::test]
async fn a_schema_that_does_not_fit_is_refused_before_anything_is_written() {
    let (source, target) = support::databases("chinook", "chinook").await;
    target
        .execute(
            "alter table track drop column composer; drop table playlist_track;
             alter table genre alter column name type varchar(5) using left(name, 5)",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;

    let status = south.sync("pull", "north", &options()).await;

    assert_failed_cleanly(&status, Some(Step::Convert), Code::SchemaDiffers, &before, &target).await;
    let message = status.error.unwrap().message;
    for part in ["track.composer", "playlist_track", "genre.name"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[tokio::test]
async fn a_unique_value_that_another_row_holds_fails_in_restore() {
    let (source, target) = support::databases("empty", "empty").await;
    let table = "create table place (id int primary key, code text unique);";
    source.execute(&format!("{table} insert into place values (1, 'a'), (3, 'z')")).await;
    target.execute(&format!("{table} insert into place values (1, 'b'), (9, 'z')")).await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;

    let status = south.sync("pull", "north", &options()).await;

    assert_failed_cleanly(&status, Some(Step::Restore), Code::RowRefused, &before, &target).await;
    assert!(status.error.unwrap().message.contains("place_code_key"));
}

#[tokio::test]
async fn an_orphan_is_refused_and_named() {
    let (source, target) = support::databases("empty", "empty").await;
    let tables =
        "create table parent (id int primary key); create table child (id int primary key, parent int);";
    source.execute(&format!("{tables} insert into child values (1, 77)")).await;
    target
        .execute(&format!("{tables} alter table child add foreign key (parent) references parent (id)"))
        .await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;

    let status = south.sync("pull", "north", &options()).await;

    assert_failed_cleanly(&status, Some(Step::Restore), Code::ForeignKey, &before, &target).await;
    assert!(status.error.unwrap().message.contains("public.child (parent)"));
}

#[tokio::test]
async fn a_trigger_that_changes_rows_all_the_same_is_noticed_before_the_commit() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    target
        .execute(
            "create function shout() returns trigger language plpgsql as $$ begin new.name := upper(new.name); return new; end $$;
             create trigger shout before insert on genre for each row execute function shout();
             alter table genre enable always trigger shout",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;

    let status = south.sync("pull", "north", &options()).await;

    assert_failed_cleanly(&status, Some(Step::Restore), Code::VerifyFailed, &before, &target).await;
    assert!(status.error.unwrap().message.contains("public.genre"));
}

/// Every connection breaks after a part of the backup, the requests between included.
async fn a_cut_network_only_costs_time(action: &str) {
    let (source, target) = support::databases("pagila", "pagila_schema").await;
    let (mut north, mut south) = nodes(&source, &target).await;
    let (starter, other) = if action == "pull" { (&mut south, &north) } else { (&mut north, &south) };
    let proxy = Proxy::start(other.port(), 120_000).await;
    let peer = if action == "pull" { "north" } else { "south" };
    starter.terminate().await;
    starter.peer(peer, proxy.port());
    starter.start().await;

    let status = starter.sync(action, peer, &options()).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    assert!(proxy.cuts() >= 3, "{} cuts of {} bytes", proxy.cuts(), status.bytes_done);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn a_pull_goes_on_where_the_connection_was_cut() {
    a_cut_network_only_costs_time("pull").await;
}

#[tokio::test]
async fn a_push_goes_on_where_the_connection_was_cut() {
    a_cut_network_only_costs_time("push").await;
}

#[tokio::test]
async fn a_peer_that_goes_away_after_the_commit_leaves_a_sync_that_is_completed() {
    let (source, target) = support::databases("chinook", "chinook").await;
    target.drift().await;
    let (mut north, south) = nodes(&source, &target).await;
    let id = south.start_sync("pull", "north", &options()).await.unwrap();
    south.until(&id, |status| status.result.is_some()).await;

    north.kill().await;

    let ended = south.until(&id, |status| status.phase.is_final()).await;
    assert!(ended.phase.is_committed(), "{ended:#?}");
    assert!(ended.result.unwrap().updated > 0);
}

/// Starts a sync that waits for a lock in the given database, and returns when it waits in `step`.
async fn held_in(starter: &Node, action: &str, peer: &str, step: Step) -> String {
    let id = starter.start_sync(action, peer, &options()).await.unwrap();
    starter
        .until(&id, |status| status.step_of(step).is_some_and(|step| step.state == StepState::Running))
        .await;
    id
}

#[tokio::test]
async fn a_second_start_is_told_which_sync_runs() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (north, south) = nodes(&source, &target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("begin; lock table genre in share row exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&south, "pull", "north", Step::Restore).await;

    for (node, action, peer) in
        [(&south, "pull", "north"), (&north, "push", "south"), (&north, "pull", "south")]
    {
        let (status, error) = node.start_sync(action, peer, &options()).await.unwrap_err();
        assert_eq!((status, error["code"].as_str()), (StatusCode::CONFLICT, Some("busy")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(&id), "{error}");
    }

    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    assert_eq!(south.until(&id, |status| status.phase.is_final()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn a_doctor_beside_a_running_sync_leaves_it_alone() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (_north, south) = nodes(&source, &target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("begin; lock table genre in share row exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&south, "pull", "north", Step::Restore).await;

    assert!(south.doctor().await);
    assert_eq!(south.spool_files(), 1);

    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    assert_eq!(south.until(&id, |status| status.phase.is_final()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn many_clicks_at_once_start_one_sync() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (north, south) = nodes(&source, &target).await;

    let options = options();
    let clicks = (0..20).map(|_| south.start_sync("pull", "north", &options));
    let started: Vec<String> =
        futures::future::join_all(clicks).await.into_iter().filter_map(Result::ok).collect();

    assert_eq!(started.len(), 1);
    assert_eq!(south.until(&started[0], |status| status.phase.is_final()).await.phase, Phase::Verified);
    drop(north);
}

#[tokio::test]
async fn a_peer_that_cannot_keep_a_backup_says_so_and_is_free_again() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (north, south) = nodes(&source, &target).await;
    for (action, starter, other) in [("pull", &south, "north"), ("push", &north, "south")] {
        let responder = if action == "pull" { &north } else { &south };
        responder.break_spool_folder();
        let before = Written::of(&target).await;

        let status = starter.sync(action, other, &options()).await;

        assert_failed_cleanly(&status, None, Code::DataDir, &before, &target).await;
        responder.mend_spool_folder();
        let status = starter.sync(action, other, &options()).await;
        assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    }
}

#[tokio::test]
async fn of_two_nodes_that_start_against_each_other_one_gets_its_way() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (north, south) = nodes(&source, &target).await;
    for _ in 0..5 {
        let options = options();
        let (first, second) = tokio::join!(
            north.start_sync("pull", "south", &options),
            south.start_sync("pull", "north", &options)
        );
        let refused = [&first, &second].into_iter().filter(|answer| answer.is_err()).count();
        assert_eq!(refused, 1, "{first:?} {second:?}");
        let (winner, id) =
            if let Ok(id) = &first { (&north, id) } else { (&south, second.as_ref().unwrap()) };
        assert_eq!(winner.until(id, |status| status.phase.is_final()).await.phase, Phase::Verified);
        // The loser shows the same session to its end before it can be asked again.
        let loser = if first.is_ok() { &south } else { &north };
        loser.until(id, |status| status.phase.is_final()).await;
    }
}

async fn cancelled_everywhere(canceller: &Node, other: &Node, id: &str, before: &Written, target: &Database) {
    let asked = std::time::Instant::now();
    assert_eq!(canceller.cancel(id).await, StatusCode::OK);
    for node in [canceller, other] {
        let ended = node.until(id, |status| status.phase.is_final()).await;
        assert_eq!(ended.phase, Phase::Cancelled, "{ended:#?}");
    }
    assert!(asked.elapsed().as_secs() < 5, "it took {:?}", asked.elapsed());
    assert_eq!(before.until(&Written::of(target).await), [].into());
}

async fn no_statement_is_left(database: &Database) {
    let left: i64 = database
        .value("select count(*) from pg_stat_activity where application_name like 'tandem/%' and datname = current_database()")
        .await;
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_cancel_during_backup_stops_pg_dump_on_the_other_server() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;
    let mut lock = source.connect().await;
    sqlx::raw_sql("begin; lock table track in access exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&south, "pull", "north", Step::Backup).await;

    cancelled_everywhere(&south, &north, &id, &before, &target).await;
    no_statement_is_left(&source).await;

    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    assert_eq!(south.sync("pull", "north", &options()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn a_cancel_during_restore_leaves_the_target_as_it_was() {
    let (source, target) = support::databases("chinook", "chinook").await;
    target.drift().await;
    let (north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("begin; lock table track in share row exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&north, "push", "south", Step::Restore).await;

    // From the other side than the one that started it.
    cancelled_everywhere(&south, &north, &id, &before, &target).await;
    no_statement_is_left(&target).await;

    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    assert_eq!(north.sync("push", "south", &options()).await.phase, Phase::Verified);
    assert_eq!(south.cancel(&id).await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_lock_that_is_never_given_back_is_named() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("set application_name = 'the till'; begin; lock table genre in share mode")
        .execute(&mut lock)
        .await
        .unwrap();

    let status = south.sync("pull", "north", &options()).await;

    assert_failed_cleanly(&status, Some(Step::Restore), Code::Locked, &before, &target).await;
    let message = status.error.unwrap().message;
    assert!(message.contains("the till") && message.contains("genre"), "{message}");
}

#[tokio::test]
async fn a_killed_target_is_found_interrupted_and_can_sync_again() {
    let (source, target) = support::databases("chinook", "chinook").await;
    target.drift().await;
    let (_north, mut south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("begin; lock table track in share row exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&south, "pull", "north", Step::Restore).await;

    south.kill().await;
    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    south.start().await;

    let ended = south.status(&id).await;
    assert_eq!(ended.phase, Phase::Interrupted, "{ended:#?}");
    assert_eq!(before.until(&Written::of(&target).await), [].into());
    no_statement_is_left(&target).await;
    assert_eq!(south.spool_files(), 0);
}

#[tokio::test]
async fn a_killed_source_ends_the_pull_and_its_own_session() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (mut north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;
    let mut lock = source.connect().await;
    sqlx::raw_sql("begin; lock table track in access exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&south, "pull", "north", Step::Backup).await;

    north.kill().await;
    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    north.start().await;

    assert_eq!(north.status(&id).await.phase, Phase::Interrupted);
    let ended = south.until(&id, |status| status.phase.is_final()).await;
    assert_eq!(ended.phase, Phase::Interrupted, "{ended:#?}");
    assert_eq!(before.until(&Written::of(&target).await), [].into());
    assert_eq!(south.sync("pull", "north", &options()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn a_shutdown_in_the_middle_ends_the_session_on_both_nodes() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (north, mut south) = nodes(&source, &target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("begin; lock table track in share row exclusive mode").execute(&mut lock).await.unwrap();
    let id = held_in(&south, "pull", "north", Step::Restore).await;

    south.terminate().await;

    assert_eq!(north.until(&id, |status| status.phase.is_final()).await.phase, Phase::Interrupted);
    south.start().await;
    assert_eq!(south.status(&id).await.phase, Phase::Interrupted);
}

#[tokio::test]
async fn a_wrong_key_an_unknown_peer_and_a_silent_address_are_said_so() {
    let (source, target) = support::databases("empty", "empty").await;
    let (mut north, mut south) = nodes(&source, &target).await;

    south.terminate().await;
    south.set("SYNC_REGISTRATION_KEY", "a key that nobody else has");
    south.start().await;
    let (status, error) = south.start_sync("pull", "north", &options()).await.unwrap_err();
    assert_eq!((status.as_u16(), error["code"].as_str()), (422, Some("peer_refused")), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("SYNC_REGISTRATION_KEY"), "{error}");
    let (_, peers) = south.post("/api/admin/peers/refresh", &serde_json::json!({})).await;
    assert_eq!(peers["peers"][0]["presence"], "refused", "{peers}");

    let (status, error) = south.start_sync("pull", "nowhere", &options()).await.unwrap_err();
    assert_eq!((status.as_u16(), error["code"].as_str()), (404, Some("not_found")), "{error}");

    north.terminate().await;
    let (status, error) = south.start_sync("pull", "north", &options()).await.unwrap_err();
    assert_eq!((status.as_u16(), error["code"].as_str()), (503, Some("peer_unreachable")), "{error}");
}
