//! Rows that the target would refuse are found before a sync tries to write them.

use tandem::model::{Code, DeletePolicy, PreviewFinding, RowErrors, SyncOptions};

use super::{mirror, sums};
use crate::support::{self, nodes};
use crate::traps::assert_says;

/// What the target refuses of the rows in `stricter`, by table, in parts of sentences.
const REFUSED: [(&str, &str); 6] = [
    ("2 rows of place", "its column name holds nothing"),
    ("1 row of place", "it contradicts the constraint place_size: id 4"),
    ("1 row of place", "it contradicts the constraint place_late: id 5"),
    ("1 row of reading", "no partition of the target takes it: at 2031-05-01"),
    ("2 rows of visit", "it points to a row that owner does not have (visit_owner): id 1; id 2"),
    ("1 row of loose", "it contradicts the constraint loose_name: (no)"),
];

async fn stricter() -> (support::Database, support::Database) {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(
            "create table place (id int primary key, name text, size int);
             insert into place values (1, 'a', 1), (2, null, 2), (3, null, 3), (4, 'd', -4), (5, 'late', 5), (6, 'old', -6);
             create table reading (at date primary key); insert into reading values ('2026-05-01'), ('2031-05-01');
             create table owner (id int primary key); insert into owner values (1);
             create table visit (id int primary key, owner int); insert into visit values (1, 8), (2, 9), (3, 1), (4, null), (5, 7);
             create table loose (name text); insert into loose values ('yes'), ('no')",
        )
        .await;
    target
        .execute(
            "create table place (id int primary key, name text not null, size int);
             insert into place values (6, 'old', -6);
             alter table place add constraint place_size check (size > 0) not valid;
             alter table place add constraint place_late check (name <> 'late') not valid;
             create table reading (at date primary key) partition by range (at);
             create table reading_2026 partition of reading for values from ('2026-01-01') to ('2027-01-01');
             create table owner (id int primary key); insert into owner values (7);
             create table visit (id int primary key, owner int constraint visit_owner references owner);
             create table loose (name text constraint loose_name check (name <> 'no'))",
        )
        .await;
    (source, target)
}

#[tokio::test]
async fn rows_that_the_target_would_refuse_are_found_before_a_table_is_locked() {
    let (source, target) = stricter().await;
    let (_north, south) = nodes(&source, &target).await;
    // A writer, which a sync would have to wait for.
    let mut writer = target.connect().await;
    sqlx::raw_sql("begin; lock table place, visit, loose, reading, owner in row exclusive mode")
        .execute(&mut writer)
        .await
        .unwrap();

    for method in ["backup", "delta"] {
        let preview =
            south.preview_by(method, "pull", "north", &SyncOptions::default()).await.preview.unwrap();
        let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
        assert_eq!(blocks.len(), REFUSED.len(), "{method}: {blocks:#?}");
        for (rows, why) in REFUSED {
            let is_said = |finding: &&PreviewFinding| {
                finding.text.starts_with(rows)
                    && finding.text.contains("would be refused")
                    && finding.text.contains(why)
            };
            assert!(blocks.iter().any(is_said), "{method}: {rows} {why}: {blocks:#?}");
        }
    }

    drop(writer);
    let mirrored = south.preview("pull", "north", &mirror()).await.preview.unwrap();
    let said = mirrored.findings.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("\n");
    assert_says(&said, &["3 rows of visit"]);
}

#[tokio::test]
async fn rows_that_would_be_left_out_are_counted_as_nothing_else() {
    for deletes in [DeletePolicy::Keep, DeletePolicy::Mirror] {
        let (source, target) = stricter().await;
        let (_north, south) = nodes(&source, &target).await;
        let options = SyncOptions { deletes, row_errors: RowErrors::Isolate, ..SyncOptions::default() };

        let preview = south.preview_by("backup", "pull", "north", &options).await.preview.unwrap();

        assert!(!preview.is_blocked(), "{:#?}", preview.findings);
        let left_out = preview.findings.iter().filter(|finding| finding.text.contains("would be left out"));
        assert_eq!(left_out.count(), REFUSED.len(), "{:#?}", preview.findings);
        let result = south.sync_by("backup", "pull", "north", &options).await.result.unwrap();
        assert_eq!(sums(&preview), (result.inserted, result.updated, result.deleted), "{preview:#?}");
        assert_eq!(preview.sum(|table| table.unchanged), result.unchanged);
    }
}

