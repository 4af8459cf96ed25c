//! What the commands say on a terminal, and how they end.

use tandem::model::{Phase, SyncOptions};

use crate::support::{self, nodes};
use crate::traps::assert_says;

#[tokio::test]
async fn a_preview_says_what_would_be_written_how_and_what_stands_in_the_way() {
    let schema = "create table place (id int primary key, name text)";
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(&format!("{schema}; insert into place values (1, 'a'), (2, null), (3, e'c\\u001b')"))
        .await;
    target.execute(&format!("{schema}; insert into place values (1, 'A'), (9, 'own')")).await;
    let (_north, south) = nodes(&source, &target).await;

    let (code, said) = south.command(&["preview", "pull", "north"]).await;

    assert_eq!(code, 0, "{said}");
    assert_says(
        &said,
        &[
            "  update (1): name A → a\n",
            "  insert (2): id 2, name null\n",
            "  keep (9): id 9, name own\n",
            "  insert (3): id 3, name c\\u{1b}\n",
            "would insert",
            "Triggers and keys: replica role",
            "A sync would send about",
            "A sync would insert 2, update 1 and delete 0 rows.",
        ],
    );
    let line = said.lines().rfind(|line| line.trim_start().starts_with("place")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["place", "2", "1", "0", "0", "1", "0", "0"]);

    target.execute("alter table place alter name set not null").await;
    let (code, said) = south.command(&["preview", "pull", "north"]).await;
    assert_eq!(code, 1, "{said}");
    assert_says(&said, &["✗ 1 row of place would be refused", "A sync would be refused as things stand."]);

    let (code, said) = south.command(&["preview", "pull", "north", "--isolate"]).await;
    assert_eq!(code, 0, "{said}");
    assert_says(&said, &["! 1 row of place would be left out", "insert 1, update 1"]);

    target.execute("drop table place").await;
    let (code, said) = south.command(&["preview", "pull", "north", "--initialise"]).await;
    assert_eq!(code, 0, "{said}");
    assert_says(&said, &[r#"    create table "public"."place" ("id" integer not null, "name" text);"#]);
}

#[tokio::test]
async fn a_sync_that_leaves_many_rows_out_says_where_they_are() {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute("create table place (id int primary key, size int); insert into place select n, 5 - n from generate_series(1, 135) n")
        .await;
    target.execute("create table place (id int primary key, size int check (size > 0))").await;
    let (_north, south) = nodes(&source, &target).await;

    let (code, said) = south.command(&["sync", "pull", "north", "--isolate"]).await;

    // Rows were left out.
    assert_eq!(code, 1, "{said}");
    assert_says(&said, &["  place id 5: ", "  … and 31 more; on the target: "]);
    let select = said.lines().find_map(|line| line.split_once("on the target: ")).unwrap().1;
    let count = format!("select count(*) from ({select}) q");
    assert_eq!(target.value::<i64>(&count).await, 131);
}

#[tokio::test]
async fn an_undo_says_that_the_rows_are_as_before_or_why_not() {
    let schema = "create table place (id int primary key, name text)";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema}; insert into place values (1, 'a'), (2, 'b')")).await;
    target.execute(&format!("{schema}; insert into place values (1, 'A'), (9, 'own')")).await;
    let (_north, south) = nodes(&source, &target).await;
    let synced = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(synced.phase, Phase::Verified, "{:?}", synced.error);

    // By the end of its id, as the history shows it.
    let (_, listed) = south.command(&["history"]).await;
    let shown = listed.lines().nth(1).and_then(|line| line.split_whitespace().last()).unwrap();
    let (code, said) = south.command(&["undo", shown]).await;

    assert_eq!(code, 0, "{said}");
    assert_says(&said, &["verified", "Every row is as it was before the sync."]);
    let names: String = target.value("select string_agg(name, ', ' order by id) from place").await;
    assert_eq!(names, "A, own");

    let (code, said) = south.command(&["undo", synced.session_id.as_str()]).await;
    assert_eq!(code, 1, "{said}");
    let (code, said) = south.command(&["undo", "no session"]).await;
    assert_eq!((code, said.as_str()), (2, ""));
}
