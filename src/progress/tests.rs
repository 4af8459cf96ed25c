//! What the two sides of a sync know of its progress, and when.

use super::*;

fn progress() -> Progress {
    Progress::start(SyncStatus::example(), watch::Sender::new(None))
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
