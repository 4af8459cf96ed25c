//! A sync that may send only so much in a second.

use tandem::model::{Code, Phase, SyncOptions};

use crate::support::{self, nodes};

/// About 600 kB of text that does not compress.
const ROWS: &str = "insert into thing
                    select n, (select string_agg(md5(n::text || m), '') from generate_series(1, 18) m)
                    from generate_series(1, 1000) n";

fn at_most(kilobytes: u64) -> SyncOptions {
    SyncOptions { compress: false, bandwidth_kb: Some(kilobytes), ..SyncOptions::default() }
}

#[tokio::test]
async fn no_more_is_sent_in_a_second_than_is_allowed() {
    let schema = "create table thing (id int primary key, body text)";
    for (method, action) in [("backup", "pull"), ("backup", "push"), ("rows", "pull"), ("rows", "push")] {
        let (source, target) = support::databases("empty", "empty").await;
        source.execute(&format!("{schema}; {ROWS}")).await;
        target.execute(schema).await;
        let (north, south) = nodes(&source, &target).await;
        let (starter, peer) = if action == "pull" { (&south, "north") } else { (&north, "south") };

        let status = starter.sync_by(method, action, peer, &at_most(200)).await;

        assert_eq!(status.phase, Phase::Verified, "{method} {action}: {status:#?}");
        // One piece of at most 256 KiB leaves before anything has to wait.
        assert!(status.elapsed_ms >= 1_500, "{method} {action} took {} ms", status.elapsed_ms);
        support::assert_same_rows(&source, &target).await;
    }
}

#[tokio::test]
async fn a_limit_that_looks_like_a_dead_connection_is_refused() {
    let (source, target) = support::databases("empty", "empty").await;
    let (_north, south) = nodes(&source, &target).await;

    let (_, refused) = south.start_sync("pull", "north", &at_most(63)).await.unwrap_err();

    assert_eq!(refused["code"], serde_json::to_value(Code::BadRequest).unwrap());
    assert!(refused["hint"].as_str().unwrap().contains("64 kB"), "{refused}");
}
