//! Rows that an admin has chosen in a preview come in, and no others.

use tandem::model::{ChosenRow, Code, DeletePolicy, Phase, Relation, RowErrors, SyncOptions};

use super::pair;
use crate::support::Written;

#[tokio::test]
async fn only_the_chosen_rows_are_synced() {
    let schema = "create table thing (id int, part text, name text, primary key (id, part)); create table other (id int primary key)";
    for method in ["auto", "delta", "backup"] {
        let pair = pair(
            schema,
            "insert into thing values (1, 'a', 'new'), (2, 'a', 'new'), (3, 'a', 'new'), (4, 'a', 'new'); insert into other values (1)",
            "insert into thing values (1, 'a', 'old'), (2, 'a', 'old'), (8, 'a', 'own'), (9, 'a', 'own')",
        )
        .await;
        let row =
            |id: &str| ChosenRow { table: "thing".to_owned(), key: vec![id.to_owned(), "a".to_owned()] };
        let rows = vec![row("1"), row("3"), row("9")];
        let options = SyncOptions { rows, deletes: DeletePolicy::Mirror, ..SyncOptions::default() };

        let status = pair.pull(method, &options).await;

        assert_eq!(status.phase, Phase::Verified, "{status:#?}");
        let result = status.result.clone().unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted), (1, 1, 1));
        assert_eq!(result.relation, Relation::Chosen { rows: 3 });
        assert_eq!(pair.text("select id || name from thing").await, "1new, 2old, 3new, 8own");
        assert_eq!(pair.target.value::<i64>("select count(*) from other").await, 0);
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn what_was_chosen_and_is_not_there_is_refused_by_name_before_anything_is_written() {
    let schema = "create table thing (id int, part text, name text, primary key (id, part)); create table other (id int primary key)";
    for method in ["delta", "backup"] {
        let pair = pair(
            schema,
            "insert into thing values (1, 'a', 'new'), (2, 'a', 'same'); insert into other values (1)",
            "insert into thing values (2, 'a', 'same'), (9, 'a', 'own'); insert into other values (1)",
        )
        .await;
        let row = |table: &str, key: &[&str]| ChosenRow {
            table: table.to_owned(),
            key: key.iter().map(ToString::to_string).collect(),
        };
        let there = [row("thing", &["1", "a"]), row("thing", &["2", "a"]), row("other", &["1"])];
        let lost =
            [row("thing", &["7", "a"]), row("other", &["5"]), row("nowhere", &["1"]), row("thing", &["1"])];
        let options = |rows| SyncOptions { rows, ..SyncOptions::default() };
        let before = Written::of(&pair.target).await;

        let status = pair.pull(method, &options([&there[..], &lost].concat())).await;

        let error = status.error.unwrap();
        assert_eq!((status.phase, error.code), (Phase::Failed, Code::Refused), "{error:?}");
        for named in ["row (7, a) of thing", "row (5) of other", "table nowhere", "thing is named by (1)"] {
            assert!(error.message.contains(named), "{named}: {error:?}");
        }
        assert!(!error.message.contains("(2, a)") && error.hint.contains("preview"), "{error:?}");
        assert_eq!(before.until(&Written::of(&pair.target).await), [].into());

        // A row that only one side has is a choice like any other, and so is one that is equal. What only the target has
        // is kept, and not said to be as on the source.
        let status = pair.pull(method, &options([&there[..], &[row("thing", &["9", "a"])]].concat())).await;
        assert_eq!(status.phase, Phase::Verified, "{status:#?}");
        assert_eq!(status.result.unwrap().relation, Relation::Chosen { rows: 3 });
        assert_eq!(pair.text("select id || name from thing").await, "1new, 2same, 9own");
    }
}

#[tokio::test]
async fn a_chosen_row_that_was_left_out_is_not_called_verified() {
    let pair = pair(
        "create table thing (id int primary key, size int)",
        "insert into thing values (1, 1), (2, -2)",
        "alter table thing add check (size > 0)",
    )
    .await;
    let rows = ["1", "2"].map(|id| ChosenRow { table: "thing".to_owned(), key: vec![id.to_owned()] });
    let options =
        SyncOptions { rows: rows.to_vec(), row_errors: RowErrors::Isolate, ..SyncOptions::default() };

    let status = pair.pull("backup", &options).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    let result = status.result.unwrap();
    assert_eq!((result.set_aside, result.relation), (1, Relation::Chosen { rows: 1 }));
}

/// Somebody has made it equal since the preview: a delta does not send it, and that does not make it surplus.
#[tokio::test]
async fn a_chosen_row_that_is_equal_by_now_stays() {
    for method in ["delta", "backup"] {
        let pair = pair(
            "create table thing (id int primary key, name text)",
            "insert into thing values (1, 'new'), (2, 'same')",
            "insert into thing values (1, 'old'), (2, 'same'), (3, 'own'), (4, 'own')",
        )
        .await;
        let rows =
            ["1", "2", "3"].map(|id| ChosenRow { table: "thing".to_owned(), key: vec![id.to_owned()] });
        let options =
            SyncOptions { rows: rows.to_vec(), deletes: DeletePolicy::Mirror, ..SyncOptions::default() };

        let status = pair.pull(method, &options).await;

        assert_eq!(status.phase, Phase::Verified, "{status:#?}");
        assert_eq!(status.result.unwrap().relation, Relation::Chosen { rows: 3 });
        assert_eq!(pair.text("select id || name from thing").await, "1new, 2same, 4own");
    }
}

#[tokio::test]
async fn while_tables_are_made_rows_cannot_be_chosen() {
    let pair = pair(
        "create table thing (id int primary key)",
        "insert into thing values (1), (2); create table lacking (id int primary key); insert into lacking values (1), (2)",
        "",
    )
    .await;
    let rows =
        ["thing", "lacking"].map(|table| ChosenRow { table: table.to_owned(), key: vec!["1".to_owned()] });
    let options = SyncOptions { rows: rows.to_vec(), initialise: true, ..SyncOptions::default() };
    let before = Written::of(&pair.target).await;

    let error = pair.pull("backup", &options).await.error.unwrap();

    assert_eq!(error.code, Code::Refused, "{error:?}");
    assert!(error.message.contains("1 table is made") && error.hint.contains("whole"), "{error:?}");
    assert_eq!(before.until(&Written::of(&pair.target).await), [].into());
}
