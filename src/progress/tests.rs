//! What the two sides of a sync know of its progress, and when.

use super::*;

fn progress() -> Progress {
    let status = serde_json::json!({
        "session_id": "0190c0de-0000-7000-8000-000000000000", "direction": "pull", "local": "South",
        "peer": "North", "started_by": "admin", "started_here": true, "options": {}, "phase": "running",
        "method": "backup", "reason": "", "step": 1, "step_name": "", "steps": [], "percent": 0.0,
        "bytes_done": 0, "rows_done": 0, "bytes_per_second": 0, "message": "", "tables": [],
        "samples": [], "log": [], "started_us": 0, "elapsed_ms": 0,
    });
    Progress::start(serde_json::from_value(status).unwrap(), watch::Sender::new(None))
}

#[test]
fn the_target_expects_what_the_source_expects_until_the_source_has_counted() {
    let (source, target) = (progress(), progress());
    let names = ["a", "b"].map(|name| TableName::new("public", name));
    source.tables(names.iter().cloned().zip([Some(10), Some(20)]));
    assert_eq!(target.status().rows_total, None);

    target.adopt(&source.status(), &[Step::Backup]);
    assert_eq!(target.status().rows_total, Some(30));
    // The target's own list comes with the first bytes, and knows no numbers.
    target.tables(names.into_iter().map(|name| (name, None)));
    target.adopt(&source.status(), &[Step::Backup]);
    target.table(0, |table| table.rows_done = 12);
    assert_eq!((target.status().rows_done, target.status().rows_total), (12, Some(32)));

    source.step(Step::Backup, 1_030, None);
    source.done(Step::Backup, "");
    target.adopt(&source.status(), &[Step::Backup]);
    assert_eq!(target.status().rows_total, Some(1_030));
}
