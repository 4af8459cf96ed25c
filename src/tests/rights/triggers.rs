//! Triggers and rules of the target with each right: switched off and put back, or firing and watched.

use tandem::model::{Code, Phase, Step};

use super::{Role, pair};
use crate::traps::{assert_says, keep};

const TRIGGERS: &str = "
    create table audit (what text);
    create function stamp() returns trigger language plpgsql as $$ begin
        new.name := new.name || '!'; return new; end $$;
    create function log() returns trigger language plpgsql as $$ begin
        insert into public.audit values (tg_op || ' by ' || tg_name); return null; end $$;
    create trigger stamp before insert or update on place for each row execute function stamp();
    create trigger log after insert or update or delete on place for each row execute function log();
    create trigger log_part after insert or update or delete on visit for each row execute function log();
    create trigger always after insert or update or delete on place for each row execute function log();
    create trigger replica after insert on place for each row execute function log();
    create trigger off after insert on place for each row execute function log();
    create rule shadow as on insert to place do also notify somebody;
    create rule asleep as on update to place do also notify somebody;
    alter table place enable always trigger always; alter table place enable replica trigger replica;
    alter table place disable trigger off; alter table place disable rule asleep;
    alter table visit_1 disable trigger log_part;";

const TRIGGER_TABLES: &str = "create table place (id int primary key, name text check (length(name) < 9));
    create table visit (id int, place int references place, primary key (id)) partition by list (id);
    create table visit_1 partition of visit for values in (1); create table visit_2 partition of visit default;";

const SWITCHES: &str = "select string_agg(name || state::text, ',' order by name) from (
        select tgrelid::regclass || '.' || tgname as name, tgenabled as state from pg_trigger where not tgisinternal
        union all
        select rulename::text, ev_enabled from pg_rewrite where ev_class = 'place'::regclass) s";

#[tokio::test]
async fn triggers_in_every_state_are_as_before_after_a_sync_and_after_a_rollback() {
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let pair = pair(
            role,
            &format!("{TRIGGER_TABLES} insert into place values (1, 'new'), (2, 'more'); insert into visit values (1, 1), (2, 2)"),
            &format!("{TRIGGER_TABLES} insert into place values (1, 'old'), (9, 'own'); insert into visit values (1, 9); {TRIGGERS}"),
        )
        .await;
        let switches = pair.target.value::<String>(SWITCHES).await;
        assert_says(
            &switches,
            &["place.alwaysA", "place.replicaR", "place.offD", "place.stampO", "visit_1.log_partD"],
        );

        assert_eq!(pair.pull(&keep()).await.phase, Phase::Verified);
        pair.writes_nothing_again(&keep()).await;

        assert_eq!(pair.target.value::<String>(SWITCHES).await, switches, "{role:?}");
        let audit: i64 = pair.target.value("select count(*) from audit").await;
        assert_eq!(
            audit == 0,
            role == Role::Owner,
            "{role:?}: ENABLE ALWAYS fires in replica role only: {audit}"
        );

        pair.source.execute("alter table place drop constraint place_name_check; insert into place values (3, 'a name that is long')").await;
        let code = Code::RowRefused;
        pair.refused(&keep(), Step::Restore, code, &["public.place", "place_name_check"]).await;
        assert_eq!(pair.target.value::<String>(SWITCHES).await, switches, "{role:?}");
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn with_plain_rights_triggers_fire_and_may_not_change_rows() {
    let pair = pair(
        Role::Plain,
        &format!("{TRIGGER_TABLES} insert into place values (1, 'new'); insert into visit values (1, 1)"),
        &format!("{TRIGGER_TABLES} insert into place values (1, 'old'); {TRIGGERS}"),
    )
    .await;

    let preview = pair.south.preview("pull", "north", &keep()).await.preview.unwrap();
    assert!(!preview.is_blocked(), "{:?}", preview.findings);
    let found: String = preview.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert_says(
        &found,
        &[
            "Trigger stamp of public.place fires while rows are written and may change them.",
            "Trigger log of public.place fires",
            "GRANT SET ON PARAMETER",
        ],
    );

    let parts = ["1 row of public.place", "Trigger stamp of public.place"];
    pair.refused(&keep(), Step::Restore, Code::VerifyFailed, &parts).await;

    pair.target.execute("alter table place disable trigger stamp").await;
    let status = pair.pull(&keep()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    pair.writes_nothing_again(&keep()).await;
    let log = pair.log_of(&status).await;
    assert_says(
        &log,
        &[
            "Trigger log of public.place fires",
            "Trigger always of public.place fires",
            "Rule shadow of public.place fires",
            "GRANT SET ON PARAMETER",
        ],
    );
    assert!(!log.contains("Trigger off") && !log.contains("Trigger stamp of public.place fires"), "{log}");
    assert!(pair.target.value::<i64>("select count(*) from audit").await > 0);
}
