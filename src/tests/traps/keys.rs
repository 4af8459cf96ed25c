//! By what a row is found again: keys, keys that fold, keys that come twice, and none at all.

use tandem::model::{Code, Phase, Step};

use super::{assert_says, keep, mirror, pair, pair_of};

#[tokio::test]
async fn a_table_without_a_key_gets_each_row_as_often_as_the_source_has_it() {
    // A partial, a deferrable, a nullable and an expression's unique index are no keys.
    let schema = "create table plain (a int, b text);
                  create table weak (a int not null, b text, c int not null unique deferrable);
                  create unique index on weak (a) where b is not null;
                  create unique index on weak (b);
                  create unique index on weak (lower(b))";
    let rows = "insert into plain values (1, 'x'), (1, 'x'), (1, 'x'), (null, null), (null, null);
                insert into weak values (1, null, 1), (1, null, 2)";
    let others = "insert into plain values (1, 'x'), (1, 'x'), (2, 'own')";
    let pair = pair(schema, rows, others).await;

    let kept = pair.verified(&keep()).await.result.unwrap();
    assert_eq!((kept.inserted, kept.deleted), (5, 0), "one more x, two nulls, two of weak");
    assert_eq!(pair.target.value::<i64>("select count(*) from plain where b = 'x'").await, 3);

    let mirrored = pair.mirrored().await;
    assert_eq!((mirrored.inserted, mirrored.deleted), (0, 1));
}

#[tokio::test]
async fn a_unique_key_of_columns_that_are_never_null_stands_in_for_a_primary_key() {
    let schema =
        "create table place (region text not null, code text not null, name text, unique (region, code))";
    let pair = pair(
        schema,
        "insert into place values ('n', '1', 'new'), ('n', '2', 'same')",
        "insert into place values ('n', '1', 'old'), ('n', '2', 'same'), ('s', '1', 'own')",
    )
    .await;

    let result = pair.verified(&keep()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated, result.deleted), (0, 1, 0));
}

#[tokio::test]
async fn a_key_of_equal_value_and_other_text_arrives_as_it_was_sent() {
    let schema = "create extension citext;
                  create collation folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                  create table folded (id text collate folding primary key, n int);
                  create table caseless (id citext primary key, n int);
                  create table scaled (id numeric primary key, n int);
                  create table spans (id interval primary key, n int);
                  create table zero (id float8 primary key, n int);
                  create table child (id int primary key, parent numeric references scaled)";
    let pair = pair(
        schema,
        "insert into folded values ('a', 1), ('b', 2);
         insert into caseless values ('a', 1), ('B', 2);
         insert into scaled values (1.10, 1); insert into child values (1, 1.100);
         insert into spans values ('1 month', 1); insert into zero values ('-0', 1)",
        "insert into folded values ('A', 1), ('b', 2);
         insert into caseless values ('A', 1), ('b', 3);
         insert into scaled values (1.1, 1); insert into child values (1, 1.1);
         insert into spans values ('30 days', 1); insert into zero values ('0', 1)",
    )
    .await;

    let result = pair.verified(&keep()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated), (0, 7));
    assert_eq!(pair.target.value::<String>("select id from folded where n = 1").await, "a");
}

#[tokio::test]
async fn keys_that_only_the_source_tells_apart_are_refused() {
    let pair = pair_of(
        "create table word (id text primary key); insert into word values ('a'), ('A'), ('b')",
        "create collation folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         create table word (id text collate folding primary key)",
    )
    .await;

    pair.refused(&keep(), Step::Convert, Code::RowRefused, &["1 key of public.word (id) more than once"])
        .await;
}

#[tokio::test]
async fn rows_that_come_twice_with_one_key_or_without_are_refused_before_anything_is_written() {
    let pair = pair_of(
        "create table place (id int, name text); insert into place values (1, 'one'), (1, 'two'), (2, 'three');
         create table thing (id int, name text); insert into thing values (1, 'one'), (null, 'two')",
        "create table place (id int primary key, name text); insert into place values (1, 'old');
         create table thing (id int primary key, name text)",
    )
    .await;

    let parts = ["1 key of public.place (id) more than once", "1 row of public.thing without a key (id)"];
    pair.refused(&keep(), Step::Convert, Code::RowRefused, &parts).await;

    pair.source.execute("delete from place where name = 'two'; delete from thing where id is null").await;
    let status = pair.pull(&keep()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    assert_says(&pair.log_of(&status).await, &["public.place has no key on the source"]);
    pair.writes_nothing_again(&keep()).await;
}

#[tokio::test]
async fn a_computed_key_is_no_key_to_find_rows_by() {
    let schema =
        "create table line (a int, b int, place text generated always as (a || '-' || b) stored primary key)";
    let pair =
        pair(schema, "insert into line values (1, 1), (2, 2)", "insert into line values (2, 2), (3, 3)")
            .await;

    let result = pair.mirrored().await;

    assert_eq!((result.inserted, result.updated, result.deleted), (1, 0, 1));
}

#[tokio::test]
async fn a_row_with_a_key_of_many_types_is_found() {
    let schema = "create type color as enum ('red', 'blue');
                  create type place as (x int, y numeric);
                  create table thing (a color, b date[], c int4range, d uuid, e bytea, f bool, g place, n int,
                                      primary key (a, b, c, d, e, f, g))";
    let row = |n: i32| {
        format!(
            "insert into thing values ('blue', '{{2024-02-29,infinity}}', '[1,5)',
             '00000000-0000-0000-0000-00000000000a', '\\x00ff', true, '(1,2.50)', {n})"
        )
    };
    let pair = pair(schema, &row(1), &row(2)).await;

    let result = pair.verified(&mirror()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated, result.deleted), (0, 1, 0));
}
