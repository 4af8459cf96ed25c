//! A preview says exactly what the sync then does, and writes nothing.

mod refused;

use tandem::model::{Change, ConflictPolicy, DeletePolicy, Kind, Phase, Preview, RowErrors, SyncOptions};

use crate::support::{self, Written, nodes};
use crate::traps::assert_says;

fn mirror() -> SyncOptions {
    SyncOptions { deletes: DeletePolicy::Mirror, ..SyncOptions::default() }
}

fn sums(preview: &Preview) -> (u64, u64, u64) {
    (
        preview.sum(|table| table.inserted),
        preview.sum(|table| table.updated),
        preview.sum(|table| table.deleted),
    )
}

#[tokio::test]
async fn what_a_preview_counts_is_what_the_sync_does() {
    for (sample, target, options) in [
        ("pagila", "pagila", mirror()),
        ("shop", "shop", SyncOptions::default()),
        ("chinook", "chinook_schema", SyncOptions::default()),
    ] {
        let is_empty = target.ends_with("_schema");
        let (source, target) = support::databases(sample, target).await;
        let (north, south) = nodes(&source, &target).await;
        if !is_empty {
            target.drift().await;
        }
        let before = Written::of(&target).await;
        let source_before = Written::of(&source).await;

        let seen = south.preview("pull", "north", &options).await;

        assert_eq!((seen.kind, seen.phase), (Kind::Preview, Phase::Previewed), "{seen:#?}");
        assert_eq!(before.until(&Written::of(&target).await), [].into());
        assert_eq!(source_before.until(&Written::of(&source).await), [].into());
        let staged = "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                      where n.nspname = 'tandem' and c.relname like 'stage\\_%'";
        assert_eq!(target.value::<i64>(staged).await, 0);
        let preview = seen.preview.unwrap();
        assert!(!preview.is_blocked(), "{:?}", preview.findings);
        assert!(preview.rights.contains("replica"), "{}", preview.rights);

        // The other node sees the same from its side.
        let pushed = north.preview("push", "south", &options).await;
        assert_eq!(pushed.phase, Phase::Previewed, "{pushed:#?}");
        assert_eq!(sums(&pushed.preview.unwrap()), sums(&preview));

        let result = south.sync("pull", "north", &options).await.result.unwrap();
        assert_eq!(sums(&preview), (result.inserted, result.updated, result.deleted));
        assert_eq!(preview.sum(|table| table.unchanged), result.unchanged);
        let again = south.preview("pull", "north", &options).await.preview.unwrap();
        assert_eq!(sums(&again), (0, 0, 0));
    }
}

#[tokio::test]
async fn rows_in_conflict_count_as_what_becomes_of_them() {
    let schema = "create table place (id int primary key, code text unique, name text unique)";
    let options = |conflicts, row_errors| SyncOptions { conflicts, row_errors, ..SyncOptions::default() };
    for (options, written) in [
        (options(ConflictPolicy::Skip, RowErrors::Strict), (1, 1, 0)),
        (options(ConflictPolicy::Target, RowErrors::Strict), (1, 1, 0)),
        (options(ConflictPolicy::Abort, RowErrors::Isolate), (1, 1, 0)),
        (options(ConflictPolicy::Source, RowErrors::Strict), (2, 2, 2)),
    ] {
        let (source, target) = support::databases("empty", "empty").await;
        // A new row meets a row of the target's own in two values, one that is there already in one.
        source
            .execute(&format!(
                "{schema}; insert into place values (1, 'a', 'a'), (2, 'y', 'b'), (3, 'z', 'z'), (4, 'd', 'd'), (5, 'e', 'e')"
            ))
            .await;
        target
            .execute(&format!(
                "{schema}; insert into place values (1, 'A', 'a'), (2, 'b', 'b'), (5, 'e', 'e'), (8, 'y', 'y'), (9, 'z', 'z')"
            ))
            .await;
        let (_north, south) = nodes(&source, &target).await;

        let preview = south.preview("pull", "north", &options).await.preview.unwrap();

        assert_eq!((sums(&preview), preview.sum(|table| table.conflicts)), (written, 2), "{preview:#?}");
        let result = south.sync("pull", "north", &options).await.result.unwrap();
        assert_eq!((result.inserted, result.updated, result.deleted), written, "{options:?} {result:#?}");
    }
}

