//! Tables in and out by their names.

use tandem::model::{DeletePolicy, Phase, Relation, SyncOptions};

use super::{assert_verified, business, count, of, says, tables};
use crate::support::{self, StatusCode, Written, nodes, nodes_as};

#[tokio::test]
async fn only_the_tables_that_are_named_are_synced() {
    for (method, direction) in [("backup", "pull"), ("delta", "push")] {
        let (source, target) = support::databases("shop", "shop").await;
        let (north, south) = nodes(&source, &target).await;
        target
            .execute("delete from loyalty_points; update \"TaxRates\" set percent = 99; delete from settings where business_id = 1; delete from payments")
            .await;

        let options = of(tables(&["loyalty*", "public.TaxRates", "payments"], &["*s"]));
        let status = match direction {
            "pull" => south.sync_by(method, "pull", "north", &options).await,
            _ => north.sync_by(method, "push", "south", &options).await,
        };

        // Only the loyalty points: the others end with an s.
        assert_eq!(status.phase, Phase::Failed, "{status:#?}");
        assert!(status.error.as_ref().unwrap().message.contains("leaves out every table"), "{status:#?}");

        let options = of(tables(&["loyalty*", "public.TaxRates", "payments"], &["*rates"]));
        let status = match direction {
            "pull" => south.sync_by(method, "pull", "north", &options).await,
            _ => north.sync_by(method, "push", "south", &options).await,
        };
        assert_eq!(status.phase, Phase::Failed, "{status:#?}");
        let message = &status.error.as_ref().unwrap().message;
        assert!(message.contains("*rates") && message.contains("fits no table"), "{message}");

        let options = of(tables(&["loyalty*", "public.TaxRates", "payments"], &["order*"]));
        let status = match direction {
            "pull" => south.sync_by(method, "pull", "north", &options).await,
            _ => north.sync_by(method, "push", "south", &options).await,
        };
        assert_verified(&status);
        assert!(status.message.contains("the chosen tables"), "{}", status.message);
        let result = status.result.clone().unwrap();
        assert_eq!((result.tables, &result.relation), (3, &Relation::Identical));
        assert!(result.skipped.iter().any(|skipped| skipped.name == "public.orders"));
        assert!(result.source.is_none(), "a part has no fingerprint of the database");
        let source_side = if direction == "pull" { &north } else { &south };
        assert!(says(source_side, &status, "which the scope leaves out").await || direction == "push");
        let found = support::differences(&source, &target).await;
        assert!(!found.is_empty() && found.iter().all(|row| row.table == "public.settings"), "{found:?}");
        // The stored comparison is about databases, and none was made.
        let (_, overview) = south.get("/api/admin/overview").await;
        assert_eq!(overview["comparisons"].as_array().unwrap().len(), 0, "{overview}");
    }
}

#[tokio::test]
async fn with_globs_pg_dump_reads_just_these_tables() {
    let (source, target) = support::databases("shop", "shop_schema").await;
    source.execute("create table \"Odd \"\"name$*\" (id integer primary key)").await;
    target.execute("create table \"Odd \"\"name$*\" (id integer primary key)").await;
    // pg_dump ends at the first table that it reads without the right to.
    let plain = source.url_of_plain_role().await;
    let role = source.name();
    source
        .execute(&format!(
            "grant usage on schema payroll to {role};
             grant select on all tables in schema public, payroll to {role};
             grant select on all sequences in schema public, payroll to {role};
             revoke all on payments, payments_2023, payments_2024, payments_2025, payments_later, \"Odd \"\"name$*\" from {role}"
        ))
        .await;
    let (north, south) = nodes_as(&source, &plain, &target, target.url()).await;

    let options = of(tables(&[], &["payments", "Odd*"]));
    let status = south.sync_by("backup", "pull", "north", &options).await;

    assert_verified(&status);
    assert!(says(&north, &status, "are read by pg_dump").await, "{status:#?}");
    assert_eq!(count(&target, "payments").await, 0);
    assert_eq!(count(&target, "orders").await, count(&source, "orders").await);
}

#[tokio::test]
async fn mirror_deletes_in_the_chosen_tables_only_and_never_by_rows() {
    for method in ["backup", "delta"] {
        let (source, target) = support::databases("shop", "shop").await;
        let (_north, south) = nodes(&source, &target).await;
        target
            .execute(
                "insert into loyalty_points select id, '2001-01-01', 5 from customers limit 7;
                 insert into settings values (1, 'only here', '1'), (2, 'only here', '2')",
            )
            .await;
        let mirror = |scope| SyncOptions { deletes: DeletePolicy::Mirror, ..of(scope) };

        let status = south.sync_by(method, "pull", "north", &mirror(tables(&["loyalty_points"], &[]))).await;

        assert_verified(&status);
        assert_eq!(status.result.unwrap().deleted, 7);
        let found = support::differences(&source, &target).await;
        assert!(found.len() == 2 && found.iter().all(|row| row.table == "public.settings"), "{found:?}");

        let before = Written::of(&target).await;
        let refused = south.start_sync_by(method, "pull", "north", &mirror(business("1"))).await;
        let (code, error) = refused.unwrap_err();
        assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(error["message"].as_str().unwrap().contains("surplus"), "{error}");
        assert_eq!(before.until(&Written::of(&target).await), [].into());
    }
}
