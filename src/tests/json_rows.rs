//! Rows as JSON messages: the same result as by any other way, through any proxy.

use tandem::model::{DeletePolicy, Method, Phase, Relation, Scope, SyncOptions, SyncResult, SyncStatus};

use crate::support::{self, Node, Proxy, Written, nodes};

async fn by_rows(starter: &Node, action: &str, peer: &str, options: &SyncOptions) -> SyncStatus {
    let status = starter.sync_by("rows", action, peer, options).await;
    assert_eq!((status.phase, status.method), (Phase::Verified, Method::Rows), "{status:#?}");
    status
}

/// The content of both databases, as the comparison after the commit has found it.
fn lanes(result: &SyncResult) -> [String; 2] {
    [&result.source, &result.target].map(|print| print.as_ref().unwrap().lanes.clone())
}

/// Into empty tables, and once more after a drift; the other ways then find nothing to do.
async fn mends(sample: &str, action: &str) {
    let (source, target) = support::databases(sample, &format!("{sample}_schema")).await;
    let (north, south) = nodes(&source, &target).await;
    let (starter, peer) = if action == "pull" { (&south, "north") } else { (&north, "south") };
    let options = SyncOptions::default();

    let first = by_rows(starter, action, peer, &options).await;
    support::assert_same_rows(&source, &target).await;
    let first = first.result.unwrap();
    assert_eq!(first.relation, Relation::Identical);
    assert!(first.inserted > 0 && first.archive_bytes > first.rows, "{first:?}");

    source.drift().await;
    let mirror = SyncOptions { deletes: DeletePolicy::Mirror, ..options.clone() };
    let second = by_rows(starter, action, peer, &mirror).await.result.unwrap();
    assert!(second.inserted > 0 && second.updated > 0 && second.deleted > 0, "{second:?}");
    support::assert_same_rows(&source, &target).await;

    let before = Written::of(&target).await;
    for method in ["backup", "delta"] {
        let status = starter.sync_by(method, action, peer, &options).await;
        let other = status.result.unwrap();
        assert_eq!(status.phase, Phase::Verified);
        assert_eq!(lanes(&other), lanes(&second), "{method} sees another content");
        assert_eq!((other.inserted, other.updated, other.deleted), (0, 0, 0), "{method}");
    }
    assert_eq!(before.until(&Written::of(&target).await), [].into());
    assert_eq!((north.spool_files(), south.spool_files()), (0, 0));
}

#[tokio::test]
async fn pagila_pulled_by_rows_is_right_row_for_row() {
    mends("pagila", "pull").await;
}

#[tokio::test]
async fn chinook_pushed_by_rows_is_right_row_for_row() {
    mends("chinook", "push").await;
}

#[tokio::test]
async fn the_shop_by_rows_is_right_row_for_row() {
    mends("shop", "pull").await;
    mends("shop", "push").await;
}

/// Every connection breaks after some messages, those about the state included.
async fn cuts_only_cost_time(action: &str) {
    let (source, target) = support::databases("shop", "shop_schema").await;
    let (mut north, mut south) = nodes(&source, &target).await;
    let (starter, other) = if action == "pull" { (&mut south, &north) } else { (&mut north, &south) };
    let proxy = Proxy::start(other.port(), 250_000).await;
    let peer = if action == "pull" { "north" } else { "south" };
    starter.terminate().await;
    starter.peer(peer, proxy.port());
    starter.set("SYNC_BATCH_SIZE", "200");
    starter.start().await;

    let status = by_rows(starter, action, peer, &SyncOptions::default()).await;

    assert!(proxy.cuts() >= 3, "{} cuts of {} bytes", proxy.cuts(), status.bytes_done);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn a_pull_by_rows_goes_on_after_cuts() {
    cuts_only_cost_time("pull").await;
}

#[tokio::test]
async fn a_push_by_rows_goes_on_after_cuts() {
    cuts_only_cost_time("push").await;
}

#[tokio::test]
async fn auto_takes_rows_only_where_no_archive_comes_through() {
    for action in ["pull", "push"] {
        let (source, target) = support::databases("chinook", "chinook_schema").await;
        let (mut north, mut south) = nodes(&source, &target).await;
        let (starter, other) = if action == "pull" { (&mut south, &north) } else { (&mut north, &south) };
        let proxy = Proxy::of_json_only(other.port()).await;
        let peer = if action == "pull" { "north" } else { "south" };
        starter.terminate().await;
        starter.peer(peer, proxy.port());
        starter.start().await;

        let status = starter.sync(action, peer, &SyncOptions::default()).await;

        assert_eq!((status.phase, status.method), (Phase::Verified, Method::Rows), "{status:#?}");
        assert!(status.reason.contains("no archive"), "{}", status.reason);
        support::assert_same_rows(&source, &target).await;
    }
}

#[tokio::test]
async fn a_part_comes_by_rows_too() {
    let (source, target) = support::databases("shop", "shop_schema").await;
    let (_north, south) = nodes(&source, &target).await;
    let scope =
        Scope { business: Some("2".to_owned()), exclude: vec!["audit*".to_owned()], ..Scope::default() };

    by_rows(&south, "pull", "north", &SyncOptions { scope, ..SyncOptions::default() }).await;

    let orders = "select count(*) from orders where business_id = 2";
    assert_eq!(target.value::<i64>("select count(*) from orders").await, source.value::<i64>(orders).await);
    assert_eq!(target.value::<i64>("select count(*) from audit_log").await, 0);
}

#[tokio::test]
async fn a_row_that_no_message_can_hold_is_named_before_anything_is_written() {
    let (source, target) = support::databases("empty", "empty").await;
    for database in [&source, &target] {
        database.execute("create table long (id integer primary key, text text)").await;
    }
    source.execute("insert into long values (1, 'short'), (2, repeat(md5('x'), 300000))").await;
    let (_north, south) = nodes(&source, &target).await;
    let before = Written::of(&target).await;

    let status = south.sync_by("rows", "pull", "north", &SyncOptions::default()).await;

    assert_eq!(status.phase, Phase::Failed, "{status:#?}");
    assert!(status.error.unwrap().message.contains("public.long"));
    assert_eq!(before.until(&Written::of(&target).await), [].into());
}
