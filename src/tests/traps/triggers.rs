//! What the target does by itself when it is written to: triggers and rules, kept out of the way and put back.

use tandem::model::{Code, Phase, Step};

use super::{assert_says, keep, pair_of};

const TABLES: &str = "create table place (id int primary key, name text, updated_at timestamptz)";

const TRIGGERS: &str = "
    create table audit (what text);
    create function stamp() returns trigger language plpgsql as $$ begin
        new.updated_at := now(); new.name := new.name || '!'; return new; end $$;
    create function log() returns trigger language plpgsql as $$ begin
        insert into public.audit values (tg_op || ' by ' || tg_name); return null; end $$;
    create trigger stamp before insert or update on place for each row execute function stamp();
    create trigger log after insert or update or delete on place for each row execute function log();
    create trigger log_all after insert or update or delete on place for each statement execute function log();
    create trigger off after insert on place for each row execute function log();
    alter table place disable trigger off";

const SWITCHES: &str = "select string_agg(tgname || tgenabled::text, ',' order by tgname) from pg_trigger
                        where tgrelid = 'place'::regclass";

#[tokio::test]
async fn triggers_of_the_target_neither_change_rows_nor_log_them_and_stay_as_they_were() {
    let pair = pair_of(
        &format!(
            "{TABLES}; insert into place values (1, 'new', '2020-01-01 00:00:00+00'), (2, 'more', '2021-01-01 00:00:00+00')"
        ),
        &format!("{TABLES}; insert into place values (1, 'old', now()), (9, 'own', now()); {TRIGGERS}"),
    )
    .await;
    let switches = pair.target.value::<String>(SWITCHES).await;

    let status = pair.verified(&keep()).await;

    assert_says(&pair.log_of(&status).await, &["Trigger stamp of public.place exists on the target only"]);
    assert_eq!(pair.target.value::<i64>("select count(*) from audit").await, 0);
    let stamped = "select name || updated_at::date from place where id = 1";
    assert_eq!(pair.target.value::<String>(stamped).await, "new2020-01-01");
    assert_eq!(pair.target.value::<String>(SWITCHES).await, switches);

    // After a rollback too: the value that it refuses comes last.
    pair.target.execute("alter table place add constraint short check (length(name) < 9)").await;
    pair.source.execute("insert into place values (3, 'a name that is long', null)").await;
    pair.refused(&keep(), Step::Restore, Code::RowRefused, &["public.place", "short"]).await;
    assert_eq!(pair.target.value::<String>(SWITCHES).await, switches);
}

#[tokio::test]
async fn what_fires_all_the_same_is_said_and_may_not_change_rows() {
    let pair = pair_of(
        &format!("{TABLES}; insert into place values (1, 'new', '2020-01-01 00:00:00+00')"),
        &format!(
            "{TABLES}; {TRIGGERS};
             alter table place enable always trigger log; alter table place enable replica trigger log_all;
             create rule shadow as on insert to place do also notify somebody;
             alter table place enable always rule shadow"
        ),
    )
    .await;

    let status = pair.pull(&keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    let said = pair.log_of(&status).await;
    for name in ["Trigger log of", "Trigger log_all of", "Rule shadow of"] {
        assert_says(&said, &[&format!("{name} public.place fires while rows are written")]);
    }
    assert_eq!(pair.target.value::<i64>("select count(*) from audit").await, 2);

    pair.target.execute("alter table place enable always trigger stamp").await;
    pair.source.execute("update place set name = 'newer'").await;
    pair.refused(&keep(), Step::Restore, Code::VerifyFailed, &["public.place", "ENABLE ALWAYS"]).await;
}
