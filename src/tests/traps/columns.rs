//! Columns that no statement may write, that stand elsewhere, or that are more than one expects.

use tandem::model::{Code, Phase, RowErrors, Step, SyncOptions};

use super::{keep, mirror, pair, pair_of};

#[tokio::test]
async fn computed_columns_are_computed_again_and_equal() {
    let schema = "create table line (id int primary key, net int, name text,
                      gross int generated always as (net * 2) stored,
                      lower_name text generated always as (lower(name)) stored,
                      unique (lower_name))";
    let pair = pair(
        schema,
        "insert into line (id, net, name) values (1, 10, 'B'), (2, 20, 'A'), (3, 5, 'C')",
        "insert into line (id, net, name) values (1, 1, 'a'), (2, 20, 'B'), (9, 9, 'Z')",
    )
    .await;

    let result = pair.mirrored().await;

    assert_eq!((result.inserted, result.updated, result.deleted), (1, 2, 1));
    assert_eq!(pair.target.value::<i32>("select gross from line where id = 1").await, 20);
}

#[tokio::test]
async fn columns_that_are_computed_in_another_way_are_refused_and_named() {
    let pair = pair_of(
        "create table line (id int primary key, net int, gross int generated always as (net * 2) stored,
                            tax int generated always as (net / 5) stored, note text);
         insert into line (id, net) values (1, 10)",
        "create table line (id int primary key, net int, gross int generated always as (net * 3) stored,
                            tax int, note text generated always as ('a') stored)",
    )
    .await;

    let parts = [
        "public.line.gross is computed by (net * 2) on the source and by (net * 3) on the target",
        "public.line.tax is computed on the source and a plain column on the target",
        "public.line.note is computed on the target and a plain column on the source",
    ];
    pair.refused(&keep(), Step::Convert, Code::SchemaDiffers, &parts).await;
}

#[tokio::test]
async fn columns_that_a_function_of_another_body_computes_are_refused_and_name_it() {
    let with = |body: &str| {
        format!(
            "create function taxed(n int) returns int immutable language sql as '{body}';
             create function same(n int) returns int immutable language sql as 'select n';
             create table line (id int primary key, net int, gross int generated always as (taxed(net)) stored,
                                again int generated always as (same(net)) stored)"
        )
    };
    let pair = pair_of(
        &format!("{}; insert into line (id, net) values (1, 10)", with("select n * 2")),
        &with("select n * 3"),
    )
    .await;

    let parts = [
        "Column public.line.gross is computed with the function public.taxed(integer), which is not the same",
    ];
    let error = pair.refused(&keep(), Step::Convert, Code::SchemaDiffers, &parts).await;
    assert!(!error.message.contains("same(integer)"), "{error:?}");

    pair.target
        .execute(
            "create or replace function taxed(n int) returns int immutable language sql as 'select n * 2'",
        )
        .await;
    pair.mirrored().await;
    assert_eq!(pair.target.value::<i32>("select gross from line").await, 20);
}

#[tokio::test]
async fn identity_columns_take_the_sources_values() {
    let schema = "create table item (id int primary key, number int generated always as identity, name text);
                  create table keyed (id int generated always as identity primary key, name text)";
    let pair = pair(
        schema,
        "insert into item overriding system value values (1, 7, 'a'), (2, 8, 'b');
         insert into keyed overriding system value values (5, 'a')",
        "insert into item overriding system value values (1, 1, 'a'), (2, 8, 'x');
         insert into keyed overriding system value values (5, 'b')",
    )
    .await;

    let result = pair.verified(&keep()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated), (0, 3));
}

#[tokio::test]
async fn columns_that_stand_in_another_order_are_met_by_name() {
    let pair = pair_of(
        "create table thing (gone int, id int primary key, a text, b text, c int);
         alter table thing drop column gone; insert into thing values (1, 'a', 'b', 3), (2, 'x', 'y', 4)",
        "create table thing (c int, b text, gone text, id int primary key, a text);
         alter table thing drop column gone; insert into thing values (0, 'b', 1, 'a')",
    )
    .await;

    let result = pair.verified(&keep()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated), (1, 1));
}

#[tokio::test]
async fn a_table_without_columns_and_one_with_all_that_a_table_can_have() {
    let many: Vec<String> = (1..1600).map(|n| format!("c{n} int")).collect();
    // Without a key too: there a row is compared as one text.
    let schema = format!(
        "create table none (); create table wide (c0 int primary key, {}); create table loose (c0 int, {})",
        many.join(", "),
        many.join(", ")
    );
    let pair = pair(
        &schema,
        "insert into none default values; insert into none default values;
         insert into wide (c0, c1599) values (1, 1), (2, 2); insert into loose (c0, c1599) values (1, 1), (1, 1)",
        "insert into none default values; insert into wide (c0, c1599) values (1, 0), (3, 3);
         insert into loose (c0, c1599) values (1, 1), (2, 2)",
    )
    .await;

    let status = pair.pull(&mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (2, 1, 2));
    assert!(result.skipped.iter().any(|skipped| skipped.name == "public.none"), "{:?}", result.skipped);
    pair.writes_nothing_again(&mirror()).await;

    let isolate = SyncOptions { row_errors: RowErrors::Isolate, ..mirror() };
    pair.source.execute("update wide set c1 = 7 where c0 = 2").await;
    let parts = [
        "No row of public.wide can be left out, because it has 1600 columns",
        "Choose strict for row errors",
    ];
    pair.refused(&isolate, Step::Convert, Code::Refused, &parts).await;
}
