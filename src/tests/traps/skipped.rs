//! What is never synced: listed each time, with its reason.

use tandem::model::Phase;

use super::{assert_says, keep, pair_of};

#[tokio::test]
async fn each_kind_that_is_left_out_is_listed_and_left_alone() {
    let pair = pair_of(
        "create table place (id int primary key, name text); insert into place values (1, 'a');
         create view v as select * from place;
         create materialized view mv as select * from place;
         create unlogged table scratch (id int); insert into scratch values (1);
         create extension file_fdw; create server files foreign data wrapper file_fdw;
         create foreign table outside (line text) server files options (filename '/dev/null');
         create extension intarray;
         create table member (id int); insert into member values (1); alter extension intarray add table member;
         create extension pg_trgm version '1.5'",
        "create table place (id int primary key, name text);
         create unlogged table scratch (id int); insert into scratch values (2);
         create extension pg_trgm version '1.6'",
    )
    .await;
    let mut other = pair.source.connect().await;
    sqlx::raw_sql("create temporary table passing (id int)").execute(&mut other).await.unwrap();

    let preview = pair.south.preview("pull", "north", &keep()).await.preview.unwrap();
    let status = pair.pull(&keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let lines = [
        "public.v (view)",
        "public.mv (materialized view",
        "public.scratch (unlogged table)",
        "public.outside (foreign table)",
        "public.member (belongs to the extension intarray)",
        "passing (temporary table)",
    ];
    for skipped in [&preview.skipped, &status.result.as_ref().unwrap().skipped] {
        let skipped: String = skipped.iter().map(|skipped| format!("{skipped}\n")).collect();
        assert_says(&skipped, &lines);
    }
    let detail = pair.north.detail(status.session_id.as_str()).await;
    let said: String = detail.log.iter().map(|line| format!("{}\n", line.text)).collect();
    assert_says(&said, &["Not synced: public.v (view)", "Not synced: public.scratch (unlogged table)"]);
    let extensions = [
        "Extension intarray is not installed on the target",
        "Extension pg_trgm has version 1.5 on the source and 1.6 on the target",
    ];
    assert_says(&pair.log_of(&status).await, &extensions);
    assert_eq!(pair.target.value::<i32>("select id from scratch").await, 2);
}

#[tokio::test]
async fn large_objects_are_never_silently_part_of_what_is_verified() {
    let table = "create table file (id int primary key, content oid)";
    let pair =
        pair_of(&format!("{table}; insert into file values (1, lo_from_bytea(0, '\\x01'))"), table).await;

    let status = pair.verified(&keep()).await;

    assert_says(&status.message, &["Verified", "Not synced: 1 large object."]);
    let skipped = &status.result.as_ref().unwrap().skipped;
    assert!(skipped.iter().any(|skipped| skipped.name == "1 large object"), "{skipped:?}");
}

#[tokio::test]
async fn a_column_whose_type_the_target_cannot_have_is_refused() {
    let pair = pair_of(
        "create extension hstore; create table place (id int primary key, tags hstore)",
        "create table place (id int primary key, tags text)",
    )
    .await;

    let parts = ["public.place.tags is public.hstore on the source and text on the target"];
    pair.refused(&keep(), tandem::model::Step::Convert, tandem::model::Code::SchemaDiffers, &parts).await;
}
