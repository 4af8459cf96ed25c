//! What an admin can choose about rows that cannot simply come in: conflicts, refused rows, chosen rows.

mod chosen;
mod followed;

use tandem::model::{
    Code, ConflictPolicy, DeletePolicy, Phase, Relation, RowErrors, SyncOptions, SyncStatus,
};

use crate::support::{self, Contents, Database, Node, Written, nodes};

struct Pair {
    _source: Database,
    target: Database,
    _north: Node,
    south: Node,
    before: Contents,
}

async fn pair(schema: &str, source_rows: &str, target_rows: &str) -> Pair {
    pair_of(support::databases("empty", "empty").await, schema, source_rows, target_rows).await
}

async fn pair_of(
    (source, target): (Database, Database),
    schema: &str,
    source_rows: &str,
    target_rows: &str,
) -> Pair {
    source.execute(&format!("{schema}; {source_rows}")).await;
    target.execute(&format!("{schema}; {target_rows}")).await;
    let (north, south) = nodes(&source, &target).await;
    let before = Contents::of(&target).await;
    Pair { _source: source, target, _north: north, south, before }
}

impl Pair {
    async fn pull(&self, method: &str, options: &SyncOptions) -> SyncStatus {
        self.south.sync_by(method, "pull", "north", options).await
    }

    async fn text(&self, query: &str) -> String {
        self.target
            .value(&format!("select coalesce(string_agg(r, ', ' order by r), '') from ({query}) t(r)"))
            .await
    }

    /// Whatever was decided, it can be taken back.
    async fn undo(&self, status: &SyncStatus) {
        let undone = self.south.undo(&status.session_id, false).await;
        assert_eq!(undone.phase, Phase::Verified, "{undone:#?}");
        assert_eq!(self.before.until(&Contents::of(&self.target).await), [""; 0]);
    }
}

const PLACES: &str =
    "create table place (id int primary key, code text constraint place_code unique, name text);
                      create table child (id int primary key, place int references place, note text);
                      create table grandchild (id int primary key, child int not null references child)";
/// The source has 3:z, the target its own 9:z; both have children of it.
const SOURCE: &str = "insert into place values (1, 'a', 'new'), (3, 'z', 'new');
                      insert into child values (1, 1), (2, 3), (3, null); insert into grandchild values (1, 1), (2, 2)";
const TARGET: &str = "insert into place values (1, 'a', 'old'), (9, 'z', 'own');
                      insert into child values (8, 9), (1, null); insert into grandchild values (8, 8)";

fn conflicts(conflicts: ConflictPolicy) -> SyncOptions {
    SyncOptions { conflicts, ..SyncOptions::default() }
}

fn isolate() -> SyncOptions {
    SyncOptions { row_errors: RowErrors::Isolate, ..SyncOptions::default() }
}

const PLACE_ROWS: &str = "select id || code || name from place";
const CHILD_ROWS: &str = "select id || ':' || coalesce(place::text, '-') from child";
const GRANDCHILD_ROWS: &str = "select id || ':' || child from grandchild";

#[tokio::test]
async fn a_conflict_aborts_and_both_rows_are_named() {
    for method in ["backup", "delta"] {
        let pair = pair(PLACES, SOURCE, TARGET).await;
        let before = Written::of(&pair.target).await;

        let status = pair.pull(method, &SyncOptions::default()).await;

        let error = status.error.unwrap();
        assert_eq!((status.phase, error.code), (Phase::Failed, Code::RowRefused));
        for part in ["public.place", "id 3", "id 9", "place_code"] {
            assert!(error.message.contains(part), "`{part}` is not in: {}", error.message);
        }
        assert_eq!(before.until(&Written::of(&pair.target).await), [].into());
    }
}

