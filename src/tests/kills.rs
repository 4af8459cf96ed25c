//! Nodes that are killed at any moment: the target has all of a sync or nothing, both sessions say which, and the next
//! sync works.
//!
//! `TANDEM_KILLS=n` tries more of them. Each moment is a time, because any may be the one: there is no state to wait for.

use std::time::{Duration, Instant};

use tandem::model::{DeletePolicy, Phase, SyncOptions};

use crate::random::{Chance, setting};
use crate::support::{self, Contents, Database, Node, nodes};

const KILLS: u64 = 8;
/// A node that is back ends its session at both: nobody waits for the silence of a peer to be long enough.
const SOON: Duration = Duration::from_secs(30);
const METHODS: [&str; 3] = ["delta", "backup", "rows"];

#[tokio::test]
async fn a_node_that_is_killed_at_any_moment_leaves_all_or_nothing() {
    let kills = setting("TANDEM_KILLS").unwrap_or(KILLS);
    let mut chance = Chance::new(kills);
    let (source, target) = support::databases("chinook", "chinook").await;
    let (mut north, mut south) = nodes(&source, &target).await;
    let mirror = SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() };
    let started = Instant::now();
    assert_eq!(south.sync_by("backup", "pull", "north", &mirror).await.phase, Phase::Verified);
    let longest = usize::try_from(started.elapsed().as_millis()).unwrap();

    for number in 0..kills {
        change(&source, number).await;
        let (before, wanted) = (Contents::of(&target).await, Contents::of(&source).await);
        let method = *chance.pick(&METHODS);
        let (starter, action, peer) = match chance.happens(50) {
            true => (&south, "pull", "north"),
            false => (&north, "push", "south"),
        };
        let id = starter.start_sync_by(method, action, peer, &mirror).await.unwrap();
        let time = Duration::from_millis(chance.below(longest) as u64);
        // It may have ended by then.
        let ended = starter.until(&id, |status| status.phase.is_final());
        tokio::time::timeout(time, ended).await.map(drop).unwrap_or_default();
        let killed = ["north", "south", "both"][chance.below(3)];
        if killed != "south" {
            restarted(&mut north).await;
        }
        if killed != "north" {
            restarted(&mut south).await;
        }

        let what = format!("kill {number}: {method}, {action}, {killed} after {time:?}");
        let (there, here) = (end(&north, &id, &what).await, end(&south, &id, &what).await);
        assert_eq!(there.is_committed(), here.is_committed(), "{what}: {there:?} and {here:?}");
        let all = if here.is_committed() { &wanted } else { &before };
        assert_eq!(all.until(&Contents::of(&target).await), [""; 0], "{what}: {here:?}");
        for node in [&north, &south] {
            assert_eq!(node.spool_files(), 0, "{what}");
        }
    }

    assert_eq!(south.sync("pull", "north", &mirror).await.phase, Phase::Verified);
    support::assert_same_rows(&source, &target).await;
}

/// Rows that come, change and go.
async fn change(source: &Database, number: u64) {
    source
        .execute(&format!(
            "update track set composer = 'after kill {number}' where track_id % 5 = {number} % 5;
             delete from playlist_track where track_id % 50 = {number} % 50;
             insert into genre (genre_id, name) overriding system value values (9000 + {number}, 'kill {number}')"
        ))
        .await;
}

async fn restarted(node: &mut Node) {
    node.kill().await;
    node.start().await;
}

/// How the session has ended there, once that is known.
async fn end(node: &Node, id: &str, what: &str) -> Phase {
    let known = node.until(id, |status| status.phase.is_final() && !status.in_doubt);
    match tokio::time::timeout(SOON, known).await {
        Ok(status) => status.phase,
        Err(_) => panic!("{what}: {} does not know the end: {:#?}", node.name(), node.status(id).await),
    }
}
