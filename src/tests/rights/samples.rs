//! Whole databases with each right: by delta and by backup, from empty and from drifted, and again.

use tandem::model::{Phase, Relation};

use super::{ALL, Role, between, keys};
use crate::support::{self, Database};
use crate::traps::{assert_says, mirror};

/// What the schema says about keys, indexes, triggers and rules, with their state and their comments.
async fn definitions(database: &Database) -> String {
    database
        .value(
            "select string_agg(text, E'\\n' order by text) from (
                 select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated,
                                  obj_description(oid, 'pg_constraint')) as text
                 from pg_constraint where contype <> 'n' and connamespace::regnamespace::text !~ '^(pg_|information_schema|tandem)'
                 union all
                 select concat_ws(' ', tgrelid::regclass, tgname, tgenabled) from pg_trigger where not tgisinternal
                 union all
                 select concat_ws(' ', ev_class::regclass, rulename, ev_enabled) from pg_rewrite
                 union all
                 select indexdef from pg_indexes where schemaname !~ '^(pg_|information_schema|tandem)') d",
        )
        .await
}

/// Proven, with the schema as it was; and again without a statement that changes anything.
async fn becomes_equal(method: &str, role: Role, source: Database, target: Database) {
    let pair = between(role, source, target).await;
    let schema = definitions(&pair.target).await;

    let status = pair.south.sync_by(method, "pull", "north", &mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{role:?}: {:?} {}", status.error, status.message);
    assert_eq!(status.result.as_ref().unwrap().relation, Relation::Identical);
    support::assert_same_rows(&pair.source, &pair.target).await;
    assert_eq!(definitions(&pair.target).await, schema, "{role:?}");
    let log = pair.log_of(&status).await;
    assert_says(&log, &[role.words()]);
    let may_set = matches!(role, Role::Superuser | Role::Granted);
    assert_eq!(log.contains("may not set session_replication_role"), !may_set, "{log}");
    if role == Role::Plain {
        assert_says(&log, &["Not analyzed, because this role does not own them"]);
    }

    let before = keys(&pair.target).await;
    pair.writes_nothing_again(&mirror()).await;
    let again = pair.south.sync_by("backup", "pull", "north", &mirror()).await;
    assert_eq!(again.phase, Phase::Verified, "{role:?}: {:?}", again.error);
    assert_eq!(keys(&pair.target).await, before, "{role:?}");
    role.gone(&pair.target).await;
}

/// What the owner of the schema would have to change so that rows can be written without any special right.
const OPEN_SHOP_AND_PAGILA: &str = "do $$ declare r record; begin
    for r in select conrelid::regclass::text as child, conname from pg_constraint where contype = 'f' and conparentid = 0
    loop execute format('alter table %s alter constraint %I deferrable', r.child, r.conname); end loop;
    for r in select distinct tgrelid::regclass::text as name from pg_trigger where not tgisinternal and tgparentid = 0
    loop execute format('alter table %s disable trigger user', r.name); end loop; end $$";

#[tokio::test]
async fn pagila_that_has_drifted_becomes_equal_with_all_rights() {
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let (source, target) = support::databases("pagila", "pagila").await;
        target.drift().await;
        becomes_equal("delta", role, source, target).await;
    }
}

#[tokio::test]
async fn the_shop_that_has_drifted_becomes_equal_with_all_rights() {
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let (source, target) = support::databases("shop", "shop").await;
        target.drift().await;
        becomes_equal("backup", role, source, target).await;
    }
}

#[tokio::test]
async fn drifted_samples_become_equal_with_plain_rights() {
    for (method, sample) in
        [("delta", "pagila"), ("backup", "pagila"), ("delta", "shop"), ("backup", "chinook_identity")]
    {
        let (source, target) = support::databases(sample, sample).await;
        target.execute(OPEN_SHOP_AND_PAGILA).await;
        target.drift().await;
        becomes_equal(method, Role::Plain, source, target).await;
    }
}

#[tokio::test]
async fn an_owner_and_a_plain_role_write_on_older_and_newer_servers() {
    for major in [13, 18] {
        for role in [Role::Owner, Role::Plain] {
            let source = support::database("pagila").await;
            let target = support::database_of_version(major, "pagila").await;
            if role == Role::Plain {
                target.execute(OPEN_SHOP_AND_PAGILA).await;
            }
            target.drift().await;
            becomes_equal("delta", role, source, target).await;
        }
    }
}

#[tokio::test]
async fn an_empty_database_is_filled_with_any_rights() {
    for role in ALL {
        let (source, target) = support::databases("shop", "shop_schema").await;
        if role == Role::Plain {
            target.execute(OPEN_SHOP_AND_PAGILA).await;
        }
        becomes_equal("backup", role, source, target).await;
    }
}