#[tokio::test]
async fn what_only_a_partition_demands_is_found() {
    let places = "create table owner (id int primary key);
                  create table place (id int, kind text, size int, owner int,
                                      twice int generated always as (size * 2) stored, primary key (id, kind))";
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(&format!(
            "{places}; insert into place values (1, 'a', 1, null), (2, 'a', -2, null), (3, 'b', null, null), (4, 'b', -4, 7), (5, 'a', 5, 7);
             create table visit (id int primary key, place int, kind text);
             insert into visit values (1, 1, 'a'), (2, 4, 'b'), (3, 9, 'b'), (4, 5, 'a')"
        ))
        .await;
    target
        .execute(&format!(
            "{places} partition by list (kind);
             create table place_a partition of place (constraint place_size check (size > 0), check (twice < 99)) for values in ('a');
             create table place_b partition of place (size not null, twice not null) for values in ('b');
             alter table place_b add constraint place_owner foreign key (owner) references owner;
             create table visit (id int primary key, place int, kind text,
                                 constraint visit_place foreign key (place, kind) references place_a (id, kind));
             insert into place values (9, 'b', 9)"
        ))
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();
    let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
    assert_eq!(blocks.len(), 4, "{blocks:#?}");
    for (rows, why) in [
        ("1 row of place", "the constraint place_size of the target's partition place_a: id 2, kind a"),
        (
            "1 row of place",
            "its column size holds nothing, which the target's partition place_b does not allow",
        ),
        ("1 row of place", "a row that owner does not have (place_owner): id 4, kind b"),
        ("2 rows of visit", "a row that place_a does not have (visit_place): id 2; id 3"),
    ] {
        let is_said =
            |finding: &&PreviewFinding| finding.text.starts_with(rows) && finding.text.contains(why);
        assert!(blocks.iter().any(is_said), "{rows} {why}: {blocks:#?}");
    }
    let refused = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(refused.error.unwrap().code, Code::RowRefused);

    let options = SyncOptions { row_errors: RowErrors::Isolate, ..SyncOptions::default() };
    let preview = south.preview("pull", "north", &options).await.preview.unwrap();
    let status = south.sync("pull", "north", &options).await;
    let result = status.result.unwrap_or_else(|| panic!("{:#?}", status.error));
    assert_eq!((sums(&preview), result.set_aside), ((4, 0, 0), 5), "{preview:#?}");
    assert_eq!((result.inserted, result.updated, result.deleted), (4, 0, 0));
}

#[tokio::test]
async fn what_the_target_demands_of_columns_that_it_computes_is_found() {
    let table = |demands: [&str; 2]| {
        format!(
            "create table place (id int primary key, size int, cap int,
                                 rest int generated always as (cap - size) stored {}, half numeric(6, 1) generated always as (size / 2.0) stored {})",
            demands[0], demands[1]
        )
    };
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(&format!(
            "{}; insert into place values (1, 4, 9), (2, 9, 4), (3, null, 1), (4, 20, 21)",
            table(["", ""])
        ))
        .await;
    target
        .execute(&table([
            "constraint place_rest check (rest >= 0)",
            "not null constraint place_half check (half < 10 and cap > 0)",
        ]))
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();
    let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
    assert_eq!(blocks.len(), 3, "{blocks:#?}");
    for why in
        ["constraint place_rest: id 2", "constraint place_half: id 4", "column half holds nothing, which"]
    {
        assert!(blocks.iter().any(|finding| finding.text.contains(why)), "{why}: {blocks:#?}");
    }

    let options = SyncOptions { row_errors: RowErrors::Isolate, ..SyncOptions::default() };
    let preview = south.preview("pull", "north", &options).await.preview.unwrap();
    let result = south.sync("pull", "north", &options).await.result.unwrap();
    assert_eq!((sums(&preview), result.inserted, result.set_aside), ((1, 0, 0), 1, 3), "{preview:#?}");
}

#[tokio::test]
async fn without_a_key_a_row_that_needs_a_value_of_the_targets_is_found() {
    let schema = "create table loose (code text unique, note text)";
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(&format!(
            "{schema}; insert into loose values ('a', 'new'), ('b', 'same'), ('c', null), (null, 'x')"
        ))
        .await;
    target
        .execute(&format!("{schema}; insert into loose values ('a', 'old'), ('b', 'same'), (null, 'own')"))
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();

    let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
    assert_eq!(blocks.len(), 1, "{preview:#?}");
    assert_says(&blocks[0].text, &["1 row of loose would be refused", "loose_code_key", "(a,new)"]);
    let refused = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(refused.error.unwrap().code, Code::RowRefused);

    let options = SyncOptions { row_errors: RowErrors::Isolate, ..SyncOptions::default() };
    let preview = south.preview("pull", "north", &options).await.preview.unwrap();
    let result = south.sync("pull", "north", &options).await.result.unwrap();
    assert_eq!((sums(&preview), result.set_aside), ((2, 0, 0), 1), "{preview:#?}");
    assert_eq!((result.inserted, result.updated, result.deleted), sums(&preview));
    let mirrored = south.preview("pull", "north", &mirror()).await.preview.unwrap();
    assert!(!mirrored.is_blocked(), "{mirrored:#?}");
}

#[tokio::test]
async fn a_check_that_fails_itself_does_not_end_a_preview() {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(
            "create table part (id int primary key, pieces int); insert into part values (1, 2), (2, 0), (3, -1)",
        )
        .await;
    target
        .execute(
            "create table part (id int primary key, pieces int, check (100 / pieces > 0), check (pieces > -1))",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;

    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();
    let blocks: Vec<_> = preview.findings.iter().filter(|finding| finding.blocks).collect();
    assert_eq!(blocks.len(), 2, "{blocks:#?}");
    assert_says(
        &blocks[0].text,
        &["1 row of part would be refused", "part_pieces_check", "division by zero"],
    );
    assert_says(&blocks[1].text, &["1 row of part would be refused", "part_pieces_check1: id 3"]);

    let options = SyncOptions { row_errors: RowErrors::Isolate, ..SyncOptions::default() };
    let preview = south.preview("pull", "north", &options).await.preview.unwrap();
    assert!(!preview.is_blocked(), "{preview:#?}");
    let result = south.sync("pull", "north", &options).await.result.unwrap();
    assert_eq!((result.inserted, result.set_aside), (1, 2));
}
