//! Two PostgreSQL servers and two nodes → `BENCHMARKS.md`: Tandem beside PostgreSQL's own tools, in one run.

mod link;
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

const READING: &str = "`pg_dump --data-only > /dev/null`";

/// So many times the usual data makes a database of 10 GB, indexes included.
const LARGE: u32 = 50;

pub(crate) fn run() -> Result<()> {
    let paths = Paths::find();
    let stage = Stage::open(&paths, 1)?;
    let mut report = Report::new(machine::facts(&stage.source)?, stage.source.size()?);

    let first = first_sync(&stage, &mut report, RUNS)?;
    upserts(&stage, &mut report, &first)?;
    again(&stage, &mut report, &first, RUNS)?;
    one_percent(&stage, &mut report, &first)?;
    every_row(&stage, &mut report)?;
    slow_link(&stage, &mut report)?;
    memory(&stage, &mut report)?;
    report.publish(&paths.root.join("BENCHMARKS.md"), report::USUAL)
}

/// The same work once, on a database that no memory holds.
pub(crate) fn run_large() -> Result<()> {
    let paths = Paths::find();
    let stage = Stage::open(&paths, LARGE)?;
    let mut report = Report::new(machine::facts(&stage.source)?, stage.source.size()?);

    let first = first_sync(&stage, &mut report, 1)?;
    again(&stage, &mut report, &first, 1)?;
    memory(&stage, &mut report)?;
    report.publish(&paths.root.join("BENCHMARKS.md"), report::LARGE)
}

/// Into empty tables that have their indexes and foreign keys, against `pg_dump | psql` into an empty database.
/// Taken by turns, so that a slow minute of the machine slows both.
fn first_sync(stage: &Stage, report: &mut Report, runs: usize) -> Result<Vec<Sync>> {
    let (mut reference, mut ours) = (Vec::new(), Vec::new());
    let (mut floor, mut clone) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let empty = stage.target.create("reference")?;
        stage.settle()?;
        reference.push(stage.source.dump_into(&empty)?);
        empty.remove()?;

        let empty = stage.target.create("reference")?;
        stage.settle()?;
        clone.extend(stage.source.clone_into(&empty, stage.folder())?);
        empty.remove()?;

        stage.target.truncate()?;
        stage.settle()?;
        ours.push(stage.pull()?);
        say("first full sync", &reference, &ours);
        let proof = stage.source.dump_both_to_nowhere(&stage.target)?;
        floor.extend(reference.last().map(|written| written + proof));
    }
    report.add(Figure {
        work: "first full sync, verification included",
        reference: "`pg_dump \\| psql` into an empty database",
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 1.1 ×",
        limit: 1.1,
        beside: vec![
            ("the same, then both databases read once more at the same time", floor),
            ("`pgcopydb clone` with two jobs each, which verifies nothing", clone),
        ],
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
        beside: Vec::new(),
        notes: Vec::new(),
    });
    Ok(())
}

/// Nothing has changed since: no row may be written, and next to nothing may travel.
fn again(stage: &Stage, report: &mut Report, first: &[Sync], runs: usize) -> Result<()> {
    let work = "full sync again, nothing changed";
    let Beside { reference, ours, floor } = beside_a_reading(stage, work, runs, || Ok(0.0))?;
    let mut notes = faults(&ours, |sync| sync.written == 0);
    notes.extend(travelled(&ours, first, "under 1 %"));
    report.add(Figure {
        work,
        reference: READING,
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 2 ×, no row written",
        limit: 2.0,
        beside: vec![("both databases read at the same time", floor)],
        notes,
    });
    Ok(())
}