#[tokio::test]
async fn a_preview_shows_the_first_rows_with_what_changes_and_which_are_newer() {
    let schema = "create table thing (id int primary key, name text, note text, updated_at timestamptz);
                  create table code (id int primary key, code text constraint code_code unique);
                  create table plain (name text)";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema}; insert into thing values (1, 'a', null, '2025-01-01'), (2, 'b', 'x', '2025-01-02'), (3, 'c', 'x', '2025-01-03');
                             insert into code values (1, 'z'); insert into plain values ('a'), ('a')")).await;
    target.execute(&format!("{schema}; insert into thing values (1, 'a', 'y', '2025-01-01'), (2, 'B', 'x', '2025-06-01'), (9, 'own', 'x', '2025-01-03');
                             insert into code values (7, 'z'); insert into plain values ('a'), ('own')")).await;
    let (_north, south) = nodes(&source, &target).await;

    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();

    let thing = preview.tables.iter().find(|table| table.name == "thing").unwrap();
    assert_eq!((thing.inserted, thing.updated, thing.deleted, thing.target_only), (1, 2, 0, 1));
    assert_eq!((thing.newer, thing.newer_by.as_deref()), (1, Some("updated_at")));
    let row = |change, key: &str| {
        let rows = thing.rows.iter();
        rows.filter(|row| row.change == change).find(|row| row.key == [key]).unwrap()
    };
    let first = row(Change::Update, "1");
    let values: Vec<_> = first
        .values
        .iter()
        .map(|value| (&*value.column, value.before.as_deref(), value.after.as_deref()))
        .collect();
    assert_eq!((values, first.newer), (vec![("note", Some("y"), None)], false));
    assert!(row(Change::Update, "2").newer);
    assert_eq!(row(Change::Insert, "3").values.len(), 4);
    let disk = preview.checks.iter().find(|check| check.name == "Data directory").unwrap();
    assert!(disk.text.contains(" are free"), "{}", disk.text);
    assert!(preview.space_bytes > 0);
    assert_eq!(row(Change::Keep, "9").values[1].before.as_deref(), Some("own"));
    let plain = preview.tables.iter().find(|table| table.name == "plain").unwrap();
    assert_eq!((plain.inserted, plain.target_only, plain.unchanged), (1, 1, 1));
    // The unique value is taken: a sync would be refused, and the preview says so.
    let code = preview.tables.iter().find(|table| table.name == "code").unwrap();
    assert_eq!(code.conflicts, 1);
    assert!(preview.is_blocked());
    assert!(preview.findings.iter().any(|finding| finding.blocks && finding.text.contains("code")));
    let skip = SyncOptions { conflicts: ConflictPolicy::Skip, ..SyncOptions::default() };
    let skipped = south.preview("pull", "north", &skip).await.preview.unwrap();
    assert!(!skipped.is_blocked(), "{:?}", skipped.findings);
    assert!(skipped.findings.iter().any(|finding| finding.text.contains("left out")));

    let mirrored = south.preview("pull", "north", &mirror()).await.preview.unwrap();
    assert!(!mirrored.is_blocked(), "{:?}", mirrored.findings);
    assert_eq!(sums(&mirrored), (3, 2, 3));
}

#[tokio::test]
async fn what_would_refuse_a_sync_is_what_its_preview_says() {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(
            "create table a (id int primary key, name text, extra int); create table b (id int primary key)",
        )
        .await;
    target.execute("create table a (id int primary key, name int)").await;
    let (north, south) = nodes(&source, &target).await;

    let seen = south.preview("pull", "north", &SyncOptions::default()).await;

    assert_eq!(seen.phase, Phase::Previewed, "{seen:#?}");
    let preview = seen.preview.unwrap();
    assert!(preview.is_blocked());
    let said: String =
        preview.findings.iter().map(|finding| format!("{} {}", finding.text, finding.remedy)).collect();
    for part in ["extra", "name", "public.b"] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    let pushed = north.preview("push", "south", &SyncOptions::default()).await;
    assert_eq!((pushed.phase, pushed.preview.unwrap()), (Phase::Previewed, preview), "{:?}", pushed.error);
}

#[tokio::test]
async fn what_would_be_made_on_the_target_is_shown_as_the_statements_that_make_it() {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(
            "create table place (id int primary key, name text); create index place_name on place (name);
             insert into place values (1, 'a'), (2, 'b');
             create table visit (id int primary key, place int constraint visit_place references place)",
        )
        .await;
    let (_north, south) = nodes(&source, &target).await;
    let options = SyncOptions { initialise: true, ..SyncOptions::default() };

    let preview = south.preview("pull", "north", &options).await.preview.unwrap();

    assert!(!preview.is_blocked(), "{:?}", preview.findings);
    assert_eq!(sums(&preview), (2, 0, 0));
    let made = &preview.findings[0];
    assert!(made.text.contains("2 tables"), "{made:?}");
    let statements = made.statements.join("\n");
    assert_says(
        &statements,
        &[
            r#"create table "public"."place" ("id" integer not null, "name" text);"#,
            r#"add constraint "visit_place" foreign key"#,
        ],
    );
    assert!(preview.findings[1].text.contains("Index place_name of public.place"), "{:?}", preview.findings);
    let tables = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
    assert_eq!(target.value::<i64>(tables).await, 0);

    source
        .execute("do $$ begin for i in 1..60 loop execute format('create table many_%s (id int primary key)', i); end loop; end $$")
        .await;
    let many = south.preview("pull", "north", &options).await.preview.unwrap();
    let statements = &many.findings[0].statements;
    assert!(statements.len() == 101 && statements[100].contains("and 25 more"), "{statements:?}");
}

#[tokio::test]
async fn what_would_be_added_first_is_shown_and_does_not_stand_in_the_way() {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute("create type mood as enum ('glad', 'sad'); create table place (id int primary key, mood mood, size int); insert into place values (1, 'sad', 7)")
        .await;
    target
        .execute("create type mood as enum ('glad'); create table place (id int primary key, mood mood); insert into place values (2)")
        .await;
    let (north, mut south) = nodes(&source, &target).await;
    south.terminate().await;
    south.set("TANDEM_ALLOW_INITIALISE", "true");
    south.start().await;
    let before = Written::of(&target).await;
    let options = SyncOptions { additive: true, ..SyncOptions::default() };

    for method in ["auto", "backup", "rows"] {
        for (node, action, peer) in [(&south, "pull", "north"), (&north, "push", "south")] {
            let seen = node.preview_by(method, action, peer, &options).await;

            assert_eq!(seen.phase, Phase::Previewed, "{method} {action}: {seen:#?}");
            let preview = seen.preview.unwrap();
            assert!(!preview.is_blocked() && !preview.is_counted(), "{preview:#?}");
            let statements = preview.findings[0].statements.join("\n");
            assert_says(
                &statements,
                &[
                    r#"alter type "public"."mood" add value E'sad' after E'glad';"#,
                    r#"alter table "public"."place" add column "size" integer;"#,
                ],
            );
        }
    }

    assert_eq!(before.until(&Written::of(&target).await), [].into());
    assert_eq!(south.sync("pull", "north", &options).await.phase, Phase::Verified);
    let counted = south.preview("pull", "north", &options).await.preview.unwrap();
    assert_eq!((counted.is_counted(), sums(&counted)), (true, (0, 0, 0)));
}

#[tokio::test]
async fn where_both_sides_number_rows_alike_it_says_how_to_keep_them_apart() {
    let schema = r#"create table "Place" (id int primary key generated by default as identity, name text);
                    create table told (id serial primary key); alter sequence told_id_seq increment by 2"#;
    let (source, target) = support::databases("empty", "empty").await;
    for (database, rows) in [(&source, "(1), (2), (5)"), (&target, "(1), (7), (8)")] {
        database
            .execute(&format!(
                r#"{schema}; insert into "Place" values {rows}; insert into told values {rows}"#
            ))
            .await;
    }
    let (_north, south) = nodes(&source, &target).await;

    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();

    let found: Vec<_> = preview.findings.iter().filter(|finding| !finding.statements.is_empty()).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_says(&found[0].text, &["Both servers have made rows of Place, and"]);
    assert_eq!(
        found[0].statements,
        [
            "-- on north",
            r#"alter sequence "public"."Place_id_seq" increment by 2 restart with 11;"#,
            "-- on south",
            r#"alter sequence "public"."Place_id_seq" increment by 2 restart with 12;"#,
        ]
    );

    // Whoever does so gets rows that never meet, and is told no more.
    source.execute(&found[0].statements[1]).await;
    target.execute(&found[0].statements[3]).await;
    for (database, made) in [(&source, [11, 13]), (&target, [12, 14])] {
        for number in made {
            let id: i32 = database.value(r#"insert into "Place" (name) values ('new') returning id"#).await;
            assert_eq!(id, number);
        }
    }
    let status = south.sync("pull", "north", &SyncOptions::default()).await;
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
    let id: i32 = target.value(r#"insert into "Place" (name) values ('new') returning id"#).await;
    assert_eq!(id, 16);
    let preview = south.preview("pull", "north", &SyncOptions::default()).await.preview.unwrap();
    assert!(preview.findings.is_empty(), "{:#?}", preview.findings);
}
