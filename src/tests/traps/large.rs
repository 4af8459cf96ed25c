//! Values near the limits of COPY text, and more tables than usual.

use tandem::model::{Code, Phase, Step};

use super::{Pair, keep, pair_of};
use crate::support;

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
        "public.file.content holds a value of 600 MB (id 1);",
        "public.file.note holds a value of 300 MB (id 1);",
        "A row of public.parts_1 has 600 MB;",
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

/// Each with a key, a sequence, and a foreign key to the one before.
fn many_tables(from: u32, to: u32) -> String {
    format!(
        "do $$ begin
             for n in {from}..{to} loop
                 execute format('create table t%s (id serial primary key, parent int, note text)', n);
                 if n > 1 then
                     execute format('alter table t%s add foreign key (parent) references t%s', n, n - 1);
                 end if;
             end loop;
         end $$"
    )
}

#[tokio::test]
async fn many_tables_are_one_sync() {
    let rows = "do $$ begin
                    for n in 1..300 loop
                        execute format('insert into t%s (parent) values (%s), (1)', n, case n when 1 then 7 else 1 end);
                    end loop;
                end $$";
    let tables = many_tables(1, 300);
    let pair = pair_of(&format!("{tables}; {rows}"), &tables).await;

    let result = pair.mirrored().await;

    assert_eq!((result.tables, result.inserted), (300, 600));
    assert_eq!(pair.target.sequences().await, pair.source.sequences().await);
    pair.source.execute("update t150 set note = 'changed'").await;
    let status = pair.south.sync_by("delta", "pull", "north", &keep()).await;
    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    let changed: Vec<&str> =
        status.tables.iter().filter(|table| table.updated > 0).map(|table| table.name.as_str()).collect();
    assert_eq!(changed, ["t150"]);
}

#[tokio::test]
async fn more_tables_than_the_server_can_lock_are_refused_before_anything_is_staged() {
    let (source, target) = (support::database("empty").await, support::cramped_database().await);
    source.execute(&many_tables(1, 300)).await;
    // By a few: the server that cannot lock them in one transaction cannot make them in one.
    for from in (1..300).step_by(30) {
        target.execute(&many_tables(from, from + 29)).await;
    }
    let (north, south) = support::nodes(&source, &target).await;
    let pair = Pair { source, target, north, south };

    let status = pair.south.preview("pull", "north", &keep()).await;

    let findings = status.preview.unwrap().findings;
    assert!(findings.iter().any(|found| found.blocks && found.remedy.contains("max_locks")), "{findings:?}");
    pair.refused(&keep(), Step::Convert, Code::Refused, &["600 locks", "520", "max_locks_per_transaction"])
        .await;
}
