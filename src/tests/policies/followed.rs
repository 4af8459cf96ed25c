//! What references a row in conflict, by whatever kind of key, goes with it or references the row that stays.

use tandem::model::{Code, ConflictPolicy, Phase, Relation, RowErrors, SyncOptions, SyncStatus};

use super::{Pair, conflicts, pair, pair_of};
use crate::support::database_of_version;

const SKIP: ConflictPolicy = ConflictPolicy::Skip;
const SOURCE: ConflictPolicy = ConflictPolicy::Source;
const TARGET: ConflictPolicy = ConflictPolicy::Target;

/// Only the north may be visited, and only notes from 10 on are bound to a place.
const PARTS: &str =
    "create table place (id int, region text, code text, primary key (id, region), unique (code, region)) partition by list (region);
     create table place_north partition of place for values in ('n');
     create table place_south partition of place for values in ('s');
     create table visit (id int primary key, place int, region text,
                         constraint visit_place foreign key (place, region) references place_north (id, region));
     create table note (id int primary key, place int, region text) partition by range (id);
     create table note_early partition of note for values from (0) to (10);
     create table note_late partition of note for values from (10) to (20);
     alter table note_late add constraint late_place foreign key (place, region) references place;
     create table pin (id int primary key, note int constraint pin_note references note_late (id))";

impl Pair {
    /// A sync writes what its preview has counted, another would write nothing, and all of it can be undone.
    async fn pull_as_previewed(&self, options: &SyncOptions) -> SyncStatus {
        let preview = self.south.preview("pull", "north", options).await.preview.unwrap();
        assert!(!preview.is_blocked(), "{:#?}", preview.findings);
        let status = self.pull("backup", options).await;
        let result = status.result.as_ref().unwrap_or_else(|| panic!("{options:?} {:#?}", status.error));
        let foreseen = (
            preview.sum(|table| table.inserted),
            preview.sum(|table| table.updated),
            preview.sum(|table| table.deleted),
        );
        let written = (result.inserted, result.updated, result.deleted);
        assert_eq!(foreseen, written, "{options:?} {preview:#?}");
        let again = self.south.preview("pull", "north", options).await.preview.unwrap();
        assert_eq!(again.sum(|table| table.written()), 0, "{options:?} {again:#?}");
        status
    }

    async fn rows(&self, table: &str) -> String {
        self.text(&format!("select translate(row(t.*)::text, '()', '') from {table} t")).await
    }
}

fn except(left_out: u64, repointed: u64, target_only_rows: u64) -> Relation {
    Relation::Except { left_out, repointed, target_only_rows }
}

fn relation(status: &SyncStatus) -> Relation {
    status.result.as_ref().unwrap().relation.clone()
}

#[tokio::test]
async fn a_preview_counts_what_is_left_out_and_repointed() {
    for policy in [SKIP, SOURCE, TARGET] {
        let pair = pair(super::PLACES, super::SOURCE, super::TARGET).await;
        let status = pair.pull_as_previewed(&conflicts(policy)).await;
        pair.undo(&status).await;
    }
    let isolating = SyncOptions { row_errors: RowErrors::Isolate, ..SyncOptions::default() };
    let pair = pair(super::PLACES, super::SOURCE, super::TARGET).await;
    let status = pair.pull_as_previewed(&isolating).await;
    assert_eq!(relation(&status), except(3, 0, 3));
}

