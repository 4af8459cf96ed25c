//! Others who write while a sync runs, on either side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection, PgConnection};
use tandem::model::{Code, Phase, Relation, Step, StepState};

use super::{Pair, assert_says, keep, mirror, pair};

async fn start_and_wait_for(pair: &Pair, step: Step) -> String {
    let id = pair.south.start_sync("pull", "north", &keep()).await.unwrap();
    pair.south
        .until(&id, |status| status.step_of(step).is_some_and(|step| step.state == StepState::Running))
        .await;
    id
}

/// The commit of a sync waits for lock 7.
const HOLD_COMMIT: &str = "create function hold() returns trigger language plpgsql as
                               'begin perform pg_advisory_xact_lock(7); return null; end';
                           create trigger hold after update of committed_us on tandem.session
                               for each row execute function hold();
                           alter table tandem.session enable always trigger hold";

fn waits(for_what: &str) -> String {
    format!(
        "select exists (select from pg_locks l join pg_database d on d.oid = l.database
                        where not l.granted and d.datname = current_database() and {for_what})"
    )
}

#[tokio::test]
async fn a_writer_on_the_target_loses_nothing_and_sees_no_error() {
    let schema =
        "create table place (id int primary key, n int); create table own (id serial primary key, place int)";
    let pair = pair(
        schema,
        "insert into place select n, n from generate_series(1, 30000) n",
        "insert into place select n, 0 from generate_series(1, 30000) n",
    )
    .await;
    let over = Arc::new(AtomicBool::new(false));
    let mut connection = PgConnection::connect(pair.target.url()).await.unwrap();
    let writer = tokio::spawn({
        let over = over.clone();
        async move {
            let mut written = 0;
            while !over.load(Ordering::Relaxed) {
                written += 1;
                // A new row and a changed one in one transaction, as a till would.
                sqlx::raw_sql(
                    "begin; insert into own (place) values (1); insert into place values (100000 + currval('own_id_seq'), 7);
                     update place set n = -1 where id = 100000 + currval('own_id_seq'); commit",
                )
                .execute(&mut connection)
                .await
                .unwrap();
            }
            written
        }
    });

    // Whoever waits for the table when the rows are committed has it before the comparison: that one has to see them.
    pair.target.execute(HOLD_COMMIT).await;
    let mut hold = pair.target.connect().await;
    sqlx::raw_sql("begin; select pg_advisory_xact_lock(7)").execute(&mut hold).await.unwrap();
    let id = pair.south.start_sync("pull", "north", &keep()).await.unwrap();
    pair.target.until(&waits("locktype = 'advisory'")).await;
    let mut next = pair.target.connect().await;
    let first = tokio::spawn(async move {
        let statement =
            "begin; lock table place in access exclusive mode; insert into place values (50000, 5); commit";
        sqlx::raw_sql(statement).execute(&mut next).await.unwrap();
    });
    pair.target.until(&waits("mode = 'AccessExclusiveLock'")).await;
    hold.close().await.unwrap();
    let status = pair.south.until(&id, |status| status.phase.is_final()).await;
    first.await.unwrap();
    over.store(true, Ordering::Relaxed);
    let written: i64 = writer.await.unwrap();

    assert_eq!(status.phase, Phase::Completed, "{:?} {}", status.error, status.message);
    assert_eq!(pair.target.value::<i64>("select count(*) from own").await, written);
    assert_eq!(pair.target.value::<i64>("select count(*) from place where n = -1").await, written);
    assert_eq!(pair.target.value::<i64>("select count(*) from place where n = id").await, 30000);
}

#[tokio::test]
async fn in_a_deadlock_it_is_the_sync_that_steps_back() {
    let schema = "create table a (id int primary key, n int); create table b (id int primary key, n int)";
    let pair = pair(schema, "insert into a values (1, 1); insert into b values (1, 1)", "").await;
    let mut writer = pair.target.connect().await;
    sqlx::raw_sql("begin; insert into b values (7, 7)").execute(&mut writer).await.unwrap();
    let id = start_and_wait_for(&pair, Step::Restore).await;
    // Until it has locked a and waits for b: then this writer, who wants a, closes the circle.
    let waits = "select exists (select from pg_locks where not granted and relation = 'b'::regclass)";
    while !pair.target.value::<bool>(waits).await {
        tokio::task::yield_now().await;
    }

    sqlx::raw_sql("insert into a values (7, 7); commit").execute(&mut writer).await.unwrap();

    let ended = pair.south.until(&id, |status| status.phase.is_final()).await;
    assert_eq!(ended.phase, Phase::Verified, "{:?}", ended.error);
    assert_eq!(ended.result.unwrap().relation, Relation::Contains { target_only_rows: 2 });
}

