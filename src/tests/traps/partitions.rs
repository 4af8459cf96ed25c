//! Tables in pieces: written through their root, whatever pieces each side has.

use tandem::model::{Code, Step};

use super::{assert_says, keep, mirror, pair_of};

#[tokio::test]
async fn rows_find_their_partition_whatever_partitions_each_side_has() {
    let pair = pair_of(
        "create table sale (id int, region text, n int, primary key (id, region)) partition by list (region);
         create table sale_n partition of sale for values in ('n', 'e');
         create table sale_s partition of sale for values in ('s') partition by hash (id);
         create table sale_s0 partition of sale_s for values with (modulus 2, remainder 0);
         create table sale_s1 partition of sale_s for values with (modulus 2, remainder 1);
         create table log (at date not null, text text) partition by range (at);
         create table log_old partition of log for values from (minvalue) to ('2024-01-01');
         create table log_new partition of log default;
         create table plain (id int primary key, n int) partition by hash (id);
         create table plain_0 partition of plain for values with (modulus 1, remainder 0);
         create table whole (id int primary key, n int);
         create table bare (id int) partition by list (id);
         insert into sale select n, (array['n', 'e', 's'])[n % 3 + 1], n from generate_series(1, 90) n;
         insert into log select '2023-12-01'::date + n, 'x' from generate_series(1, 60) n;
         insert into log values ('2023-12-02', 'x');
         insert into plain values (1, 1), (2, 2); insert into whole values (1, 1), (2, 2)",
        "create table sale (id int, region text, n int, primary key (id, region)) partition by hash (id);
         create table sale_0 partition of sale for values with (modulus 3, remainder 0);
         create table sale_1 partition of sale for values with (modulus 3, remainder 1);
         create table sale_2 partition of sale for values with (modulus 3, remainder 2);
         create table log (at date not null, text text) partition by range (at);
         create table log_all partition of log for values from ('2020-01-01') to ('2030-01-01');
         create table plain (id int primary key, n int);
         create table whole (id int primary key, n int) partition by range (id);
         create table whole_1 partition of whole for values from (1) to (2);
         create table whole_2 partition of whole for values from (2) to (20);
         create table bare (id int) partition by list (id);
         insert into sale select n, (array['n', 'e', 's'])[n % 3 + 1], -n from generate_series(1, 50) n;
         insert into sale values (99, 'n', 1);
         insert into log values ('2023-12-02', 'x'), ('2023-12-02', 'x'), ('2023-12-02', 'x');
         insert into plain values (2, 0), (3, 3); insert into whole values (2, 0), (3, 3)",
    )
    .await;

    let result = pair.mirrored().await;

    assert_eq!((result.inserted, result.updated, result.deleted), (40 + 59 + 2, 50 + 2, 1 + 1 + 2));
}

#[tokio::test]
async fn a_row_that_moves_to_another_partition_moves() {
    // Without a key the partition is not part of one: the row is the same, in another place.
    let schema = |modulus: &str| {
        format!(
            "create table task (id int not null, state text, n int) partition by list (state);
             create table task_open partition of task for values in ('open');
             create table task_done partition of task for values in ('done', null);
             create table keyed (id int, state text, n int, primary key (id, state)) partition by list (state);
             create table keyed_open partition of keyed for values in ('open');
             create table keyed_done partition of keyed for values in ('done');
             {modulus}"
        )
    };
    let pair = pair_of(
        &schema(
            "insert into task values (1, 'done', 1), (2, null, 1); insert into keyed values (1, 'done', 1)",
        ),
        &schema(
            "insert into task values (1, 'open', 1), (2, 'open', 1); insert into keyed values (1, 'open', 1)",
        ),
    )
    .await;

    pair.mirrored().await;

    assert_eq!(pair.target.value::<i64>("select count(*) from task_done").await, 2);
    assert_eq!(pair.target.value::<i64>("select count(*) from keyed_open").await, 0);
}

#[tokio::test]
async fn a_value_without_a_partition_is_refused_and_its_table_named() {
    let pair = pair_of(
        "create table log (id int primary key) partition by range (id);
         create table log_all partition of log default; insert into log values (5), (15), (25)",
        "create table log (id int primary key) partition by range (id);
         create table log_a partition of log for values from (0) to (10);
         create table log_b partition of log for values from (20) to (30); insert into log values (1)",
    )
    .await;

    pair.refused(&keep(), Step::Restore, Code::RowRefused, &["public.log", "no partition"]).await;
}

#[tokio::test]
async fn a_partition_whose_rows_are_elsewhere_is_refused_before_anything_is_sent() {
    let pair = pair_of(
        "create table log (id int) partition by range (id);
         create unlogged table log_a partition of log for values from (0) to (10);
         create extension file_fdw; create server files foreign data wrapper file_fdw;
         create foreign table log_b partition of log for values from (10) to (20) server files
             options (filename '/dev/null')",
        "create table log (id int)",
    )
    .await;

    let parts = [
        "Partition public.log_a of public.log is unlogged",
        "Partition public.log_b of public.log is a foreign",
    ];
    pair.refused(&keep(), Step::Backup, Code::Refused, &parts).await;
}

#[tokio::test]
async fn what_only_a_partition_has_counts_too() {
    let schema = "create table sale (id int, n int, code text) partition by range (id);
                  create table sale_a (code text, gone int, n int, id int not null);
                  alter table sale_a drop column gone;
                  alter table sale attach partition sale_a for values from (0) to (10);
                  create table sale_b partition of sale for values from (10) to (20);
                  alter table sale_a add primary key (id);
                  create table child (id int primary key, sale int)";
    let keys = "alter table child add constraint to_a foreign key (sale) references sale_a (id);
                alter table sale_b add constraint from_b foreign key (n) references child (id);
                alter table sale_b add constraint late_b unique (code) deferrable;
                create function nothing() returns trigger language plpgsql as 'begin return new; end';
                create trigger stubborn before insert on sale_a for each row execute function nothing();
                alter table sale_a enable always trigger stubborn";
    let pair = pair_of(
        &format!(
            "{schema}; insert into child values (1, 1); insert into sale values (2, 5, 'x'), (11, 7, 'y'), (12, 1, 'y')"
        ),
        &format!("{schema}; {keys}; insert into sale values (5, 5, 'own')"),
    )
    .await;

    pair.refused(&keep(), Step::Restore, Code::RowRefused, &["late_b"]).await;
    pair.source.execute("update sale set code = 'z' where id = 12").await;
    let parts = ["1 row of public.child (sale)", "to_a", "1 row of public.sale_b (n)", "from_b"];
    pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

    pair.source.execute("insert into sale values (1, 1, 'w'); update sale set n = 1 where id = 11").await;
    let status = pair.verified(&mirror()).await;
    assert_says(
        &pair.log_of(&status).await,
        &["Trigger stubborn of public.sale fires while rows are written"],
    );
    let log = pair.north.detail(status.session_id.as_str()).await.log;
    assert!(
        log.iter().any(|line| line.text.contains("partition public.sale_a has its columns in another order"))
    );
}