/// Each of two tables has the other's key.
#[tokio::test]
async fn keys_in_a_circle_are_followed_once() {
    let schema = "create table place (id int primary key, code text unique);
                  create table twin (id int primary key references place, note text);
                  alter table place add foreign key (id) references twin deferrable initially deferred";
    for (policy, places, twins) in
        [(SKIP, "1,a, 9,z", "1,s, 9,t"), (TARGET, "1,a, 9,z", "1,s, 9,t"), (SOURCE, "1,a, 3,z", "1,s, 3,s")]
    {
        let rows = |id: u32, code: &str, note: &str| {
            format!("insert into place values ({id}, '{code}'); insert into twin values ({id}, '{note}');")
        };
        let pair = pair(
            schema,
            &format!("begin; {} {} commit", rows(1, "a", "s"), rows(3, "z", "s")),
            &format!("begin; {} commit", rows(9, "z", "t")),
        )
        .await;

        let status = pair.pull_as_previewed(&conflicts(policy)).await;

        let found = (pair.rows("place").await, pair.rows("twin").await);
        assert_eq!(found, (places.to_owned(), twins.to_owned()), "{policy:?}");
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn rows_that_go_with_others_are_named_by_the_preview() {
    let pair = pair(super::PLACES, super::SOURCE, super::TARGET).await;

    let preview = pair.south.preview("pull", "north", &conflicts(SKIP)).await.preview.unwrap();

    let said: Vec<_> = preview.findings.iter().map(|finding| finding.text.as_str()).collect();
    for part in ["1 row of place would meet a unique value", "1 row of child would be left out", ": id 2"] {
        assert!(said.iter().any(|text| text.contains(part)), "{part}: {said:#?}");
    }
}

#[tokio::test]
async fn keys_of_partitions_are_followed_too() {
    for (policy, expected, visits, notes, pins) in [
        (SKIP, except(4, 0, 5), "1,1,n, 8,9,n", "1,3,n, 12,1,n, 18,9,n, 8,9,n", "1,12, 8,18"),
        (
            TARGET,
            except(1, 2, 5),
            "1,1,n, 2,9,n, 8,9,n",
            "1,3,n, 11,9,n, 12,1,n, 18,9,n, 8,9,n",
            "1,12, 2,11, 8,18",
        ),
        (
            SOURCE,
            Relation::Contains { target_only_rows: 4 },
            "1,1,n, 2,3,n, 8,3,n",
            "1,3,n, 11,3,n, 12,1,n, 18,3,n, 8,9,n",
            "1,12, 2,11, 8,18",
        ),
    ] {
        let pair = pair(
            PARTS,
            "insert into place values (1, 'n', 'a'), (3, 'n', 'z'), (4, 's', 'z'); insert into visit values (1, 1, 'n'), (2, 3, 'n');
             insert into note values (1, 3, 'n'), (11, 3, 'n'), (12, 1, 'n'); insert into pin values (1, 12), (2, 11)",
            "insert into place values (9, 'n', 'z'); insert into visit values (8, 9, 'n');
             insert into note values (8, 9, 'n'), (18, 9, 'n'); insert into pin values (8, 18)",
        )
        .await;

        let status = pair.pull_as_previewed(&conflicts(policy)).await;

        assert_eq!(relation(&status), expected, "{policy:?}");
        let found = (pair.rows("visit").await, pair.rows("note").await, pair.rows("pin").await);
        assert_eq!(found, (visits.to_owned(), notes.to_owned(), pins.to_owned()), "{policy:?}");
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn a_value_that_must_be_unique_in_one_partition_only_is_a_conflict_there() {
    let schema = "create table place (id int, region text, code text, primary key (id, region)) partition by list (region);
                  create table place_north partition of place for values in ('n') partition by range (id);
                  create table place_north_1 partition of place_north for values from (0) to (100);
                  create table place_south partition of place for values in ('s');
                  create unique index north_code on place_north_1 (code)";
    for (policy, expected, rows) in [
        (ConflictPolicy::Abort, except(1, 0, 2), "4,s,z, 8,s,z, 9,n,z"),
        (SKIP, except(1, 0, 2), "4,s,z, 8,s,z, 9,n,z"),
        (SOURCE, Relation::Contains { target_only_rows: 1 }, "3,n,z, 4,s,z, 8,s,z"),
    ] {
        let pair = pair(
            schema,
            "insert into place values (3, 'n', 'z'), (4, 's', 'z')",
            "insert into place values (9, 'n', 'z'), (8, 's', 'z')",
        )
        .await;
        let options = conflicts(policy);
        if policy == ConflictPolicy::Abort {
            let preview = pair.south.preview("pull", "north", &options).await.preview.unwrap();
            assert!(preview.is_blocked(), "{preview:#?}");
            let error = pair.pull("backup", &options).await.error.unwrap();
            assert!(error.message.contains("id 3, region n) needs the value in north_code"), "{error:?}");
        }
        let options = SyncOptions { row_errors: RowErrors::Isolate, ..options };

        let status = pair.pull_as_previewed(&options).await;

        assert_eq!(relation(&status), expected, "{policy:?}");
        assert_eq!(pair.rows("place").await, rows, "{policy:?}");
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn a_row_whose_period_is_not_covered_any_more_is_left_out_and_keeps_its_period() {
    for policy in [SKIP, TARGET] {
        let (from, to) = (database_of_version(18, "empty").await, database_of_version(18, "empty").await);
        let pair = pair_of(
            (from, to),
            "create table price (item int4range, during daterange, code text unique, primary key (item, during without overlaps));
             create table sale (id int primary key, item int4range, during daterange,
                                constraint covered foreign key (item, period during) references price)",
            "insert into price values ('[1,2)', '[2024-01-01,2024-03-01)', 'a'), ('[1,2)', '[2024-03-01,2024-06-01)', 'z');
             insert into sale values (1, '[1,2)', '[2024-01-05,2024-02-01)'), (2, '[1,2)', '[2024-02-01,2024-04-01)')",
            "insert into price values ('[5,6)', '[2024-03-01,2024-06-01)', 'z'); insert into sale values (8, '[5,6)', '[2024-04-01,2024-05-01)')",
        )
        .await;

        let status = pair.pull_as_previewed(&conflicts(policy)).await;

        assert_eq!(relation(&status), except(2, 0, 2), "{policy:?}");
        assert_eq!(
            pair.text("select id || ' ' || during from sale").await,
            "1 [2024-01-05,2024-02-01), 8 [2024-04-01,2024-05-01)"
        );
        pair.undo(&status).await;
    }
}

/// The target's own row stays, whatever other rows come to nothing.
#[tokio::test]
async fn conflicts_are_answered_alike_when_other_rows_are_refused() {
    for (policy, expected, children) in [
        (SKIP, except(4, 0, 3), "1,1,, 3,,, 8,9,"),
        (SOURCE, except(1, 0, 2), "1,1,, 2,3,, 3,,, 8,3,"),
        (TARGET, except(2, 1, 3), "1,1,, 2,9,, 3,,, 8,9,"),
    ] {
        let pair = pair(
            super::PLACES,
            &format!("{}; insert into place values (13, 'q', 'bad')", super::SOURCE),
            &format!("{}; alter table place add constraint place_name check (name <> 'bad')", super::TARGET),
        )
        .await;
        let options = SyncOptions { row_errors: RowErrors::Isolate, ..conflicts(policy) };

        let status = pair.pull_as_previewed(&options).await;

        assert_eq!(relation(&status), expected, "{policy:?}");
        assert_eq!(pair.rows("child").await, children, "{policy:?}");
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn references_of_tables_that_do_not_come_in_stay() {
    let pair = pair(super::PLACES, super::SOURCE, super::TARGET).await;
    let mut options = conflicts(TARGET);
    options.scope.exclude = vec!["child".to_owned(), "grandchild".to_owned()];

    let status = pair.pull_as_previewed(&options).await;

    assert_eq!(relation(&status), except(1, 0, 1));
    assert_eq!(pair.rows("child").await, "1,,, 8,9,");
    pair.undo(&status).await;

    options.conflicts = SOURCE;
    let preview = pair.south.preview("pull", "north", &options).await.preview.unwrap();
    assert!(preview.is_blocked(), "{:#?}", preview.findings);
    let error = pair.pull("backup", &options).await.error.unwrap();
    assert_eq!(error.code, Code::Refused, "{error:?}");
    for said in [&preview.findings[0].text, &error.message] {
        assert!(said.contains("referenced by 1 row of public.child"), "{said}");
        assert!(said.contains("public.child is not part of this sync"), "{said}");
    }
    pair.target.execute("delete from grandchild; delete from child where place = 9").await;
    let status = pair.pull_as_previewed(&options).await;
    assert_eq!(status.phase, Phase::Verified, "{:#?}", status.error);
}

#[tokio::test]
async fn a_row_that_is_repointed_is_updated_too() {
    let pair = pair(
        super::PLACES,
        "insert into place values (3, 'z', 'new'); insert into child values (2, 3, 'new')",
        "insert into place values (9, 'z', 'own'); insert into child values (2, 9, 'old')",
    )
    .await;

    let status = pair.pull("backup", &conflicts(SOURCE)).await;

    assert_eq!(status.phase, Phase::Verified, "{:#?}", status.error);
    assert_eq!(pair.rows("child").await, "2,3,new");
    pair.undo(&status).await;
}

/// The key of a place is part of the key of all that belongs to it.
const ORDERS: &str = "create table place (id int primary key, code text unique);
                      create table detail (place int primary key references place, note text);
                      create table line (place int references place, no int, note text, primary key (place, no));
                      create table part (place int, no int, k int, note text, primary key (place, no, k),
                                         foreign key (place, no) references line)";

#[tokio::test]
async fn rows_whose_key_is_that_of_what_they_reference_follow_it_to_the_last() {
    // The source's place 3 and the target's place 9 are one, with a detail and lines on both sides.
    for (policy, details, lines, parts) in [
        (SKIP, "1,s, 9,t", "1,1,s, 9,1,t, 9,3,t", "1,1,1,s, 9,1,1,t, 9,3,1,t"),
        (TARGET, "1,s, 9,t", "1,1,s, 9,1,t, 9,2,s, 9,3,t", "1,1,1,s, 9,1,1,t, 9,1,2,s, 9,2,1,s, 9,3,1,t"),
        (SOURCE, "1,s, 3,s", "1,1,s, 3,1,s, 3,2,s, 3,3,t", "1,1,1,s, 3,1,1,s, 3,1,2,s, 3,2,1,s, 3,3,1,t"),
    ] {
        let pair = pair(
            ORDERS,
            "insert into place values (1, 'a'), (3, 'z'); insert into detail values (1, 's'), (3, 's');
             insert into line values (1, 1, 's'), (3, 1, 's'), (3, 2, 's');
             insert into part values (1, 1, 1, 's'), (3, 1, 1, 's'), (3, 1, 2, 's'), (3, 2, 1, 's')",
            "insert into place values (9, 'z'); insert into detail values (9, 't');
             insert into line values (9, 1, 't'), (9, 3, 't'); insert into part values (9, 1, 1, 't'), (9, 3, 1, 't')",
        )
        .await;

        let status = pair.pull_as_previewed(&conflicts(policy)).await;

        let found = (pair.rows("detail").await, pair.rows("line").await, pair.rows("part").await);
        assert_eq!(found, (details.to_owned(), lines.to_owned(), parts.to_owned()), "{policy:?}");
        pair.undo(&status).await;
    }
}

/// Every key begins with the tenant, and no row changes its own.
#[tokio::test]
async fn a_key_of_which_a_part_is_referenced_too_stays_as_it_is() {
    let schema = "create table place (tenant int, id int, code text, above int, primary key (tenant, id), unique (tenant, code),
                                      foreign key (tenant, above) references place);
                  create table visit (tenant int, id int, place int, primary key (tenant, id),
                                      foreign key (tenant, place) references place)";
    for (policy, places, visits) in [
        (SKIP, "1,1,a,, 1,5,e,9, 1,9,z,", "1,1,1, 1,8,9"),
        (TARGET, "1,1,a,, 1,4,d,9, 1,5,e,9, 1,9,z,", "1,1,1, 1,2,9, 1,8,9"),
        (SOURCE, "1,1,a,, 1,3,z,1, 1,4,d,3, 1,5,e,3", "1,1,1, 1,2,3, 1,8,3"),
    ] {
        let pair = pair(
            schema,
            "insert into place values (1, 1, 'a', null), (1, 3, 'z', 1), (1, 4, 'd', 3); insert into visit values (1, 1, 1), (1, 2, 3)",
            "insert into place values (1, 9, 'z', null), (1, 5, 'e', 9); insert into visit values (1, 8, 9)",
        )
        .await;

        let status = pair.pull_as_previewed(&conflicts(policy)).await;

        assert_eq!(
            (pair.rows("place").await, pair.rows("visit").await),
            (places.to_owned(), visits.to_owned()),
            "{policy:?}"
        );
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn rows_that_are_replaced_and_reference_each_other_come_back_as_they_were() {
    let pair = pair(
        "create table place (id int primary key, code text unique, above int references place)",
        "insert into place values (1, 'a', null), (2, 'b', 1)",
        "insert into place values (10, 'a', 20), (20, 'b', 10), (30, 'c', 10)",
    )
    .await;

    let status = pair.pull_as_previewed(&conflicts(SOURCE)).await;

    assert_eq!(pair.rows("place").await, "1,a,, 2,b,1, 30,c,1");
    pair.undo(&status).await;
}
