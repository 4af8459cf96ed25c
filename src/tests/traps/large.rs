//! Values near the limits of COPY text, and more tables than usual.

use tandem::model::{Code, Phase, Step};

use super::{Pair, keep, pair_of};
use crate::support::{self, nodes_as};

#[tokio::test]
async fn values_that_copy_cannot_write_are_refused_before_anything_is_sent() {
    let pair = pair_of(
        "create table file (id int primary key, content bytea, note text);
         create table parts (id int, a text, b text, c text) partition by list (id);
         create table parts_1 partition of parts for values in (1);
         create table settled (id int primary key, body jsonb);
         insert into file select 1, convert_to(repeat('x', 600 * 1024 * 1024), 'UTF8'), repeat('x', 300 * 1024 * 1024);
         insert into parts select 1, big, big, big from (select repeat('x', 200 * 1024 * 1024) as big) one;
         insert into settled select 1, to_jsonb(repeat('x', 2 * 1024 * 1024))",
        "create table file (id int primary key, content bytea, note text)",
    )
    .await;

    let parts = [
        "public.file.content holds a value of 600 MB",
        "public.file.note holds a value of 300 MB",
        "A row of public.parts_1 has 600 MB",
    ];
    let error = pair.refused(&keep(), Step::Backup, Code::Refused, &parts).await;

    assert!(!error.message.contains("settled"), "{error:?}");
}

/// A node that reads a row holds it in two buffers of the driver, and nothing else twice: 2.3 times its text was measured,
/// however many such rows there are.
#[tokio::test]
async fn values_of_two_hundred_megabytes_pass_in_three_times_their_memory() {
    let table = "create table file (id int primary key, content text)";
    let pair = pair_of(
        &format!("{table}; insert into file select n, repeat('0123456789', 20 * 1024 * 1024) from generate_series(1, 2) n"),
        &format!("{table}; insert into file values (1, 'small'), (7, 'own')"),
    )
    .await;

    let status = pair.south.sync_by("backup", "pull", "north", &keep()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    let digest = "select string_agg(md5(content), ' ' order by id) from file where id < 7";
    assert_eq!(pair.source.value::<String>(digest).await, pair.target.value::<String>(digest).await);
    for node in [&pair.north, &pair.south] {
        let peak = node.peak_memory_mb();
        assert!(peak.is_none_or(|peak| peak < 3 * 200), "{} held {peak:?} MB", node.name());
    }
}

#[tokio::test]
async fn many_tables_are_one_sync() {
    let tables = "do $$ begin
                      for n in 1..150 loop
                          execute format('create table t%s (id int primary key, parent int)', n);
                          if n > 1 then
                              execute format('alter table t%s add foreign key (parent) references t%s', n, n - 1);
                          end if;
                      end loop;
                  end $$";
    let rows = "do $$ begin
                    for n in 1..150 loop
                        execute format('insert into t%s values (1, %s), (2, 1)', n, case n when 1 then 7 else 1 end);
                    end loop;
                end $$";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{tables}; {rows}")).await;
    target.execute(tables).await;
    // By way of the socket: over TCP each table waits 40 ms for an acknowledgement, because sqlx leaves Nagle's
    // algorithm on.
    let (north, south) =
        nodes_as(&source, &source.url_of_socket().await, &target, &target.url_of_socket().await).await;
    let pair = Pair { source, target, north, south };

    let result = pair.mirrored().await;

    assert_eq!((result.tables, result.inserted), (150, 300));
}
