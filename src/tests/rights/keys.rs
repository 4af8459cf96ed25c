//! Foreign keys and unique keys with each right: orphans, cascades, cycles, swaps, keys of somebody else.

use tandem::model::{Code, Phase, Relation, Step, SyncOptions};

use super::{ALL, GRANTS, Role, keys, pair};
use crate::traps::{Pair, assert_says, keep, mirror};

#[tokio::test]
async fn an_orphan_is_refused_and_named_with_any_rights() {
    let tables = "create table parent (id int primary key, name text); create table child (id int primary key, parent int);
                  create table tree (id int primary key, up int);";
    let keys = "alter table child add constraint child_up foreign key (parent) references parent;
                alter table tree add constraint tree_up foreign key (up) references tree;";
    for role in ALL {
        let pair = pair(
            role,
            &format!("{tables} insert into parent values (1, 'new'); insert into child values (1, 1), (2, 7), (3, 8), (4, null);
                      insert into tree values (1, 2), (2, 1)"),
            &format!("{tables} {keys} insert into parent values (1, 'old')"),
        )
        .await;
        let parts = ["2 rows of public.child (parent)", "public.parent", "child_up"];
        pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

        pair.source.execute("delete from child where id in (2, 3); insert into tree values (3, 99)").await;
        let parts = ["1 row of public.tree (up)", "tree_up"];
        pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

        pair.source.execute("delete from tree where id = 3").await;
        pair.mirrored().await;
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn no_child_is_lost_by_a_cascade_with_any_rights() {
    let schema = "create table parent (id int primary key, code text unique, name text);
                  create table child (id int primary key, parent int references parent on delete cascade);
                  create table named (id int primary key, parent int references parent on delete set null);";
    for role in ALL {
        let pair = pair(
            role,
            &format!("{schema} insert into parent values (1, 'c', 'new'), (2, 'd', 'new'), (4, 'x', 'new');
                      insert into child select n, n % 2 + 1 from generate_series(1, 20) n; insert into child values (21, 4);
                      insert into named values (1, 1), (2, 2)"),
            &format!("{schema} insert into parent values (1, 'a', 'old'), (2, 'b', 'old'), (3, 'x', 'old');
                      insert into child select n, n % 2 + 1 from generate_series(1, 20) n; insert into child values (21, 2), (100, 1);
                      insert into named values (1, 1), (2, 2), (9, 2)"),
        )
        .await;
        pair.target.execute("delete from parent where id = 3").await;

        let result = pair.verified(&keep()).await.result.unwrap();

        assert_eq!((result.inserted, result.updated, result.deleted), (1, 3, 0), "{role:?}");
        assert_eq!(result.relation, Relation::Contains { target_only_rows: 2 }, "{role:?}");
        assert_eq!(pair.target.value::<i64>("select count(*) from child").await, 22, "{role:?}");
        assert_eq!(pair.target.value::<i64>("select count(parent) from named").await, 3, "{role:?}");

        // A parent that goes while its children stay takes none of them along, in whatever order they are written.
        pair.source.execute("update child set parent = 1 where parent = 2; update named set parent = 1; delete from parent where id = 2").await;
        pair.target.execute("create table only_here (id int primary key, parent int constraint only_up references parent on delete cascade);
                             insert into only_here values (1, 2)").await;
        if role != Role::Superuser {
            pair.target.execute(&GRANTS.replace("ROLE", pair.target.name())).await;
        }
        let parts = ["1 row of public.only_here (parent)", "only_up", "public.parent"];
        pair.refused(&mirror(), Step::Restore, Code::ForeignKey, &parts).await;
        assert_eq!(pair.target.value::<i64>("select count(*) from only_here").await, 1, "{role:?}");
        pair.target.execute("drop table only_here").await;
        pair.mirrored().await;
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn a_cycle_of_keys_that_cannot_wait_needs_the_right_to_take_them_away() {
    let schema = "create table hen (id int primary key, egg int not null); create table egg (id int primary key, hen int not null);
                  alter table hen add constraint hen_egg foreign key (egg) references egg;
                  alter table egg add constraint egg_hen foreign key (hen) references hen;";
    let fill = "begin; set local session_replication_role = replica;
                insert into hen values (1, 1), (2, 2); insert into egg values (1, 1), (2, 2); commit";
    for role in [Role::Granted, Role::Owner] {
        let pair = pair(role, &format!("{schema} {fill}"), schema).await;
        assert_eq!(pair.mirrored().await.inserted, 4);
        role.gone(&pair.target).await;
    }
    let pair = pair(Role::Plain, &format!("{schema} {fill}"), schema).await;
    let grant = format!("GRANT SET ON PARAMETER session_replication_role TO \"{}\";", pair.target.name());
    let parts = ["public.egg, public.hen", &grant];
    pair.refused(&keep(), Step::Convert, Code::MissingRight, &parts).await;
    // One that can wait is enough.
    pair.target.execute("alter table hen alter constraint hen_egg deferrable").await;
    assert_eq!(pair.mirrored().await.inserted, 4);
}

#[tokio::test]
async fn values_swap_in_replica_role_and_as_owner() {
    let schema = "create table swap (id int primary key, code text unique);
                  create table child (id int primary key, swap int references swap on delete cascade);
                  create table serial (id int primary key, n int generated always as identity unique);";
    for role in [Role::Superuser, Role::Granted, Role::Owner] {
        let pair = pair(
            role,
            &format!("{schema} insert into swap values (1, 'y'), (2, 'x'); insert into child values (1, 1), (2, 2);
                      insert into serial overriding system value values (1, 2), (2, 1)"),
            &format!("{schema} insert into swap values (1, 'x'), (2, 'y'); insert into child values (1, 1), (2, 2);
                      insert into serial overriding system value values (1, 1), (2, 2)"),
        )
        .await;
        let result = pair.verified(&keep()).await.result.unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted), (0, 4, 0), "{role:?}");
        role.gone(&pair.target).await;
    }
    // With plain rights where no other row refers to them.
    let schema = "create table serial (id int primary key, n int generated always as identity unique)";
    let pair = pair(
        Role::Plain,
        &format!("{schema}; insert into serial overriding system value values (1, 2), (2, 1), (3, 3)"),
        &format!("{schema}; insert into serial overriding system value values (1, 1), (2, 2)"),
    )
    .await;
    assert_eq!(pair.verified(&keep()).await.result.unwrap().updated, 2);
}

#[tokio::test]
async fn foreign_keys_come_back_exactly_as_they_were() {
    let schema = "create table parent (id int primary key, a int, b int, unique (a, b));
                  create table child (id int primary key, parent int, a int, b int);
                  create table parts (id int, parent int, primary key (id)) partition by range (id);
                  create table parts_1 partition of parts for values from (0) to (100);";
    let keys = "alter table child add constraint plain foreign key (parent) references parent on delete set null deferrable initially deferred;
                alter table child add constraint \"Strange \"\" name\" foreign key (a, b) references parent (a, b) match full on update cascade;
                alter table parts add constraint rooted foreign key (parent) references parent on delete cascade;
                comment on constraint plain on child is 'it''s \\ commented';
                insert into child values (50, 77); alter table child add constraint later foreign key (parent) references parent (id) not valid;";
    let keys = keys.replace("insert into child values (50, 77); ", "");
    let pair = pair(
        Role::Owner,
        &format!("{schema} insert into parent values (1, 1, 1), (2, 2, 2); insert into child values (1, 1, 1, 1), (2, 2, null, null);
                  insert into parts values (1, 1)"),
        &format!("{schema} {keys}"),
    )
    .await;
    let (before, ids) = (pair.target.schema(), keys_of(&pair).await);

    pair.mirrored().await;

    assert_eq!(pair.target.schema(), before);
    assert_ne!(keys_of(&pair).await, ids, "they were not taken off at all");
    let check =
        "select count(*) from pg_constraint where contype = 'f' and conparentid = 0 and not convalidated";
    assert_eq!(pair.target.value::<i64>(check).await, 1);
}

async fn keys_of(pair: &Pair) -> String {
    keys(&pair.target).await
}

#[tokio::test]
async fn a_key_of_somebody_elses_table_stays_and_may_do_no_harm() {
    let schema = "create table parent (id int primary key, code text unique, name text)";
    let pair = pair(
        Role::Owner,
        &format!("{schema}; insert into parent values (1, 'new', 'new')"),
        &format!("{schema}; insert into parent values (1, 'new', 'old'), (2, 'two', 'old')"),
    )
    .await;
    pair.target
        .execute("create table theirs (id int primary key, parent int constraint theirs_up references parent on delete cascade on update cascade,
                                       code text constraint theirs_code references parent (code) on update cascade);
                  insert into theirs values (1, 2, null)")
        .await;
    let key = "theirs_up of public.theirs to public.parent cannot be taken off";
    let unverified = SyncOptions { verify: false, ..keep() };

    let status = pair.south.sync_by("backup", "pull", "north", &unverified).await;
    assert_eq!(status.phase, Phase::Completed, "{:?}", status.error);
    assert_says(&pair.log_of(&status).await, &[key]);

    // It cannot be seen what a delete would take along.
    let unverified = SyncOptions { verify: false, ..mirror() };
    let error = pair.south.sync_by("backup", "pull", "north", &unverified).await.error.unwrap();
    assert_eq!((error.code, error.step), (Code::MissingRight, Some(Step::Restore)), "{error:?}");
    assert_says(&format!("{error:?}"), &["theirs_up", "public.theirs", "GRANT SELECT ON TABLE"]);
    pair.target.execute(&format!("grant select on theirs to {}", pair.target.name())).await;
    let parts = ["1 row of public.theirs (parent)", "theirs_up"];
    pair.refused(&mirror(), Step::Restore, Code::ForeignKey, &parts).await;

    // Nor may their values change with ours.
    pair.target.execute("update theirs set parent = null, code = 'new'").await;
    pair.source.execute("update parent set code = 'newer'").await;
    pair.refused(&keep(), Step::Restore, Code::Refused, &["theirs_code", "public.theirs"]).await;
    pair.target.execute("update theirs set code = null").await;
    assert_eq!(pair.pull(&mirror()).await.phase, Phase::Verified);
    assert_eq!(pair.target.value::<i64>("select count(*) from theirs").await, 1);
}

#[tokio::test]
async fn an_owner_waits_for_readers_only_when_there_is_a_row_to_write() {
    let schema = "create table parent (id int primary key, name text);
                  create table child (id int primary key, parent int references parent);";
    let pair = pair(
        Role::Owner,
        &format!("{schema} insert into parent values (1, 'new'); insert into child values (1, 1)"),
        &format!("{schema} insert into parent values (1, 'old')"),
    )
    .await;
    let mut reader = pair.target.connect().await;
    let hold = "set application_name = 'a long report'; begin; select count(*) from child; select count(*) from parent";
    sqlx::raw_sql(hold).execute(&mut reader).await.unwrap();

    pair.refused(&keep(), Step::Restore, Code::Locked, &["a long report", "pid"]).await;

    sqlx::raw_sql("commit").execute(&mut reader).await.unwrap();
    pair.verified(&keep()).await;

    // Nothing to write: the reader is in nobody's way.
    sqlx::raw_sql(hold).execute(&mut reader).await.unwrap();
    let status = pair.south.sync_by("backup", "pull", "north", &keep()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    sqlx::raw_sql("commit").execute(&mut reader).await.unwrap();
}

#[tokio::test]
async fn in_replica_role_a_key_that_cannot_be_read_is_never_taken_for_kept() {
    let schema = "create table parent (id int primary key)";
    let pair = pair(
        Role::Granted,
        &format!("{schema}; insert into parent values (1)"),
        &format!("{schema}; insert into parent values (1), (2)"),
    )
    .await;
    pair.target
        .execute(
            "create table theirs (id int primary key, parent int constraint theirs_up references parent);
             insert into theirs values (1, 2)",
        )
        .await;
    let unverified = SyncOptions { verify: false, ..mirror() };

    let error = pair.south.sync_by("backup", "pull", "north", &unverified).await.error.unwrap();

    assert_eq!((error.code, error.step), (Code::MissingRight, Some(Step::Restore)), "{error:?}");
    assert_says(&error.message, &["theirs_up", "public.theirs"]);
    assert_eq!(pair.target.value::<i64>("select count(*) from parent").await, 2);
    Role::Granted.gone(&pair.target).await;
}