#[tokio::test]
async fn skip_leaves_the_incoming_row_out_with_all_that_references_it() {
    for method in ["backup", "delta"] {
        let pair = pair(PLACES, SOURCE, TARGET).await;

        let status = pair.pull(method, &conflicts(ConflictPolicy::Skip)).await;

        assert_eq!(status.phase, Phase::Completed, "{status:#?}");
        let result = status.result.clone().unwrap();
        assert!(matches!(result.relation, Relation::Except { left_out: 3, .. }), "{result:?}");
        let rows: Vec<_> =
            result.set_aside_rows.iter().map(|row| format!("{} {}", row.table, row.row)).collect();
        assert_eq!(rows, ["child id 2", "grandchild id 2", "place id 3"]);
        assert_eq!(pair.text(PLACE_ROWS).await, "1anew, 9zown");
        assert_eq!(pair.text(CHILD_ROWS).await, "1:1, 3:-, 8:9");
        assert_eq!(pair.text(GRANDCHILD_ROWS).await, "1:1, 8:8");
        assert_eq!(pair.target.value::<i64>("select count(*) from tandem.quarantine").await, 3);
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn source_replaces_the_targets_row_and_its_children_follow() {
    let pair = pair(PLACES, SOURCE, TARGET).await;

    let status = pair.pull("backup", &conflicts(ConflictPolicy::Source)).await;

    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    assert_eq!(pair.text(PLACE_ROWS).await, "1anew, 3znew");
    assert_eq!(pair.text(CHILD_ROWS).await, "1:1, 2:3, 3:-, 8:3");
    assert_eq!(pair.text(GRANDCHILD_ROWS).await, "1:1, 2:2, 8:8");
    pair.undo(&status).await;
}

#[tokio::test]
async fn target_keeps_its_row_and_the_incoming_children_reference_it() {
    for method in ["backup", "delta"] {
        let pair = pair(PLACES, SOURCE, TARGET).await;
        let options = conflicts(ConflictPolicy::Target);

        let status = pair.pull(method, &options).await;

        assert_eq!(status.phase, Phase::Completed, "{status:#?}");
        let relation = status.result.clone().unwrap().relation;
        assert_eq!(relation, Relation::Except { left_out: 1, repointed: 1, target_only_rows: 3 });
        assert_eq!(pair.text(PLACE_ROWS).await, "1anew, 9zown");
        assert_eq!(pair.text(CHILD_ROWS).await, "1:1, 2:9, 3:-, 8:9");
        assert_eq!(pair.text(GRANDCHILD_ROWS).await, "1:1, 2:2, 8:8");
        let before = Written::of(&pair.target).await;
        let again = pair.pull(method, &options).await;
        assert_eq!(again.result.unwrap().relation, relation);
        assert_eq!(before.until(&Written::of(&pair.target).await), [].into());
        pair.undo(&status).await;
    }
}

/// Of the visit that is in conflict itself, both references are.
#[tokio::test]
async fn what_was_repointed_to_the_targets_rows_is_proven_whatever_becomes_of_it() {
    let pair = pair(
        "create table place (id int primary key, code text unique, above int references place);
         create table visit (id int primary key, code text unique, a int references place, b int references place);
         create table bill (visit int references visit, note text)",
        "insert into place values (1, 'a', null), (2, 'b', 1), (3, 'c', 2), (4, 'd', 4);
         insert into visit values (1, 'v', 1, 2), (2, 'w', 2, 3), (3, 'x', 4, 1);
         insert into bill values (1, 'one'), (1, 'one'), (2, null), (3, 'three')",
        "insert into place values (10, 'a', null), (20, 'b', 10); insert into visit values (7, 'v', 20, 10)",
    )
    .await;

    let status = pair.pull("backup", &conflicts(ConflictPolicy::Target)).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    let left_out: Vec<_> = status.result.iter().flat_map(|result| &result.set_aside_rows).collect();
    let relation = status.result.clone().unwrap().relation;
    // To places 1 and 2 lead one `above`, two `a` and two `b`, to visit 1 its bills.
    assert_eq!(
        relation,
        Relation::Except { left_out: 3, repointed: 7, target_only_rows: 3 },
        "{left_out:#?}"
    );
    assert_eq!(
        pair.text("select id || code || coalesce(above::text, '-') from place").await,
        "10a-, 20b10, 3c20, 4d4"
    );
    assert_eq!(pair.text("select id || code || a || b from visit").await, "2w203, 3x410, 7v2010");
    assert_eq!(pair.text("select visit || coalesce(note, '-') from bill").await, "2-, 3three, 7one, 7one");
    pair.undo(&status).await;
}

#[tokio::test]
async fn rows_in_conflict_that_reference_each_other_are_left_out_as_they_came() {
    let pair = pair(
        "create table place (id int primary key, code text unique, above int references place)",
        "insert into place values (1, 'a', null), (2, 'b', 1), (3, 'c', 2), (4, 'd', 4)",
        "insert into place values (10, 'a', null), (20, 'b', 10)",
    )
    .await;

    let status = pair.pull("backup", &conflicts(ConflictPolicy::Target)).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    let rows = "select id || code || coalesce(above::text, '-') from place";
    assert_eq!(pair.text(rows).await, "10a-, 20b10, 3c20, 4d4");
    let kept: String = pair.target.value("select image from tandem.quarantine where \"row\" = 'id 2'").await;
    assert_eq!(kept, "(2,b,1)");
    pair.undo(&status).await;
}

#[tokio::test]
async fn a_reference_that_does_not_come_in_is_not_repointed() {
    let pair = pair(PLACES, SOURCE, TARGET).await;
    let mut options = conflicts(ConflictPolicy::Target);
    options.scope.without_columns = vec!["child.place".to_owned()];

    let status = pair.pull("backup", &options).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    let relation = status.result.clone().unwrap().relation;
    assert_eq!(relation, Relation::Except { left_out: 1, repointed: 0, target_only_rows: 3 });
    assert_eq!(pair.text(CHILD_ROWS).await, "1:-, 2:-, 3:-, 8:9");
    pair.undo(&status).await;
}

#[tokio::test]
async fn a_row_that_another_program_has_written_is_not_taken_for_a_repointed_one() {
    let pair = pair(PLACES, SOURCE, TARGET).await;
    // As late as can be: when every row has been compared, and before the databases are read once more.
    pair.target
        .execute(
            "create function meddle() returns trigger language plpgsql as
                 'begin update public.child set note = ''meddled'' where id = 2; return null; end';
             create trigger meddle after update of committed_us on tandem.session
                 for each row when (new.committed_us is not null) execute function meddle();
             alter table tandem.session enable always trigger meddle",
        )
        .await;

    let status = pair.pull("backup", &conflicts(ConflictPolicy::Target)).await;

    let Relation::Unverified { reason } = status.result.unwrap().relation else {
        panic!("{}", status.message)
    };
    assert!(reason.contains("differ from the source: public.child."), "{reason}");
}

#[tokio::test]
async fn a_preview_counts_conflicts_in_every_kind_of_unique_index() {
    let schema = "create table word (id int primary key, code text, live bool);
                  create unique index on word (lower(code)) where live;
                  create table span (id int primary key, during int4range, exclude using gist (during with &&));
                  create table pairs (id int primary key, a int, b int, unique nulls not distinct (a, b))";
    let pair = pair(
        schema,
        "insert into word values (1, 'ONE', true), (2, 'two', false); insert into span values (1, '[1,5)'); insert into pairs values (1, 1, null)",
        "insert into word values (7, 'one', true), (8, 'TWO', true); insert into span values (7, '[4,9)'); insert into pairs values (7, 1, null)",
    )
    .await;

    let preview = pair.south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();

    let counted: Vec<_> = preview.tables.iter().map(|table| (table.name.as_str(), table.conflicts)).collect();
    let of = |name| counted.iter().find(|(other, _)| *other == name).unwrap().1;
    assert_eq!((of("word"), of("span"), of("pairs")), (1, 1, 1));
    let skipped = pair.pull("backup", &conflicts(ConflictPolicy::Skip)).await;
    assert_eq!(skipped.result.unwrap().set_aside, 3);
}

#[tokio::test]
async fn refused_rows_are_left_out_one_by_one_and_the_rest_commits() {
    let schema = "create table parent (id int primary key, name text);
                  create table thing (id int primary key, parent int references parent, note text);
                  create table leaf (id int primary key, thing int references thing);
                  create table loose (name text)";
    for (method, deletes) in [("backup", DeletePolicy::Keep), ("delta", DeletePolicy::Mirror)] {
        let pair = pair(
            schema,
            "insert into parent select n, 'p' || n from generate_series(1, 3000) n;
             insert into thing select n, n, 'x' from generate_series(1, 3000) n;
             insert into leaf select n, n from generate_series(1, 3000) n;
             insert into loose select n from generate_series(1, 50) n",
            "insert into parent values (7, 'old'), (9000, 'own'); insert into loose values ('own');
             alter table parent add constraint no_13 check (name not in ('p13', 'p7', 'p2999'));
             alter table thing alter note set not null;
             create function loud() returns trigger language plpgsql as 'begin if new.name = ''17'' then raise exception ''not 17''; end if; return new; end';
             create trigger loud before insert on loose for each row execute function loud();
             alter table loose enable always trigger loud",
        )
        .await;
        let options = SyncOptions { deletes, ..isolate() };

        let status = pair.pull(method, &options).await;

        assert_eq!(status.phase, Phase::Completed, "{status:#?}");
        let result = status.result.clone().unwrap();
        // 13 and 2999 with their children and grandchildren; 7 stays as it was, so its children may come.
        assert_eq!(result.set_aside, 8, "{:#?}", result.set_aside_rows);
        let reasons: Vec<_> = result
            .set_aside_rows
            .iter()
            .map(|row| format!("{} {} {}", row.table, row.row, row.sqlstate))
            .collect();
        for expected in ["parent id 13 23514", "parent id 7 23514", "thing id 13 23503", "leaf id 2999 23503"]
        {
            assert!(reasons.iter().any(|row| row == expected), "{expected}: {reasons:?}");
        }
        assert!(
            result.set_aside_rows.iter().any(|row| row.table == "loose" && row.reason.contains("not 17"))
        );
        assert_eq!(
            pair.text("select name from parent where id in (7, 13, 9000)").await,
            match deletes {
                DeletePolicy::Keep => "old, own",
                DeletePolicy::Mirror => "old",
            }
        );
        assert_eq!(pair.target.value::<i64>("select count(*) from thing").await, 2998);
        assert_eq!(pair.target.value::<i64>("select count(*) from tandem.quarantine").await, 8);
        pair.undo(&status).await;
    }
}

#[tokio::test]
async fn rows_that_no_type_of_the_target_can_hold_are_left_out_too() {
    let schema = "create domain small as int; create table thing (id int primary key, size small, name text)";
    let pair = pair(
        schema,
        "insert into thing select n, n % 100, n from generate_series(1, 20000) n",
        "alter domain small add check (value < 99)",
    )
    .await;
    assert_eq!(pair.pull("backup", &SyncOptions::default()).await.phase, Phase::Failed);

    let status = pair.pull("backup", &isolate()).await;

    assert_eq!(status.phase, Phase::Completed, "{status:#?}");
    let result = status.result.unwrap();
    assert_eq!((result.set_aside, result.inserted), (200, 19800));
    assert!(matches!(result.relation, Relation::Except { left_out: 200, .. }), "{:?}", result.relation);
}

#[tokio::test]
async fn keys_that_come_twice_are_all_left_out() {
    let source = "create table thing (id int, name text); insert into thing values (1, 'a'), (1, 'b'), (2, 'c'), (null, 'd')";
    let (from, to) = support::databases("empty", "empty").await;
    from.execute(source).await;
    to.execute("create table thing (id int primary key, name text); insert into thing values (1, 'old')")
        .await;
    let (_north, south) = nodes(&from, &to).await;

    let status = south.sync_by("backup", "pull", "north", &isolate()).await;

    assert_eq!(status.result.unwrap().set_aside, 3);
    let rows: String = to.value("select string_agg(id || name, ', ' order by id) from thing").await;
    assert_eq!(rows, "1old, 2c");
}
