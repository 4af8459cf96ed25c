//! What goes wrong after the rows are there: the session knows what it has written, and can be taken back.

use tandem::model::{
    DeletePolicy, Kind, Phase, RowErrors, Step, StepState, StepStatus, SyncOptions, SyncStatus, TableState,
};

use crate::support::{self, Contents, Database, Node, StatusCode, nodes};

/// Their server hangs in the commit of whatever marks a session as committed, when it is told to.
struct Pair {
    source: Database,
    target: Database,
    north: Node,
    south: Node,
    before: Contents,
}

const SCHEMA: &str = "create table thing (id serial primary key, name text unique, size int);";

async fn pair() -> Pair {
    let (source, target) = (support::database("empty").await, support::standby_database().await);
    source
        .execute(&format!(
            "{SCHEMA} insert into thing (name, size) values ('a', 1), ('b', 2), ('c', 3), ('d', -1)"
        ))
        .await;
    target
        .execute(&format!(
            "{SCHEMA} alter table thing add check (size > 0);
             insert into thing values (1, 'old', 1), (2, 'b', 2), (77, 'own', 7)"
        ))
        .await;
    let (north, south) = nodes(&source, &target).await;
    let before = Contents::of(&target).await;
    Pair { source, target, north, south, before }
}

impl Pair {
    /// From now on a commit takes until its connection is ended; then the rows are there and nobody has said so.
    async fn hold_commits(&self) {
        self.target
            .execute(
                "create function hold() returns trigger language plpgsql as
                     'begin perform set_config(''synchronous_commit'', ''on'', true); return null; end';
                 create trigger hold after update of committed_us on tandem.session
                     for each row execute function hold();
                 alter table tandem.session enable always trigger hold",
            )
            .await;
    }

    async fn let_commits_go(&self) {
        self.target.execute("drop trigger hold on tandem.session").await;
    }

    /// The target pulls; returns when it is in its commit.
    async fn committing(&self) -> String {
        self.started("auto", &self.south, "pull", "north").await
    }

    /// The same with a source that pushes.
    async fn committing_a_push(&self) -> String {
        self.started("auto", &self.north, "push", "south").await
    }

    async fn started(&self, method: &str, starter: &Node, direction: &str, peer: &str) -> String {
        self.hold_commits().await;
        let options = SyncOptions {
            deletes: DeletePolicy::Mirror,
            row_errors: RowErrors::Isolate,
            ..SyncOptions::default()
        };
        let id = starter.start_sync_by(method, direction, peer, &options).await.unwrap();
        self.target.until(&format!("select exists ({COMMITTING})")).await;
        id
    }

    async fn end_connection(&self) {
        self.target.execute(&format!("select pg_terminate_backend(pid) from ({COMMITTING}) c")).await;
    }

    /// The session has all that it has written, and an undo brings everything back.
    async fn assert_kept_and_undone(&self, ended: &SyncStatus) {
        assert_eq!(ended.phase, Phase::Completed, "{ended:#?}");
        assert!(ended.error.is_none() && ended.message.contains("sequences are outstanding"), "{ended:#?}");
        let result = ended.result.as_ref().unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted, result.unchanged), (1, 1, 1, 1));
        assert_eq!((result.set_aside, result.set_aside_rows[0].row.as_str()), (1, "id 4"));
        assert_eq!(self.names().await, "a, b, c");
        let (_, history) = self.south.get("/api/admin/sync/history").await;
        assert_eq!(history["sessions"][0]["inserted"], 1, "{history}");

        let undone = self.south.undo(&ended.session_id, false).await;

        assert_eq!((undone.kind, undone.phase), (Kind::Undo, Phase::Verified), "{undone:#?}");
        assert_eq!(self.before.until(&Contents::of(&self.target).await), [""; 0]);
    }

    async fn names(&self) -> String {
        self.target.value("select string_agg(name, ', ' order by id) from thing").await
    }
}

/// The connections that are in a commit.
const COMMITTING: &str = "select pid from pg_stat_activity
                          where wait_event = 'SyncRep' and datname = current_database()";

#[tokio::test]
async fn a_process_that_is_killed_after_the_commit_takes_neither_result_nor_undo_with_it() {
    let mut pair = pair().await;
    let id = pair.committing().await;

    pair.south.kill().await;
    pair.end_connection().await;
    pair.south.start().await;

    pair.let_commits_go().await;
    let ended = pair.south.status(&id).await;
    pair.assert_kept_and_undone(&ended).await;
}

#[tokio::test]
async fn an_answer_to_the_commit_that_is_lost_loses_nothing_else() {
    let pair = pair().await;
    let id = pair.committing().await;

    pair.end_connection().await;

    let ended = pair.south.until(&id, |status| status.phase.is_final()).await;
    pair.let_commits_go().await;
    pair.assert_kept_and_undone(&ended).await;
}

#[tokio::test]
async fn a_session_that_was_taken_for_failed_is_completed_when_its_commit_is_found() {
    let mut pair = pair().await;
    let id = pair.committing().await;
    pair.end_connection().await;
    pair.south.until(&id, |status| status.phase.is_final()).await;
    pair.let_commits_go().await;
    // As it is written down when the database does not even answer whether the rows are there.
    pair.south.kill().await;
    pair.target
        .execute(
            r#"update tandem.session
               set phase = 'failed',
                   status = (status::jsonb || '{"phase": "failed", "result": null,
                             "error": {"code": "database_unavailable", "message": "gone", "hint": ""}}')::text"#,
        )
        .await;

    pair.south.start().await;

    let ended = pair.south.status(&id).await;
    pair.assert_kept_and_undone(&ended).await;
}

