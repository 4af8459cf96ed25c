//! What a merge has written -> the rows by which a foreign key that held before can have come to lead nowhere.

use std::collections::BTreeSet;

use super::foreign_keys::Key;
use super::statements::Target;
use crate::catalog::TableName;
use crate::sql::Sql;

/// What a merge has done so far.
pub(super) struct Affected<'a> {
    pub(super) targets: &'a [Target],
    /// The tables that were written to, by their place.
    pub(super) touched: &'a [usize],
    /// Those of which rows were deleted that do not come back.
    pub(super) deleted: &'a BTreeSet<usize>,
    /// Rows were written that are not staged.
    pub(super) beyond: bool,
}

/// Where to look.
pub(super) enum Reach {
    Nowhere,
    /// In the staged rows of the child.
    Staged(Sql),
    Everywhere,
}

impl Affected<'_> {
    /// Of the tables that were written to.
    pub(super) fn names(&self) -> Vec<TableName> {
        self.touched.iter().map(|&at| self.targets[at].table.name.clone()).collect()
    }

    pub(super) fn reach(&self, key: &Key) -> Reach {
        if self.beyond || !self.parent_stays(key) {
            return Reach::Everywhere;
        }
        // The keys of a partition are about a part of the staged rows only.
        match self.place(&key.child_root).map(|at| &self.targets[at]) {
            None => Reach::Nowhere,
            Some(child)
                if child.comes_in_few
                    && child.table.name == key.child
                    && key.columns.iter().all(|column| child.columns.contains(column)) =>
            {
                Reach::Staged(child.stage_relation())
            }
            Some(_) => Reach::Everywhere,
        }
    }

    /// No row of the parent is gone, and none has got another value where it is referenced: rows keep their keys.
    fn parent_stays(&self, key: &Key) -> bool {
        let Some(at) = self.place(&key.parent_root) else { return true };
        let parent = &self.targets[at];
        !self.deleted.contains(&at)
            && parent.table.name == key.parent
            && !parent.key.is_empty()
            && key.parent_columns.iter().all(|column| parent.key.iter().any(|(name, _)| name == column))
    }

    fn place(&self, table: &TableName) -> Option<usize> {
        self.touched.iter().copied().find(|at| self.targets[*at].table.name == *table)
    }
}
