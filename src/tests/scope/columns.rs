//! Columns that are not sent.

use tandem::model::{Phase, Scope, SyncOptions};

use super::{assert_verified, count, of, says};
use crate::support::{self, StatusCode, nodes};

fn without(columns: &[&str]) -> Scope {
    Scope { without_columns: columns.iter().map(|text| (*text).to_owned()).collect(), ..Scope::default() }
}

#[tokio::test]
async fn columns_that_are_left_out_keep_the_targets_values_by_every_method() {
    for method in ["backup", "delta", "rows"] {
        let (source, target) = support::databases("shop", "shop").await;
        let (north, south) = nodes(&source, &target).await;
        // One column that the target lacks, and one in which it has values of its own.
        source
            .execute(
                "alter table customers add column shelf text default 'A1';
                 insert into customers (id, business_id, full_name, phone, created_at, updated_at)
                 values (900001, 1, 'New', '123', now(), now())",
            )
            .await;
        target.execute("update customers set phone = 'own', full_name = 'other' where id % 10 = 0").await;
        let own = "customers where phone = 'own' and full_name <> 'other'";

        let status =
            south.sync_by(method, "pull", "north", &of(without(&["customers.phone", "public.*.she*"]))).await;

        assert_verified(&status);
        assert!(status.message.contains("without the columns customers.phone"), "{}", status.message);
        assert_eq!(
            count(&target, own).await,
            count(&source, "customers where id % 10 = 0").await,
            "{method}"
        );
        assert_eq!(count(&target, "customers where id = 900001 and phone is null").await, 1);
        if method == "backup" {
            assert!(says(&north, &status, "pg_dump cannot leave out columns").await);
        }
        // Again there is nothing to write.
        let again =
            south.sync_by(method, "pull", "north", &of(without(&["customers.phone", "*.shelf"]))).await;
        assert_verified(&again);
        let result = again.result.unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted), (0, 0, 0), "{method}");
    }
}

#[tokio::test]
async fn a_column_that_rows_are_told_apart_by_is_not_left_out() {
    let (source, target) = support::databases("shop", "shop").await;
    let (_north, south) = nodes(&source, &target).await;
    for (pattern, said) in [
        ("customers.id", "without which its rows cannot be told"),
        ("customers.*", "without which its rows cannot be told"),
        ("customers.nothing", "fits no column"),
        ("phone", "fits no column"),
    ] {
        let status = south.sync("pull", "north", &of(without(&[pattern]))).await;
        let error = status.error.unwrap();
        assert_eq!(status.phase, Phase::Failed);
        assert!(error.message.contains(said) && !error.hint.is_empty(), "{pattern}: {error:?}");
    }
    let initialise = SyncOptions { initialise: true, ..of(without(&["customers.phone"])) };
    let (code, _) = south.start_sync_by("auto", "pull", "north", &initialise).await.unwrap_err();
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY);
}
