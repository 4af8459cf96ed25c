//! Two PostgreSQL servers and two nodes → `BENCHMARKS.md`: Tandem beside PostgreSQL's own tools, in one run.

mod machine;
mod postgres;
mod report;
mod stage;
mod upsert;

use anyhow::Result;

use self::report::{Figure, Report};
use self::stage::{Stage, Sync};
use crate::paths::Paths;

/// Odd, so that the median is a run that took place.
const RUNS: usize = 5;
const MEMORY_LIMIT_BYTES: u64 = 100_000_000;

pub(crate) fn run() -> Result<()> {
    let paths = Paths::find();
    let stage = Stage::open(&paths)?;
    let mut report = Report::new(machine::facts(&stage.source)?, stage.source.size()?);

    let first = first_sync(&stage, &mut report)?;
    upserts(&stage, &mut report, &first)?;
    again(&stage, &mut report, &first)?;
    memory(&stage, &mut report)?;

    print!("{}", report.table());
    report.write(&paths.root.join("BENCHMARKS.md"))
}

/// Into empty tables that have their indexes and foreign keys, against `pg_dump | psql` into an empty database.
/// Taken by turns, so that a slow minute of the machine slows both.
fn first_sync(stage: &Stage, report: &mut Report) -> Result<Vec<Sync>> {
    let (mut reference, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let empty = stage.target.create("reference")?;
        stage.settle()?;
        reference.push(stage.source.dump_into(&empty)?);
        empty.remove()?;

        stage.target.truncate()?;
        stage.settle()?;
        ours.push(stage.pull()?);
        say("first full sync", &reference, &ours);
    }
    report.add(Figure {
        work: "first full sync, verification included",
        reference: "`pg_dump \\| psql` into an empty database",
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 1.1 ×",
        limit: 1.1,
        notes: faults(&ours, |sync| sync.rows == sync.inserted),
    });
    Ok(ours)
}

/// The same work as statements, which is what people write by hand. One run of it is long enough.
fn upserts(stage: &Stage, report: &mut Report, first: &[Sync]) -> Result<()> {
    let empty = stage.target.create_with_tables("upserts")?;
    stage.settle()?;
    let reference = vec![upsert::dump_as_upserts(&stage.source, &empty)?];
    empty.remove()?;
    say("the same by upserts", &reference, first);
    report.add(Figure {
        work: "the same",
        reference: "`pg_dump --column-inserts` as `ON CONFLICT … DO UPDATE`, one transaction",
        reference_seconds: reference,
        seconds: first.iter().map(|sync| sync.seconds).collect(),
        goal: "≥ 25 × faster (≤ 0.04 ×)",
        limit: 1.0 / 25.0,
        notes: Vec::new(),
    });
    Ok(())
}

/// Nothing has changed since: no row may be written, and next to nothing may travel.
fn again(stage: &Stage, report: &mut Report, first: &[Sync]) -> Result<()> {
    let (mut reference, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        stage.settle()?;
        reference.push(stage.source.dump_to_nowhere()?);
        ours.push(stage.pull()?);
        say("full sync again", &reference, &ours);
    }
    let mut notes = faults(&ours, |sync| sync.written == 0);
    let share = |sync: &Sync| percent(sync.archive_bytes, first.first().map_or(0, |sync| sync.archive_bytes));
    if let Some(sync) = ours.last() {
        notes.push(format!(
            "{} rows written; {:.1} % of the first sync's bytes travelled (goal: under 1 %), by the method `{}`",
            sync.written,
            share(sync),
            sync.method
        ));
    }
    report.add(Figure {
        work: "full sync again, nothing changed",
        reference: "`pg_dump --data-only > /dev/null`",
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 2 ×, no row written",
        limit: 2.0,
        notes,
    });
    Ok(())
}

/// The most that either node has ever held in memory, over everything above.
fn memory(stage: &Stage, report: &mut Report) -> Result<()> {
    for node in &stage.nodes {
        report.add_memory(&node.name, machine::peak_memory_bytes(node.pid())?, MEMORY_LIMIT_BYTES);
    }
    Ok(())
}

/// What went wrong, one sentence each; published with the figures.
fn faults(syncs: &[Sync], is_right: impl Fn(&Sync) -> bool) -> Vec<String> {
    let wrong = syncs.iter().filter(|sync| !sync.is_verified() || !is_right(sync));
    wrong.map(|sync| format!("**wrong**: {}", sync.summary())).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share of bytes, shown with one decimal")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

fn say(work: &str, reference: &[f64], ours: &[Sync]) {
    let last = |seconds: Option<f64>| seconds.unwrap_or_default();
    println!(
        "bench: {work}: reference {:.2} s, Tandem {:.2} s",
        last(reference.last().copied()),
        last(ours.last().map(|sync| sync.seconds))
    );
}