#[tokio::test]
async fn a_source_that_was_killed_asks_until_the_target_says_that_it_has_committed() {
    let mut pair = pair().await;
    let id = pair.committing_a_push().await;

    pair.north.kill().await;
    pair.end_connection().await;
    let there = pair.south.until(&id, |status| status.phase.is_final()).await;
    assert_eq!((there.phase, there.in_doubt), (Phase::Completed, false), "{there:#?}");
    pair.south.kill().await;
    pair.north.start().await;

    let here = pair.north.status(&id).await;
    assert_doubts(&here, Phase::Interrupted);
    assert!(here.steps.iter().all(|step| step.state != StepState::Running), "{here:#?}");

    pair.south.start().await;
    let here = pair.north.until(&id, |status| !status.in_doubt).await;
    assert_heard_of_commit(&here);
}

#[tokio::test]
async fn a_source_that_was_killed_asks_until_the_target_says_that_nothing_was_written() {
    let mut pair = pair().await;
    pair.source
        .execute("insert into thing (name, size) select md5(n::text), n from generate_series(10, 50000) n")
        .await;
    let options = SyncOptions { bandwidth_kb: Some(64), ..SyncOptions::default() };
    let id = pair.north.start_sync("push", "south", &options).await.unwrap();
    pair.south.until(&id, |status| status.bytes_done > 0).await;

    pair.north.kill().await;
    pair.south.kill().await;
    pair.north.start().await;

    assert_doubts(&pair.north.status(&id).await, Phase::Interrupted);

    pair.south.start().await;
    let here = pair.north.until(&id, |status| !status.in_doubt).await;
    assert_eq!(here.phase, Phase::Interrupted, "{here:#?}");
    assert!(here.error.unwrap().hint.starts_with("Nothing was changed on the target."));
    assert_eq!(pair.before.until(&Contents::of(&pair.target).await), [""; 0]);
}

#[tokio::test]
async fn a_target_asks_its_own_database_when_that_is_back() {
    let mut pair = pair().await;
    let id = pair.south.start_sync("pull", "north", &SyncOptions::default()).await.unwrap();
    // The target's check refuses a row.
    assert_eq!(pair.south.until(&id, |status| status.phase.is_final()).await.phase, Phase::Failed);
    pair.south.kill().await;
    // As it is written down when the database does not answer whether the rows are there.
    pair.target
        .execute(
            r#"update tandem.session set status = replace(status, '"in_doubt":false', '"in_doubt":true')"#,
        )
        .await;

    pair.south.start().await;

    let ended = pair.south.until(&id, |status| !status.in_doubt).await;
    assert_eq!(ended.phase, Phase::Failed, "{ended:#?}");
    assert!(ended.error.unwrap().hint.starts_with("Nothing was changed on the target."));
}

#[tokio::test]
async fn a_source_that_is_cancelled_too_late_hears_that_the_target_has_committed() {
    let pair = pair().await;
    let id = pair.committing_a_push().await;

    assert_eq!(pair.north.cancel(&id).await, StatusCode::OK);

    for node in [&pair.north, &pair.south] {
        let ended = node.until(&id, |status| status.phase.is_final()).await;
        assert_eq!((ended.phase, ended.in_doubt), (Phase::Completed, false), "{ended:#?}");
        assert!(ended.message.starts_with("Committed") && ended.error.is_none(), "{ended:#?}");
        assert_eq!(ended.result.as_ref().unwrap().inserted, 1);
        let failed = |step: &&StepStatus| step.state == StepState::Failed && step.step != Step::Verify;
        assert_eq!(ended.steps.iter().find(failed), None, "{ended:#?}");
    }
}

#[tokio::test]
async fn a_source_that_cannot_ask_the_target_says_so_until_it_can() {
    for method in ["delta", "backup", "rows"] {
        let mut pair = pair().await;
        let id = pair.started(method, &pair.north, "push", "south").await;

        pair.south.kill().await;
        assert_eq!(pair.north.cancel(&id).await, StatusCode::OK);

        let ended = pair.north.until(&id, |status| status.phase.is_final()).await;
        assert_doubts(&ended, Phase::Cancelled);

        pair.end_connection().await;
        pair.south.start().await;
        let here = pair.north.until(&id, |status| !status.in_doubt).await;
        assert_heard_of_commit(&here);
    }
}

fn assert_heard_of_commit(status: &SyncStatus) {
    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    assert!(status.message.starts_with("Committed on south") && status.error.is_none(), "{status:#?}");
    assert_eq!(status.result.as_ref().unwrap().inserted, 1);
    let failed = |step: &&StepStatus| step.state == StepState::Failed && step.step != Step::Verify;
    assert_eq!(status.steps.iter().find(failed), None, "{status:#?}");
    assert!(status.tables.iter().all(|table| table.state != TableState::Failed), "{status:#?}");
}

fn assert_doubts(status: &SyncStatus, phase: Phase) {
    assert_eq!((status.phase, status.in_doubt), (phase, true), "{status:#?}");
    let error = status.error.as_ref().unwrap();
    assert!(
        !status.message.contains("as it was") && error.hint.contains("asks until it answers"),
        "{status:#?}"
    );
}
