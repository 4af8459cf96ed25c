//! Syncs between servers of different PostgreSQL versions, in both directions.

use tandem::model::{DeletePolicy, Phase, Relation, RowErrors, SyncOptions};

use crate::support::{self, Database, Node, Written, database_of_version, nodes};

/// The system's own pg_dump reads servers up to its own version; newer ones are read with COPY.
async fn becomes_equal(from: &Node, to: &Node, source: &Database, target: &Database) {
    let options = SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() };
    let peer = from.name();

    let status = to.sync_by("backup", "pull", peer, &options).await;

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    assert_eq!(status.result.unwrap().relation, Relation::Identical);
    support::assert_same_rows(source, target).await;
    let before = Written::of(target).await;
    assert_eq!(to.sync("pull", peer, &options).await.phase, Phase::Verified);
    assert_eq!(before.until(&Written::of(target).await), [].into());

    let source_is_newer = major(source).await > 15;
    let log = from.detail(status.session_id.as_str()).await.log;
    let said = |text: &str| log.iter().any(|line| line.text.contains(text));
    assert_eq!(
        said("Tables are read one by one with COPY: no pg_dump of version"),
        source_is_newer,
        "{log:#?}"
    );
    assert_eq!(said("tables are read by pg_dump 15"), !source_is_newer, "{log:#?}");
}

async fn major(database: &Database) -> i32 {
    database.value("select current_setting('server_version_num')::int / 10000").await
}

/// First into empty tables, then back, after the copy has lived on.
async fn there_and_back(source: Database, target: Database) {
    let (north, south) = nodes(&source, &target).await;
    becomes_equal(&north, &south, &source, &target).await;
    target.drift().await;
    becomes_equal(&south, &north, &target, &source).await;
}

#[tokio::test]
async fn the_shop_goes_from_15_to_18_and_back() {
    there_and_back(support::database("shop").await, database_of_version(18, "shop_schema").await).await;
}

#[tokio::test]
async fn pagila_goes_from_13_to_16_and_back() {
    there_and_back(database_of_version(13, "pagila").await, database_of_version(16, "pagila_schema").await)
        .await;
}

#[tokio::test]
async fn chinook_goes_from_18_to_13_and_back() {
    let sample = "chinook_identity";
    let target = database_of_version(13, &format!("{sample}_schema")).await;
    there_and_back(database_of_version(18, sample).await, target).await;
}

#[tokio::test]
async fn the_shop_goes_from_14_to_17_and_back() {
    there_and_back(database_of_version(14, "shop").await, database_of_version(17, "shop_schema").await).await;
}

#[tokio::test]
async fn a_function_that_computes_a_column_is_compared_between_versions() {
    let taxed = |body: &str| {
        format!("create or replace function taxed(n int) returns int immutable language sql as '{body}';")
    };
    let table =
        "create table line (id int primary key, net int, gross int generated always as (taxed(net)) stored);";
    let (source, target) = (database_of_version(14, "empty").await, database_of_version(17, "empty").await);
    let rows = "insert into line (id, net) values (1, 10)";
    source.execute(&format!("{} {table} {rows}", taxed("select n * 2"))).await;
    target.execute(&format!("{} {table}", taxed("select n * 3"))).await;
    let (_north, south) = nodes(&source, &target).await;

    let refused = south.sync("pull", "north", &SyncOptions::default()).await.error.unwrap();
    assert!(refused.message.contains("computed with the function public.taxed(integer)"), "{refused:?}");

    source.execute(&taxed("select n * 3")).await;
    let status = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
}

#[tokio::test]
async fn keys_over_periods_are_compared_by_equality_and_checked_by_cover() {
    let (source, target) = (database_of_version(18, "empty").await, database_of_version(18, "empty").await);
    let tables = "create table price (item int4range, during daterange, cents int,
                                      constraint one_price primary key (item, during without overlaps));
                  create table sale (id int primary key, item int4range, during daterange, twice int generated always as (id * 2));
                  create table lax (id int primary key, item int4range references lax_items not enforced);";
    let tables = tables.replace(
        "create table lax ",
        "create table lax_items (item int4range primary key); create table lax ",
    );
    let key = "alter table sale add constraint covered foreign key (item, period during) references price (item, period during);";
    source
        .execute(&format!(
            "{tables} insert into price values ('[1,2)', '[2024-01-01,2024-03-01)', 5), ('[1,2)', '[2024-03-01,2024-06-01)', 6);
             insert into sale (id, item, during) values (1, '[1,2)', '[2024-02-01,2024-04-01)'), (2, '[1,2)', '[2024-05-01,2024-09-01)');
             insert into lax values (1, '[7,8)')"
        ))
        .await;
    let own = "insert into price values ('[1,2)', '[2024-01-01,2024-03-01)', 1), ('[1,2)', '[2024-03-01,2024-07-01)', 1)";
    target.execute(&format!("{tables} {key} {own}")).await;
    let (_north, south) = nodes(&source, &target).await;
    let options = SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() };

    let preview = south.preview("pull", "north", &options).await.preview.unwrap();
    let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
    assert_eq!(blocks.len(), 1, "{blocks:#?}");
    assert!(blocks[0].text.contains("1 row of sale would be refused"), "{blocks:#?}");
    assert!(blocks[0].text.contains("price does not have (covered): id 2"), "{blocks:#?}");
    let refused = south.sync("pull", "north", &options).await.error.unwrap();
    assert!(refused.message.contains("1 row of public.sale (item, during) points to rows"), "{refused:?}");

    let isolating = SyncOptions { row_errors: RowErrors::Isolate, ..options.clone() };
    let preview = south.preview("pull", "north", &isolating).await.preview.unwrap();
    assert!(!preview.is_blocked(), "{preview:#?}");
    let result = south.sync("pull", "north", &isolating).await.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted, result.set_aside), (3, 1, 1, 1));
    assert_eq!(result.set_aside_rows[0].row, "id 2");

    target.execute(&format!("truncate lax, sale, price; {own}")).await;
    source.execute("delete from sale where id = 2").await;
    let status = south.sync("pull", "north", &options).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (3, 1, 1));
    support::assert_same_rows(&source, &target).await;
}
