//! Unique values, exclusion constraints and rules besides the key: rows that trade places, and values that are taken.

use tandem::model::{Code, Phase, Step};

use super::{keep, pair, pair_of};
use crate::support::Contents;

#[tokio::test]
async fn values_that_swap_or_rotate_in_any_unique_index_arrive() {
    let schema = "create table swap (id int primary key, code text unique);
                  create table ring (id int primary key, a text, b text, unique (a, b));
                  create table part (id int primary key, code text, live bool);
                  create unique index on part (code) where live;
                  create table word (id int primary key, code text);
                  create unique index on word (lower(code));
                  create table late (id int primary key deferrable initially deferred, code text unique deferrable);
                  create table serial (id int primary key, n int generated always as identity unique);
                  create table child (id int primary key, code text references swap (code))";
    let pair = pair(
        schema,
        "insert into swap values (1, 'y'), (2, 'x'); insert into child values (1, 'x'), (2, 'y');
         insert into ring values (1, 'b', null), (2, 'c', 'k'), (3, 'a', 'k');
         insert into part values (1, 'y', true), (2, 'x', true), (3, 'x', false);
         insert into word values (1, 'B'), (2, 'A');
         insert into late values (1, 'y'), (2, 'x');
         insert into serial overriding system value values (1, 2), (2, 1)",
        "insert into swap values (1, 'x'), (2, 'y'); insert into child values (1, 'x'), (2, 'y');
         insert into ring values (1, 'a', 'k'), (2, 'b', null), (3, 'c', 'k');
         insert into part values (1, 'x', true), (2, 'y', true), (3, 'y', false);
         insert into word values (1, 'a'), (2, 'b');
         insert into late values (1, 'x'), (2, 'y');
         insert into serial overriding system value values (1, 1), (2, 2)",
    )
    .await;

    let result = pair.verified(&keep()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated, result.deleted), (0, 14, 0));
}

#[tokio::test]
async fn values_that_swap_leave_what_only_the_target_holds() {
    let pair = pair(
        "create table swap (id int primary key, code text unique, name text)",
        "insert into swap values (1, 'y', 'new'), (2, 'x', 'new'), (3, 'z', 'same')",
        "alter table swap add own text default 'none', add twice int generated always as (id * 2) stored;
         insert into swap values (1, 'x', 'old', 'one'), (2, 'y', 'old', 'two'), (3, 'z', 'same', 'three')",
    )
    .await;

    let before = Contents::of(&pair.target).await;

    let status = pair.pull(&keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    let result = status.result.as_ref().unwrap();
    assert_eq!((result.inserted, result.updated, result.unchanged), (0, 2, 1));
    let rows: String = pair
        .target
        .value("select string_agg(concat(id, code, name, own, twice), ' ' order by id) from swap")
        .await;
    assert_eq!(rows, "1ynewone2 2xnewtwo4 3zsamethree6");
    pair.is_undone(&status, &before).await;
}

#[tokio::test]
async fn a_value_that_another_row_of_the_target_holds_is_refused_and_named() {
    let schema = "create table place (id int primary key, code text constraint place_code unique);
                  create table child (id int primary key, place int references place)";
    let pair = pair(
        schema,
        "insert into place values (1, 'a'), (3, 'z'); insert into child values (1, 3)",
        "insert into place values (1, 'b'), (9, 'z'); insert into child values (2, 9)",
    )
    .await;

    pair.refused(&keep(), Step::Restore, Code::RowRefused, &["public.place", "place_code"]).await;

    // Without the row in the way nothing is in the way.
    assert_eq!(pair.mirrored().await.deleted, 2);
}

#[tokio::test]
async fn a_null_in_a_unique_key_gives_one_row_and_again_one() {
    let schema = "create table pairs (id int primary key, a int, b int, unique (a, b));
                  create table strict (id int primary key, a int, b int, unique nulls not distinct (a, b));
                  create table keyless (a int not null, b int, unique (a, b))";
    let pair = pair(
        schema,
        "insert into pairs values (1, 1, null), (2, 1, null); insert into strict values (1, 1, null);
         insert into keyless values (1, null), (1, null), (1, 2)",
        "insert into pairs values (1, 1, null); insert into strict values (1, null, null), (2, 1, null);
         insert into keyless values (1, null)",
    )
    .await;

    pair.mirrored().await;

    assert_eq!(pair.target.value::<i64>("select count(*) from keyless").await, 3);
}

#[tokio::test]
async fn exclusion_constraints_and_rules_are_no_special_case() {
    let schema = "create extension btree_gist;
                  create table booking (id int primary key, room int, during int4range,
                                        exclude using gist (room with =, during with &&));
                  create table ruled (id int primary key, n int);
                  create table seen (id int);
                  create rule shadow as on insert to ruled do also insert into seen values (new.id);
                  create rule refuse as on update to ruled do instead nothing";
    let pair = pair(
        schema,
        "insert into booking values (1, 7, '[5,9)'), (2, 7, '[1,5)'), (3, 8, '[1,9)');
         alter table ruled disable rule shadow; insert into ruled values (1, 1), (2, 2)",
        "insert into booking values (1, 7, '[1,5)'), (2, 7, '[5,9)');
         alter table ruled disable rule shadow; insert into ruled values (1, 0);
         alter table ruled enable rule shadow",
    )
    .await;

    let result = pair.mirrored().await;

    assert_eq!((result.inserted, result.updated, result.deleted), (2, 3, 0));
}

#[tokio::test]
async fn a_unique_key_that_only_the_target_has_is_said_and_decides() {
    let pair = pair_of(
        "create table place (id int primary key, code text); insert into place values (1, 'x'), (2, 'x')",
        "create table place (id int primary key, code text constraint one_code unique);
         insert into place values (9, 'own')",
    )
    .await;

    pair.refused(&keep(), Step::Restore, Code::RowRefused, &["public.place", "one_code"]).await;
}

#[tokio::test]
async fn a_deferrable_constraint_holds_although_its_triggers_are_off() {
    let unique = "create table place (id int primary key, code text constraint late_code unique deferrable)";
    let nulls = "create table place (id int primary key, code text,
                 constraint late_code unique nulls not distinct (code) deferrable initially deferred)";
    let exclusion = "create table place (id int primary key, code text,
                     constraint late_code exclude using btree (code with =) deferrable)";
    let key = "create table place (id int, code text, constraint late_code primary key (code) deferrable)";
    for (schema, code, own) in
        [(unique, "'z'", "9"), (nulls, "null", "9"), (exclusion, "'z'", "9"), (key, "'z'", "3")]
    {
        let pair = pair_of(
            &format!("create table place (id int, code text); insert into place values (1, 'a'), (3, {code}), (4, {code})"),
            &format!("{schema}; insert into place values (7, 'q')"),
        )
        .await;
        // Into empty tables, and beside a row that holds the value.
        let step = if own == "3" { Step::Convert } else { Step::Restore };
        let name = if own == "3" { "public.place (code)" } else { "late_code" };
        pair.refused(&keep(), step, Code::RowRefused, &[name]).await;
        pair.target.execute("delete from place").await;
        pair.refused(&keep(), step, Code::RowRefused, &[name]).await;
        pair.target.execute(&format!("insert into place values ({own}, {code})")).await;
        pair.source.execute("delete from place where id = 4").await;
        if own == "9" {
            pair.refused(&keep(), Step::Restore, Code::RowRefused, &["late_code"]).await;
        }
    }
}
