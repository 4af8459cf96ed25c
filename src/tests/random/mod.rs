//! Random schemas with random rows, synced onto targets with a past of their own: equal afterwards, whatever they are.
//!
//! `TANDEM_SEED=n TANDEM_SEEDS=1` repeats one seed; `TANDEM_SEEDS` alone tries more of them. The scripts of a seed that
//! fails are printed.

mod chance;
mod ddl;
mod kinds;
mod proof;
mod rows;
mod schema;

pub(crate) use chance::Chance;
use futures::StreamExt;
use tandem::model::{DeletePolicy, Phase, Relation, SyncOptions};

use crate::support::{self, Contents, Written, nodes_as};

const SEEDS: u64 = 500;
/// Each for a hundred seeds in turn.
const METHODS: [&str; 4] = ["auto", "delta", "backup", "rows"];
/// Schemas that are synced together, in one database.
const TOGETHER: usize = 50;

/// A setting of a test that is given a number.
pub(crate) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test]
async fn any_schema_with_any_rows_becomes_equal_and_stays_so() {
    let first = setting("TANDEM_SEED").unwrap_or(1);
    let count = setting("TANDEM_SEEDS").unwrap_or(SEEDS);
    let seeds: Vec<u64> = (first..first + count).collect();
    // What the target keeps or loses is one option of a sync, so seeds of one kind go together.
    let (mirrored, kept): (Vec<u64>, Vec<u64>) = seeds.iter().partition(|seed| *seed % 2 == 0);
    let batches: Vec<(&[u64], bool)> = mirrored
        .chunks(TOGETHER)
        .map(|seeds| (seeds, true))
        .chain(kept.chunks(TOGETHER).map(|seeds| (seeds, false)))
        .collect();
    futures::stream::iter(batches)
        .for_each_concurrent(2, |(seeds, mirror)| async move {
            if let Err(problem) = synced(seeds, mirror).await {
                culprit(seeds, mirror, problem).await;
            }
        })
        .await;
}

/// Halves a batch that fails until one seed is left, and says what is needed to look into it.
async fn culprit(seeds: &[u64], mirror: bool, problem: String) {
    let (mut seeds, mut problem) = (seeds, problem);
    while seeds.len() > 1 {
        let (left, right) = seeds.split_at(seeds.len() / 2);
        (seeds, problem) = match synced(left, mirror).await {
            Err(problem) => (left, problem),
            Ok(()) => match synced(right, mirror).await {
                Err(problem) => (right, problem),
                Ok(()) => panic!("together {seeds:?} fail, in halves they do not: {problem}"),
            },
        };
    }
    let seed = seeds[0];
    let schema = schema::schema(seed);
    let (source, target) = rows::scripts(&schema, seed, mirror);
    eprintln!("{}\n-- source\n{source}\n-- target\n{target}", schema.ddl());
    panic!("TANDEM_SEED={seed} TANDEM_SEEDS=1 repeats it: {problem}");
}

/// Syncs the schemas of `seeds` at once, twice.
async fn synced(seeds: &[u64], mirror: bool) -> Result<(), String> {
    let (source, target) = support::databases("empty", "empty").await;
    for &seed in seeds {
        let schema = schema::schema(seed);
        let (source_rows, target_rows) = rows::scripts(&schema, seed, mirror);
        for (database, rows) in [(&source, source_rows), (&target, target_rows)] {
            let script = format!("{}{rows}", schema.ddl());
            database.try_execute(&script).await.map_err(|error| format!("the scripts of {seed}: {error}"))?;
        }
    }
    // By way of the socket: over TCP each table waits 40 ms for an acknowledgement.
    let (source_url, target_url) = (source.url_of_socket().await, target.url_of_socket().await);
    let (_north, south) = nodes_as(&source, &source_url, &target, &target_url).await;
    let deletes = if mirror { DeletePolicy::Mirror } else { DeletePolicy::Keep };
    let options = SyncOptions { deletes, ..SyncOptions::default() };
    let method = METHODS[(seeds[0] as usize).saturating_sub(1) / 100 % METHODS.len()];

    let held = Contents::of(&target).await;
    // Counting and taking back is as general as merging; half of the seeds show it.
    let seen = if mirror { south.preview("pull", "north", &options).await.preview } else { None };
    let mut status = south.sync_by(method, "pull", "north", &options).await;
    if status.phase != Phase::Verified {
        return Err(format!("{:?} {}", status.error, status.message));
    }
    if let Some(seen) = seen {
        let result = status.result.as_ref().unwrap();
        let counted = [
            seen.sum(|table| table.inserted),
            seen.sum(|table| table.updated),
            seen.sum(|table| table.deleted),
        ];
        let done = [result.inserted, result.updated, result.deleted];
        if counted != done {
            return Err(format!("the preview counted {counted:?}, the sync wrote {done:?}"));
        }
        let undone = south.undo(&status.session_id, false).await;
        let found = held.until(&Contents::of(&target).await);
        if undone.phase != Phase::Verified || !found.is_empty() {
            return Err(format!("the undo: {:?} {} {found:?}", undone.error, undone.message));
        }
        status = south.sync_by(method, "pull", "north", &options).await;
    }
    if status.phase != Phase::Verified {
        return Err(format!("after the undo: {:?} {}", status.error, status.message));
    }
    let found = support::differences(&source, &target).await;
    let relation = status.result.unwrap().relation;
    let own: usize = found.iter().map(|row| row.second.len().saturating_sub(row.first.len())).sum();
    let expected = match own {
        0 => Relation::Identical,
        rows => Relation::Contains { target_only_rows: rows as u64 },
    };
    // Where rows are kept, one of a table without a key that has changed is another row.
    let is_kept = |row: &support::Difference| !mirror && row.first.iter().all(|one| row.second.contains(one));
    if relation != expected || !found.iter().all(is_kept) {
        let shown: Vec<String> = found.iter().take(5).map(ToString::to_string).collect();
        return Err(format!("{relation:?}, but {}", shown.join("\n")));
    }
    proof::foreign_keys_hold(&target).await?;
    proof::sequences_are_not_behind(&target).await?;

    let before = Written::of(&target).await;
    let again = south.sync_by(method, "pull", "north", &options).await;
    let written = before.until(&Written::of(&target).await);
    if again.phase != Phase::Verified || !written.is_empty() {
        return Err(format!("the second time: {:?} {} {written:?}", again.error, again.message));
    }
    Ok(())
}
