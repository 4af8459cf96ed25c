//! Columns and labels that the target lacks are added when that is wanted, and only then.

use tandem::model::{Code, DeletePolicy, Phase, Step, SyncOptions};

use crate::support::{self, Database, StatusCode, nodes};
use crate::traps::assert_says;

fn additive() -> SyncOptions {
    SyncOptions { additive: true, deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

async fn drifted() -> (Database, Database) {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(
            "create type mood as enum ('first', 'glad', 'between', 'sad', 'it''s last');
             create table place (id int primary key, mood mood, size numeric(7,2) not null default 1, moods mood[], \"When\" timestamp(3));
             insert into place values (1, 'first', 1.50, '{sad,between}', '2020-01-01'), (2, 'it''s last', 2, null, null), (3, 'glad', 3, null, null)",
        )
        .await;
    target
        .execute(
            "create type mood as enum ('glad', 'sad');
             create table place (id int primary key, mood mood);
             insert into place values (1, 'glad'), (9, 'sad')",
        )
        .await;
    (source, target)
}

const SCHEMA: &str = "select (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum) || ': '
    || (select string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull, ', ' order by attnum)
        from pg_attribute where attrelid = 'place'::regclass and attnum > 0)";

#[tokio::test]
async fn missing_columns_and_labels_are_added_and_said() {
    for method in ["auto", "backup"] {
        let (source, target) = drifted().await;
        let (_north, south) = nodes(&source, &target).await;
        let before = target.value::<String>(SCHEMA).await;

        let error = south.sync("pull", "north", &SyncOptions::default()).await.error.unwrap();
        assert_eq!((error.code, error.step), (Code::SchemaDiffers, Some(Step::Convert)), "{error:?}");
        assert_eq!(target.value::<String>(SCHEMA).await, before);

        let status = south.sync_by(method, "pull", "north", &additive()).await;

        assert_eq!(status.phase, Phase::Verified, "{method}: {:?} {}", status.error, status.message);
        support::assert_same_rows(&source, &target).await;
        assert_eq!(
            target.value::<String>(SCHEMA).await,
            "first,glad,between,sad,it's last: id integer true, mood mood false, size numeric(7,2) false, moods mood[] false, When timestamp(3) without time zone false"
        );
        let log = south.detail(status.session_id.as_str()).await.log;
        let log: String = log.iter().map(|line| format!("{}\n", line.text)).collect();
        assert_says(
            &log,
            &[
                r#"Added, and kept even if the sync fails: alter type "public"."mood" add value E'between' after E'glad'"#,
                r#"alter table "public"."place" add column "size" numeric(7,2)"#,
            ],
        );
        let again = south.sync_by(method, "pull", "north", &additive()).await;
        assert_eq!(again.phase, Phase::Verified, "{:?}", again.error);
        assert_eq!(again.result.unwrap().tables_changed, 0);
    }
}

#[tokio::test]
async fn nothing_is_added_while_something_else_stands_in_the_way() {
    let (source, target) = drifted().await;
    source.execute("create table only_there (id int primary key)").await;
    let (_north, south) = nodes(&source, &target).await;
    let before = target.value::<String>(SCHEMA).await;

    let error = south.sync("pull", "north", &additive()).await.error.unwrap();

    assert_eq!(error.code, Code::SchemaDiffers, "{error:?}");
    assert_says(&error.message, &["public.only_there"]);
    assert!(!error.message.contains("size"), "{error:?}");
    assert_eq!(target.value::<String>(SCHEMA).await, before);

    let both = SyncOptions { initialise: true, ..additive() };
    let status = south.sync("pull", "north", &both).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    support::assert_same_rows(&source, &target).await;
}

#[tokio::test]
async fn a_peer_adds_columns_only_where_the_targets_admin_allows_it() {
    let (source, target) = drifted().await;
    let (north, mut south) = nodes(&source, &target).await;
    let before = target.value::<String>(SCHEMA).await;

    let (status, error) = north.start_sync("push", "south", &additive()).await.unwrap_err();

    assert_ne!(status, StatusCode::OK);
    assert_says(&error.to_string(), &["TANDEM_ALLOW_INITIALISE"]);
    assert_eq!(target.value::<String>(SCHEMA).await, before);

    south.terminate().await;
    south.set("TANDEM_ALLOW_INITIALISE", "true");
    south.start().await;
    assert_eq!(north.sync("push", "south", &additive()).await.phase, Phase::Verified);
    support::assert_same_rows(&source, &target).await;
}