#[tokio::test]
async fn a_table_that_is_locked_against_readers_ends_in_an_error_that_names_who_did_it() {
    let pair = pair("create table place (id int primary key)", "insert into place values (1)", "").await;
    for (database, step) in [(&pair.source, Step::Backup), (&pair.target, Step::Convert)] {
        let mut other = database.connect().await;
        sqlx::raw_sql("set application_name = 'the till'; begin; lock table place in access exclusive mode")
            .execute(&mut other)
            .await
            .unwrap();
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut other).await.unwrap();

        let status = pair.pull(&keep()).await;

        let error = status.error.unwrap();
        assert_eq!((error.code, error.step), (Code::Locked, Some(step)), "{error:?}");
        assert_says(&error.message, &["the till", &format!("pid {pid}"), "place"]);
        other.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_on_what_is_never_synced_stands_in_nobodys_way() {
    let pair = pair("create table place (id int primary key)", "insert into place values (1)", "").await;
    let mut others = Vec::new();
    for database in [&pair.source, &pair.target] {
        let mut other = database.connect().await;
        // Two messages, so that the table is there for others to see.
        for statement in
            ["create temp table scratch (id int)", "begin; lock table scratch in access exclusive mode"]
        {
            sqlx::raw_sql(statement).execute(&mut other).await.unwrap();
        }
        others.push(other);
    }

    let status = pair.pull(&keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
}

#[tokio::test]
async fn writers_on_the_source_leave_one_consistent_moment() {
    let schema =
        "create table account (id int primary key, n int); create table entry (id serial primary key,
                  account int not null references account, n int)";
    let rows = "insert into account select n, 0 from generate_series(1, 20000) n";
    let pair = pair(schema, rows, rows).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut connection = PgConnection::connect(pair.source.url()).await.unwrap();
    let writer = tokio::spawn({
        let over = over.clone();
        async move {
            while !over.load(Ordering::Relaxed) {
                sqlx::raw_sql(
                    "begin; insert into account select max(id) + 1, 1 from account;
                     insert into entry (account, n) select max(id), 1 from account; commit",
                )
                .execute(&mut connection)
                .await
                .unwrap();
            }
        }
    });
    // A transaction that is open over the first sync: its rows are not lost, they come with the next.
    let mut late = pair.source.connect().await;
    sqlx::raw_sql("begin; insert into account values (-1, 0)").execute(&mut late).await.unwrap();

    let status = pair.pull(&keep()).await;
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    assert_eq!(
        pair.target.value::<i64>("select sum(n) from account").await,
        pair.target.value::<i64>("select count(*) from entry").await
    );
    assert_eq!(pair.target.value::<i64>("select count(*) from account where id = -1").await, 0);
    sqlx::raw_sql("commit").execute(&mut late).await.unwrap();
    assert_eq!(pair.pull(&mirror()).await.phase, Phase::Verified);
    assert_eq!(pair.target.value::<i64>("select count(*) from account where id = -1").await, 1);
}

#[tokio::test]
async fn the_second_run_lets_no_table_grow() {
    let schema = "create table place (id int primary key, a text, b numeric); create index on place (a);
                  create table loose (a text); create index on loose (a)";
    let rows = "insert into place select n, 'place ' || n, n / 7.0 from generate_series(1, 5000) n;
                insert into loose select 'row ' || n % 100 from generate_series(1, 3000) n";
    let pair = pair(schema, rows, "").await;
    pair.mirrored().await;
    let sizes = "select string_agg(relname || pg_relation_size(oid), ',' order by relname) from pg_class
                 where relnamespace = 'public'::regnamespace";
    let before = pair.target.value::<String>(sizes).await;

    pair.mirrored().await;

    assert_eq!(pair.target.value::<String>(sizes).await, before);
}