/// One row in a hundred differs: only these may travel.
fn one_percent(stage: &Stage, report: &mut Report, first: &[Sync]) -> Result<()> {
    let work = "1 % of the rows changed";
    let Beside { reference, ours, floor } = beside_a_reading(stage, work, RUNS, || stage.target.drift(100))?;
    let mut notes = faults(&ours, |sync| sync.written * 200 > sync.rows && sync.written * 50 < sync.rows);
    notes.extend(travelled(&ours, first, "under 3 %"));
    report.add(Figure {
        work,
        reference: READING,
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 3 ×",
        limit: 3.0,
        beside: vec![("both databases read at the same time, and as many rows updated", floor)],
        notes,
    });
    Ok(())
}

struct Beside {
    reference: Vec<f64>,
    ours: Vec<Sync>,
    floor: Vec<f64>,
}

/// Syncs into a full target, each after `change` and beside one that only reads. As long as the change took, it takes
/// to undo it.
fn beside_a_reading(
    stage: &Stage,
    work: &str,
    runs: usize,
    change: impl Fn() -> Result<f64>,
) -> Result<Beside> {
    let (mut reference, mut ours, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let changed = change()?;
        stage.settle()?;
        reference.push(stage.source.dump_to_nowhere()?);
        ours.push(stage.pull()?);
        floor.push(changed + stage.source.dump_both_to_nowhere(&stage.target)?);
        say(work, &reference, &ours);
    }
    Ok(Beside { reference, ours, floor })
}

/// How little the last of `syncs` sent, beside the first sync of all.
fn travelled(syncs: &[Sync], first: &[Sync], goal: &str) -> Option<String> {
    let (sync, first) = (syncs.last()?, first.first()?);
    Some(format!(
        "{} rows written; {:.1} % of the first sync's bytes travelled (goal: {goal}), by the method `{}`",
        sync.written,
        percent(sync.archive_bytes, first.archive_bytes),
        sync.method
    ))
}

/// Every row of a full target differs, against what a careful administrator writes by hand. Three runs are long enough.
fn every_row(stage: &Stage, report: &mut Report) -> Result<()> {
    let (mut reference, mut ours, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS / 2 + 1 {
        let other = stage.target.create_full("copies", 1)?;
        other.drift(1)?;
        stage.settle()?;
        reference.push(stage.source.copy_into(&other)?);
        other.remove()?;

        floor.push(stage.target.drift(1)?);
        stage.settle()?;
        ours.push(stage.pull()?);
        say("every row changed", &reference, &ours);
    }
    report.add(Figure {
        work: "every row changed, target full",
        reference: "COPY to temporary tables + `INSERT … ON CONFLICT DO UPDATE` in psql",
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 0.6 ×",
        limit: 0.6,
        beside: vec![("one `UPDATE` of every row, nothing moved, checked or kept", floor)],
        notes: faults(&ours, |sync| sync.rows == sync.written),
    });
    Ok(())
}

/// Into empty tables over 100 Mbit/s, against the time that the compressed bytes alone take there.
#[expect(clippy::cast_precision_loss, reason = "bytes over a speed")]
fn slow_link(stage: &Stage, report: &mut Report) -> Result<()> {
    let mut ours = Vec::new();
    for _ in 0..RUNS / 2 + 1 {
        stage.target.truncate()?;
        stage.settle()?;
        ours.push(stage.pull_slowly()?);
    }
    let seconds = |sync: &Sync| sync.archive_bytes as f64 / f64::from(link::BYTES_A_SECOND);
    let reference: Vec<f64> = ours.iter().map(seconds).collect();
    say("first sync over 100 Mbit/s", &reference, &ours);
    report.add(Figure {
        work: "first full sync over a link of 100 Mbit/s",
        reference: "compressed bytes ÷ speed of the link",
        reference_seconds: reference,
        seconds: ours.iter().map(|sync| sync.seconds).collect(),
        goal: "≤ 1.15 ×",
        limit: 1.15,
        beside: Vec::new(),
        notes: faults(&ours, |sync| sync.rows == sync.inserted),
    });
    Ok(())
}

/// The most that either node has ever held in memory, over everything above.
fn memory(stage: &Stage, report: &mut Report) -> Result<()> {
    for node in &stage.nodes[..2] {
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
