//! What two nodes tell each other of one sync: each time only what the other has not heard. With thousands of tables
//! the whole state, several times a second, would fill a slow line.

use crate::model::wire::Said;
use crate::model::{SyncStatus, TableDigest, TableStatus};

/// One node's side of it.
#[derive(Default)]
pub(crate) struct Talk {
    /// Counts what was said, and what was said in all of it.
    number: u64,
    tables: Vec<TableStatus>,
    has_digests: bool,
    /// The number of that which the other has heard last.
    arrived: u64,
    /// The number of what the other has said last, and its tables after that.
    heard: u64,
    theirs: Vec<TableStatus>,
}

impl Talk {
    /// `status` and the source's digests, once they are known, as news.
    pub(crate) fn say(&mut self, mut status: SyncStatus, digests: Option<&Vec<TableDigest>>) -> Said {
        if self.arrived != self.number {
            // What was said last may be lost, so all is said again.
            self.tables.clear();
            self.has_digests = false;
        }
        self.number += 1;
        let tables = std::mem::take(&mut status.tables);
        let is_news = |(place, table): &(usize, &TableStatus)| self.tables.get(*place) != Some(*table);
        let changed = tables.iter().enumerate().filter(is_news);
        let changed = changed.map(|(place, table)| (place, table.clone())).collect();
        let count = tables.len();
        self.tables = tables;
        let digests = digests.filter(|_| !self.has_digests).cloned();
        self.has_digests |= digests.is_some();
        // The log and the graph stay at home: each node keeps its own.
        (status.log, status.samples) = (Vec::new(), Vec::new());
        Said { number: self.number, heard: self.heard, status, tables: count, changed, digests }
    }

    /// The other's state as it is now, and its digests when they are news.
    pub(crate) fn hear(&mut self, said: Said) -> (SyncStatus, Option<Vec<TableDigest>>) {
        (self.heard, self.arrived) = (said.number, said.heard);
        self.theirs.truncate(said.tables);
        for (place, table) in said.changed {
            match self.theirs.get_mut(place) {
                Some(known) => *known = table,
                None => self.theirs.push(table),
            }
        }
        (SyncStatus { tables: self.theirs.clone(), ..said.status }, said.digests)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::model::TableState;

    fn table(name: u8, rows_done: u64) -> TableStatus {
        TableStatus {
            name: name.to_string(),
            state: TableState::Staging,
            rows_done,
            rows_total: None,
            inserted: 0,
            updated: 0,
            deleted: 0,
            unchanged: 0,
            target_only: 0,
        }
    }

    fn status(tables: Vec<TableStatus>) -> SyncStatus {
        SyncStatus { tables, ..SyncStatus::example() }
    }

    fn states() -> impl Strategy<Value = Vec<TableStatus>> {
        vec((0..3u8, 0..3u64).prop_map(|(name, rows)| table(name, rows)), 0..5)
    }

    proptest! {
        /// Each round the starter reports and is answered; either of the two may be lost on the way.
        #[test]
        fn what_is_heard_is_what_was_said_whatever_is_lost(
            rounds in vec((states(), states(), any::<bool>(), 0..3u8), 1..20),
        ) {
            let (mut starter, mut other) = (Talk::default(), Talk::default());
            let mut digests = 0;
            for (ours, theirs, known, lost) in rounds {
                let said = starter.say(status(ours.clone()), None);
                if lost == 1 {
                    continue;
                }
                prop_assert_eq!(other.hear(said).0.tables, ours);
                let answer = other.say(status(theirs.clone()), known.then_some(&Vec::new()));
                if lost == 2 {
                    continue;
                }
                let (status, news) = starter.hear(answer);
                prop_assert_eq!(status.tables, theirs);
                prop_assert!(!known || digests > 0 || news.is_some());
                digests += usize::from(news.is_some());
            }
        }
    }

    #[test]
    fn what_was_heard_is_not_said_again() {
        let (mut starter, mut other) = (Talk::default(), Talk::default());
        let tables = vec![table(1, 0), table(2, 0)];
        let first = starter.say(status(tables.clone()), Some(&Vec::new()));
        assert_eq!((first.changed.len(), first.digests.is_some()), (2, true));
        other.hear(first);
        starter.hear(other.say(status(Vec::new()), None));

        let second = starter.say(status(vec![table(1, 0), table(2, 5)]), Some(&Vec::new()));
        assert_eq!((second.changed, second.digests), (vec![(1, table(2, 5))], None));
    }
}
