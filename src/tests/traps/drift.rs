//! Schemas that have grown apart: what is tolerated is said, what is not is listed whole before anything is written.

use tandem::model::{Code, Phase, Step, StepState};

use super::{assert_says, keep, mirror, pair_of};

#[tokio::test]
async fn a_column_that_only_the_target_has_keeps_its_values() {
    let pair = pair_of(
        "create table place (id int primary key, name text); insert into place values (1, 'new'), (2, 'two')",
        "create table place (id int primary key, name text, rank int not null default 7, note text);
         insert into place values (1, 'old', 3, 'mine')",
    )
    .await;

    let status = pair.pull(&keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let rows = "select string_agg(concat_ws(' ', id, name, rank, note), ',' order by id) from place";
    assert_eq!(pair.target.value::<String>(rows).await, "1 new 3 mine,2 two 7");
    assert_says(
        &pair.log_of(&status).await,
        &["public.place.rank does not come from the source: existing rows keep"],
    );
    pair.writes_nothing_again(&keep()).await;
}

#[tokio::test]
async fn every_reason_is_named_at_once_with_its_remedy() {
    let pair = pair_of(
        "create type mood as enum ('happy', 'sad', 'calm');
         create domain code as varchar(5);
         create type spot as (x int, y int);
         create table missing (id int primary key);
         create table extra (id int primary key, more text);
         create table renamed (id int primary key, title text);
         create table needed (id int primary key);
         create table keyed (id int primary key, other int not null unique);
         create table kinds (id int primary key, a bigint, b varchar(5), c text, d numeric(12, 4), e timestamptz,
                             f char(5), m mood, g code, s spot);
         insert into kinds (id, b, g) values (1, 'ab   ', 'ab   ')",
        "create type mood as enum ('happy', 'sad');
         create domain code as varchar(3);
         create type spot as (x int, y int, z int);
         create table extra (id int primary key);
         create table renamed (id int primary key, name text);
         create table needed (id int primary key, must text not null);
         create table keyed (id int not null, other int primary key);
         create table kinds (id int primary key, a int, b varchar(3), c varchar(9), d numeric(12, 2), e timestamptz(3),
                             f char(3), m mood, g code, s spot);
         insert into kinds (id, b) values (1, 'own')",
    )
    .await;

    let parts = [
        "Table public.missing does not exist on the target",
        "public.extra.more does not exist on the target",
        "alter table public.extra add column more text",
        "public.renamed.title does not exist on the target",
        "alter table public.renamed rename column name to title",
        "public.needed.must does not come from the source, and new rows need a value",
        "The key of public.keyed differs: (id) on the source, (other) on the target",
        "public.kinds.a is bigint on the source and integer on the target",
        // COPY would cut the blanks of 'ab   ' without a word.
        "public.kinds.b is character varying(5) on the source and character varying(3) on the target",
        "public.kinds.c is text",
        "public.kinds.d is numeric(12,4)",
        "public.kinds.e is timestamp with time zone on the source and timestamp(3)",
        "public.kinds.f is character(5)",
        "public.mood has no label 'calm' on the target",
        "alter type public.mood add value 'calm'",
        "Type public.code is a domain over character varying(5) on the source and a domain over character varying(3)",
        "Type public.spot is a row of (x integer, y integer) on the source and a row of (x integer, y integer, z integer)",
    ];
    pair.refused(&mirror(), Step::Convert, Code::SchemaDiffers, &parts).await;
}

#[tokio::test]
async fn types_that_only_grew_are_taken_and_said() {
    let pair = pair_of(
        "create domain code as varchar(3);
         create table kinds (id smallint primary key, a int, b varchar(3), c varchar(5), d numeric(6, 2), e numeric(6, 2),
                             f timestamp(3), g code, h varchar(4)[]);
         insert into kinds values (1, 1, 'ab', 'abc', 1.10, 2.50, '2024-01-01 10:00:00.120', 'x', '{a,b}')",
        "create domain code as varchar(9);
         create table kinds (id int primary key, a bigint, b varchar(5), c text, d numeric(10, 2), e numeric,
                             f timestamp, g code, h varchar(4)[]);
         insert into kinds values (1, 2, 'x', 'x', 0, 0, null, null, null)",
    )
    .await;

    let status = pair.pull(&keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    let said = pair.log_of(&status).await;
    for column in ["id", "a", "b", "c", "d", "e", "f"] {
        assert_says(&said, &[&format!("Column public.kinds.{column} is ")]);
    }
    assert_says(&said, &["Type public.code is character varying(3) on the source and the wider"]);
    pair.writes_nothing_again(&keep()).await;
    let row = "select concat_ws('|', id, a, b, c, d, e, f, g, h) from kinds";
    assert_eq!(pair.source.value::<String>(row).await, pair.target.value::<String>(row).await);
}

#[tokio::test]
async fn labels_that_the_source_lacks_or_has_in_another_order_are_said_and_verify_equal() {
    let pair = pair_of(
        "create type mood as enum ('happy', 'sad', 'calm'); create table day (n int primary key, mood mood);
         insert into day values (1, 'happy'), (2, 'sad'), (3, 'calm')",
        "create type mood as enum ('angry', 'calm', 'sad', 'happy'); create table day (n int primary key, mood mood);
         insert into day values (1, 'angry'), (4, 'angry')",
    )
    .await;

    let status = pair.pull(&mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let said = pair.log_of(&status).await;
    assert_says(
        &said,
        &["Label 'angry' of type public.mood exists on the target only", "stand in another order"],
    );
    pair.writes_nothing_again(&mirror()).await;
    assert_eq!(pair.target.value::<String>("select mood::text from day where n = 1").await, "happy");
}

#[tokio::test]
async fn constraints_that_only_one_side_has_are_listed() {
    let pair = pair_of(
        "create table parent (id int primary key);
         create table place (id int primary key, a int unique, b int check (b > 0), c int references parent);
         insert into place values (1, 1, 1, null)",
        "create table parent (id int primary key);
         create table place (id int primary key, a int, b int unique check (b > -1), c int);
         create function nothing() returns trigger language plpgsql as 'begin return new; end';
         create trigger idle before insert on place for each row execute function nothing()",
    )
    .await;

    let status = pair.verified(&keep()).await;

    let said = pair.log_of(&status).await;
    let lines = [
        "Unique key (a) of public.place exists on the source only",
        "Unique key (b) of public.place exists on the target only",
        "Foreign key (c) to public.parent (id) of public.place exists on the source only",
        "Constraint CHECK ((b > 0)) of public.place exists on the source only",
        "Constraint CHECK ((b > '-1'::integer)) of public.place exists on the target only",
        "Trigger idle of public.place exists on the target only",
    ];
    assert_says(&said, &lines);
}

#[tokio::test]
async fn a_table_that_only_the_target_has_is_left_alone() {
    let pair = pair_of(
        "create table place (id int primary key); insert into place values (1)",
        "create table place (id int primary key); create table own (id int primary key);
         insert into own values (1), (2)",
    )
    .await;

    let status = pair.pull(&mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    assert_eq!(pair.target.value::<i64>("select count(*) from own").await, 2);
}

#[tokio::test]
async fn a_definition_that_changes_while_the_sync_runs_is_noticed_before_a_row_is_written() {
    let table = "create table place (id int primary key, name text)";
    let pair = pair_of(&format!("{table}; insert into place values (1, 'a')"), table).await;
    let mut other = pair.target.connect().await;
    sqlx::raw_sql("begin; lock table place in share row exclusive mode").execute(&mut other).await.unwrap();
    let id = pair.south.start_sync("pull", "north", &keep()).await.unwrap();
    pair.south
        .until(&id, |status| {
            status.step_of(Step::Restore).is_some_and(|step| step.state == StepState::Running)
        })
        .await;

    sqlx::raw_sql("alter table place add column rank int not null default 5; commit")
        .execute(&mut other)
        .await
        .unwrap();

    let ended = pair.south.until(&id, |status| status.phase.is_final()).await;
    let error = ended.error.unwrap();
    assert_eq!((error.code, error.step), (Code::SchemaDiffers, Some(Step::Restore)), "{error:?}");
    assert_says(&error.message, &["public.place was changed while the sync ran"]);
    assert_eq!(pair.target.value::<i64>("select count(*) from place").await, 0);
}
