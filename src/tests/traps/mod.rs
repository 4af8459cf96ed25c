//! What goes wrong when rows are restored into a database that lives: one module an idea, each test fails without its
//! handling.

mod columns;
mod deletes;
mod drift;
mod encodings;
mod foreign_keys;
mod infrastructure;
mod inheritance;
mod keys;
mod large;
mod partitions;
mod security;
mod sequences;
mod skipped;
mod triggers;
mod uniques;
mod values;
mod writers;

use tandem::model::{
    Code, DeletePolicy, Phase, Relation, Step, SyncError, SyncOptions, SyncResult, SyncStatus,
};

use crate::support::{self, Contents, Database, Node, Written, nodes};

/// A source with its node `north`, a target with its node `south`.
pub(crate) struct Pair {
    pub(crate) source: Database,
    pub(crate) target: Database,
    pub(crate) north: Node,
    pub(crate) south: Node,
}

pub(crate) fn keep() -> SyncOptions {
    SyncOptions::default()
}

pub(crate) fn mirror() -> SyncOptions {
    SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

/// Both get `schema`, and each its own rows.
async fn pair(schema: &str, source_rows: &str, target_rows: &str) -> Pair {
    pair_of(&format!("{schema};{source_rows}"), &format!("{schema};{target_rows}")).await
}

async fn pair_of(source_script: &str, target_script: &str) -> Pair {
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(source_script).await;
    target.execute(target_script).await;
    between(source, target).await
}

async fn between(source: Database, target: Database) -> Pair {
    let (north, south) = nodes(&source, &target).await;
    Pair { source, target, north, south }
}

impl Pair {
    pub(crate) async fn pull(&self, options: &SyncOptions) -> SyncStatus {
        self.south.sync("pull", "north", options).await
    }

    /// The sync is proven, by the engine and where the policy promises equality by our own comparison, and the same
    /// again writes nothing.
    pub(crate) async fn verified(&self, options: &SyncOptions) -> SyncStatus {
        let before = Contents::of(&self.target).await;
        let mut status = self.pull(options).await;
        assert_eq!(status.phase, Phase::Verified, "{:?} {:?}", status.error, status.message);
        if status.result.as_ref().unwrap().undo_until_us.is_some() {
            self.is_undone(&status, &before).await;
            status = self.pull(options).await;
            assert_eq!(status.phase, Phase::Verified, "{:?} {:?}", status.error, status.message);
        }
        if status.result.as_ref().unwrap().relation == Relation::Identical {
            support::assert_same_rows(&self.source, &self.target).await;
        }
        self.writes_nothing_again(options).await;
        status
    }

    /// After the undo every row is as it was.
    async fn is_undone(&self, status: &SyncStatus, before: &Contents) {
        let undone = self.south.undo(&status.session_id, false).await;
        assert_eq!(undone.phase, Phase::Verified, "{:?} {:?}", undone.error, undone.message);
        assert_eq!(before.until(&Contents::of(&self.target).await), [""; 0]);
    }

    pub(crate) async fn writes_nothing_again(&self, options: &SyncOptions) {
        let before = Written::of(&self.target).await;
        let sequences = self.target.sequences().await;
        let again = self.pull(options).await;
        assert_eq!(again.phase, Phase::Verified, "{:?} {:?}", again.error, again.message);
        let result = again.result.unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted, result.sequences_raised), (0, 0, 0, 0));
        assert_eq!(before.until(&Written::of(&self.target).await), [].into());
        assert_eq!(self.target.sequences().await, sequences);
    }

    /// Identical afterwards, whatever the target held.
    pub(crate) async fn mirrored(&self) -> SyncResult {
        let result = self.verified(&mirror()).await.result.unwrap();
        assert_eq!(result.relation, Relation::Identical);
        result
    }

    /// The sync fails in `step` with `code`, each of `parts` is said, and the target is as it was.
    pub(crate) async fn refused(
        &self,
        options: &SyncOptions,
        step: Step,
        code: Code,
        parts: &[&str],
    ) -> SyncError {
        let before = Written::of(&self.target).await;
        let status = self.pull(options).await;
        assert_eq!(status.phase, Phase::Failed, "{:?}", status.message);
        let error = status.error.unwrap();
        assert_eq!((error.code, error.step), (code, Some(step)), "{error:?}");
        let said = format!("{} {}", error.message, error.hint);
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
        assert!(!error.hint.is_empty(), "{error:?}");
        assert_eq!(before.until(&Written::of(&self.target).await), [].into());
        error
    }

    /// What the last sync wrote into its log on the target's side.
    pub(crate) async fn log_of(&self, status: &SyncStatus) -> String {
        let detail = self.south.detail(status.session_id.as_str()).await;
        detail.log.iter().map(|line| format!("{}\n", line.text)).collect()
    }
}

/// Each of `parts` is in `text`.
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}
