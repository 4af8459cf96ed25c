//! Nothing that was chosen points to something that was not.

use tandem::model::Scope;

use super::{assert_no_orphan, assert_verified, business, count, of, says};
use crate::support::{self, Database, nodes};

/// Businesses that form groups, a cycle, a self reference, a table between that nobody asked for.
const WEB: &str = "
    create table company (id text primary key, parent text references company, demo boolean);
    create table place (id integer primary key, company text not null references company, chief integer);
    create table person (id integer primary key, place integer references place, boss integer references person,
                         friend integer references person);
    alter table place add foreign key (chief) references person;
    create table visit (person integer references person, place integer references place);
    create table visit_log (id bigint primary key, visitor integer references person, before bigint references visit_log);
    create table kind (id integer primary key, example integer);
    create table note (visit_log bigint references visit_log, kind integer references kind);
    alter table visit_log add author text references company;
    insert into company values ('a', null, false), ('b', 'a', null), ('c', 'b', true);
    insert into place values (1, 'a', null), (2, 'b', null), (3, 'c', null);
    insert into person values (1, 1, null, null), (2, 2, 1, null), (3, 2, 2, null), (4, 3, 3, null), (5, null, 4, null),
                              (6, null, null, null);
    update place set chief = case id when 2 then 6 else id end;
    update person set friend = 4 where id = 3;
    insert into visit values (1, 1), (2, 2), (3, 1), (4, 3), (6, null);
    insert into visit_log values (1, 1, null), (2, 2, 1), (3, 2, 2), (4, 3, 3), (5, 4, 1), (6, 6, 2);
    insert into kind values (1), (2);
    insert into note values (2, 1), (5, 2), (6, 1);
    analyze";

async fn web() -> (Database, Database) {
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(WEB).await;
    target.execute(WEB).await;
    target.execute("truncate company, place, person, visit, visit_log, kind, note").await;
    (source, target)
}

async fn list(database: &Database, column: &str, table: &str) -> String {
    let query =
        format!("select coalesce(string_agg({column}::text, ' ' order by {column}), '') from {table}");
    database.value(&query).await
}

#[tokio::test]
async fn chains_self_references_and_cycles_are_followed_to_their_end() {
    let (source, target) = web().await;
    let (_north, south) = nodes(&source, &target).await;

    let status = south.sync("pull", "north", &of(business("b"))).await;

    assert_verified(&status);
    // b itself, and a, to which it belongs, without what belongs to a; what persons point to comes along: the friend 4
    // is of c.
    assert_eq!(list(&target, "id", "company").await, "a b c");
    assert_eq!(list(&target, "id", "place").await, "1 2 3");
    assert_no_orphan(&target).await;
    assert_eq!(list(&target, "id", "kind").await, "1 2");
    // 2 and 3 are at place 2, 4 and 5 have them for a boss or for the boss's boss, 6 and 1 are pointed to.
    assert_eq!(list(&target, "id", "person").await, "1 2 3 4 5 6");
    assert_eq!(list(&target, "person", "visit").await, "2 3 4");
}

#[tokio::test]
async fn what_hangs_on_the_audit_rows_that_are_left_is_closed() {
    let (source, target) = web().await;
    let (_north, south) = nodes(&source, &target).await;
    let scope = Scope { audit_limit: Some(1), ..Scope::default() };

    let status = south.sync("pull", "north", &of(scope)).await;

    assert_verified(&status);
    // The newest is 6, which points to 2 and that to 1; a note points to 5.
    assert_eq!(list(&target, "id", "visit_log").await, "1 2 5 6");
    assert_eq!(count(&target, "note").await, 3);
    assert_no_orphan(&target).await;
}

/// A reader that leaves in the middle takes the connection with it on which the rows were chosen.
#[tokio::test]
async fn a_row_that_is_too_long_to_be_compared_loses_no_other_row_of_the_part() {
    let (source, target) = web().await;
    let (_north, south) = nodes(&source, &target).await;
    source
        .execute(
            "create table paper (id integer primary key, company text references company, text text);
             insert into paper select n, case when n % 2 = 0 then 'b' else 'c' end, 'paper ' || n
             from generate_series(1, 2000) n",
        )
        .await;
    target
        .execute("create table paper (id integer primary key, company text references company, text text)")
        .await;
    let options = of(business("b"));
    assert_verified(&south.sync("pull", "north", &options).await);
    source.execute("update paper set text = repeat(md5('long'), 400000) where id = 10; update visit_log set before = null where id = 3").await;

    let status = south.sync_by("delta", "pull", "north", &options).await;

    assert_verified(&status);
    assert_eq!(count(&target, "paper").await, 1000);
    assert_eq!(count(&target, "paper where length(text) > 12000000").await, 1);
    assert_eq!(count(&target, "visit_log where id = 3 and before is null").await, 1);
}

/// A log outlives what it is about, so it has no foreign key.
#[tokio::test]
async fn a_column_that_names_the_business_needs_no_foreign_key() {
    let tables = "create table companies (id int primary key, demo boolean);
                  create table place (id int primary key, company_id int references companies);
                  create table trace (id int primary key, \"Company_ID\" int, what text);
                  create table step (id int primary key, trace int references trace);
                  create table note (company_id text, what text)";
    for (scope, traces, steps) in [
        (business("1"), "1 3", "10"),
        (Scope { without_demo: true, ..Scope::default() }, "1 3 4 5", "10 40 50"),
    ] {
        let (source, target) = support::databases("empty", "empty").await;
        target.execute(tables).await;
        source
            .execute(&format!(
                "{tables}; insert into companies values (1, false), (2, true);
                 insert into place values (1, 1), (2, 2);
                 insert into trace values (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c'), (4, 99, 'gone'), (5, null, 'none');
                 insert into step values (10, 1), (20, 2), (40, 4), (50, 5);
                 insert into note values ('1', 'x'), ('2', 'y')"
            ))
            .await;
        let (north, south) = nodes(&source, &target).await;

        let status = south.sync("pull", "north", &of(scope)).await;

        assert_verified(&status);
        assert_eq!(list(&target, "id", "trace").await, traces);
        assert_eq!(list(&target, "id", "step").await, steps);
        // Of another type, so it does not hold the key.
        assert!(
            says(
                &north,
                &status,
                "Whole, because nothing says to which business their rows belong: public.note"
            )
            .await
        );
    }
}
