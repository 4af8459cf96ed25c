//! One sync at a time on each node: whoever comes second is told which one runs.

use tandem::model::{Phase, Step, SyncOptions};

use crate::support::{self, StatusCode, nodes};

fn options() -> SyncOptions {
    SyncOptions::default()
}

#[tokio::test]
async fn a_second_start_is_told_which_sync_runs() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (north, south) = nodes(&source, &target).await;
    let mut lock = target.connect().await;
    sqlx::raw_sql("begin; lock table genre in share row exclusive mode").execute(&mut lock).await.unwrap();
    let id = south.held_in("pull", "north", Step::Restore).await;

    for (node, action, peer) in
        [(&south, "pull", "north"), (&north, "push", "south"), (&north, "pull", "south")]
    {
        let (status, error) = node.start_sync(action, peer, &options()).await.unwrap_err();
        assert_eq!((status, error["code"].as_str()), (StatusCode::CONFLICT, Some("busy")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(&id), "{error}");
    }

    sqlx::raw_sql("rollback").execute(&mut lock).await.unwrap();
    assert_eq!(south.until(&id, |status| status.phase.is_final()).await.phase, Phase::Verified);
}

#[tokio::test]
async fn many_clicks_at_once_start_one_sync() {
    let (source, target) = support::databases("chinook", "chinook_schema").await;
    let (north, south) = nodes(&source, &target).await;

    let options = options();
    let clicks = (0..20).map(|_| south.start_sync("pull", "north", &options));
    let started: Vec<String> =
        futures::future::join_all(clicks).await.into_iter().filter_map(Result::ok).collect();

    assert_eq!(started.len(), 1);
    assert_eq!(south.until(&started[0], |status| status.phase.is_final()).await.phase, Phase::Verified);
    drop(north);
}

#[tokio::test]
async fn of_two_nodes_that_start_against_each_other_one_gets_its_way() {
    let (source, target) = support::databases("chinook", "chinook").await;
    let (north, south) = nodes(&source, &target).await;
    for _ in 0..5 {
        let options = options();
        let (first, second) = tokio::join!(
            north.start_sync("pull", "south", &options),
            south.start_sync("pull", "north", &options)
        );
        let refused = [&first, &second].into_iter().filter(|answer| answer.is_err()).count();
        assert_eq!(refused, 1, "{first:?} {second:?}");
        let (winner, id) =
            if let Ok(id) = &first { (&north, id) } else { (&south, second.as_ref().unwrap()) };
        assert_eq!(winner.until(id, |status| status.phase.is_final()).await.phase, Phase::Verified);
        // The loser shows the same session to its end before it can be asked again.
        let loser = if first.is_ok() { &south } else { &north };
        loser.until(id, |status| status.phase.is_final()).await;
    }
}
