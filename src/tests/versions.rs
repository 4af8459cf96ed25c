//! Syncs between servers of different PostgreSQL versions, in both directions.

use tandem::model::{DeletePolicy, Phase, Relation, SyncOptions};

use crate::support::{self, Database, Node, Written, database_of_version, nodes};

/// The system's own pg_dump reads servers up to its own version; newer ones are read with COPY.
async fn becomes_equal(from: &Node, to: &Node, source: &Database, target: &Database) {
    let options = SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() };
    let peer = from.name();

    let status = to.sync("pull", peer, &options).await;

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
