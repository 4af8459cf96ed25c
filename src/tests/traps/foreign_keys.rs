//! Rows that point to rows: cycles, self references, orphans, cascades, and what else refers to what is written.

use tandem::model::{Code, Relation, Step};

use super::{keep, mirror, pair, pair_of};

#[tokio::test]
async fn a_cycle_of_three_tables_and_references_to_itself_arrive_in_any_order_of_rows() {
    let schema = "create table a (id int primary key, b int not null);
                  create table b (id int primary key, c int not null);
                  create table c (id int primary key, a int not null references a);
                  alter table a add foreign key (b) references b;
                  alter table b add foreign key (c) references c;
                  create table tree (id int primary key, parent int references tree)";
    // The children stand before their parents, as a table has them that was written to for years.
    let rows = "set session_replication_role = replica;
                insert into a select n, n % 50 + 1 from generate_series(1, 50) n;
                insert into b select n, n % 50 + 1 from generate_series(1, 50) n;
                insert into c select n, n % 50 + 1 from generate_series(1, 50) n;
                insert into tree select n, nullif(n - 1, 0) from generate_series(200, 1, -1) n";
    let others = "set session_replication_role = replica;
                  insert into a select n, n from generate_series(1, 60) n;
                  insert into b select n, n from generate_series(1, 60) n;
                  insert into c select n, n from generate_series(1, 60) n;
                  insert into tree select n, nullif(n + 1, 301) from generate_series(1, 300) n";
    let pair = pair(schema, rows, others).await;

    let result = pair.mirrored().await;

    assert_eq!((result.inserted, result.updated, result.deleted), (0, 350, 130));
}

#[tokio::test]
async fn an_orphan_is_refused_and_named_whatever_shape_its_key_has() {
    let tables = "create table parent (a int, b int, primary key (a, b));
                  create table child (id int primary key, a int, b int);
                  create table full_child (id int primary key, a int, b int);
                  create table tree (id int primary key, parent int);
                  create type spot as (x int, y int);
                  create table place (at spot primary key);
                  create table visit (id int primary key, at spot)";
    let keys = "alter table child add constraint child_up foreign key (a, b) references parent;
                alter table full_child add constraint full_up foreign key (a, b) references parent match full;
                alter table tree add constraint tree_up foreign key (parent) references tree;
                alter table visit add constraint visit_up foreign key (at) references place";
    let pair = pair_of(
        &format!(
            "{tables}; insert into parent values (1, 1);
             insert into child values (1, 1, 1), (2, 1, null), (3, 1, 2);
             insert into full_child values (1, 1, 1), (2, null, null), (3, 1, null);
             insert into tree values (1, 1), (2, 77);
             insert into place values ('(1,)'); insert into visit values (1, '(1,)'), (2, '(2,)'), (3, '(,)'), (4, null)"
        ),
        &format!("{tables}; {keys}"),
    )
    .await;

    let parts = [
        "1 row of public.child (a, b)",
        "child_up",
        "1 row of public.full_child (a, b)",
        "full_up",
        "1 row of public.tree (parent)",
        "tree_up",
        // Not set in every field, and yet no null.
        "2 rows of public.visit (at)",
        "visit_up",
    ];
    pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

    pair.source
        .execute("delete from child where id = 3; delete from full_child where id = 3; delete from tree where id = 2;
                  delete from visit where id in (2, 3)")
        .await;
    pair.mirrored().await;
}

#[tokio::test]
async fn a_parent_that_changes_loses_no_child_by_a_cascade() {
    let schema = "create table parent (id int primary key, code text unique, name text);
                  create table child (id int primary key, parent int references parent on delete cascade);
                  create table named (id int primary key, code text references parent (code)
                                      on delete set null on update cascade)";
    let rows = "insert into parent values (1, 'y', 'new'), (2, 'x', 'new');
                insert into child select n, n % 2 + 1 from generate_series(1, 20) n;
                insert into named values (1, 'x'), (2, 'y')";
    let others = "insert into parent values (1, 'x', 'old'), (2, 'y', 'old');
                  insert into child select n, n % 2 + 1 from generate_series(1, 20) n;
                  insert into child values (100, 1);
                  insert into named values (1, 'x'), (2, 'y'), (9, 'y')";
    let pair = pair(schema, rows, others).await;

    let result = pair.verified(&keep()).await.result.unwrap();

    assert_eq!((result.updated, result.deleted), (2, 0));
    assert_eq!(result.relation, Relation::Contains { target_only_rows: 2 });
    assert_eq!(pair.target.value::<i64>("select count(*) from child").await, 21);
    assert_eq!(pair.target.value::<String>("select code from named where id = 9").await, "y");
}

#[tokio::test]
async fn a_surplus_parent_goes_with_its_surplus_children() {
    let schema = "create table parent (id int primary key);
                  create table child (id int primary key, parent int not null references parent)";
    let pair = pair(
        schema,
        "insert into parent values (1); insert into child values (1, 1)",
        "insert into parent values (1), (2), (3); insert into child values (1, 1), (2, 2), (3, 2), (4, 3)",
    )
    .await;

    let result = pair.mirrored().await;

    assert_eq!(result.deleted, 5, "two parents and the three children that only they had");
}

#[tokio::test]
async fn a_surplus_parent_of_rows_that_stay_is_refused() {
    let schema = "create table parent (id int primary key)";
    let pair = pair_of(
        &format!("{schema}; insert into parent values (1)"),
        &format!(
            "{schema}; insert into parent values (1), (2);
             create table only_here (id int primary key, parent int constraint only_up references parent on delete cascade);
             insert into only_here values (1, 2)"
        ),
    )
    .await;

    let parts = ["1 row of public.only_here (parent)", "only_up", "public.parent"];
    pair.refused(&mirror(), Step::Restore, Code::ForeignKey, &parts).await;

    assert_eq!(pair.target.value::<i64>("select count(*) from only_here").await, 1);
}

#[tokio::test]
async fn few_rows_that_change_leave_no_orphan_whichever_side_of_a_key_they_are_on() {
    let tables = "create table parent (id int primary key, code text unique, name text);
                  create table child (id int primary key, parent int, note text);
                  create table named (id int primary key, code text)";
    let rows = "insert into parent select n, 'c' || n, 'parent' from generate_series(1, 3000) n;
                insert into child select n, n, 'child' from generate_series(1, 3000) n;
                insert into named select n, 'c' || n from generate_series(1, 2000) n";
    let keys = "alter table child add constraint child_up foreign key (parent) references parent;
                alter table named add constraint named_up foreign key (code) references parent (code);
                create table only_here (id int primary key, parent int constraint only_up references parent);
                insert into only_here values (1, 9); insert into named values (5000, 'c2500')";
    let pair = pair_of(&format!("{tables}; {rows}"), &format!("{tables}; {rows}; {keys}")).await;

    pair.source.execute("update child set parent = 4000 where id = 5").await;
    let parts = ["1 row of public.child (parent)", "child_up"];
    pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

    // What references the value stands on the target only.
    pair.source
        .execute("update child set parent = 5 where id = 5; update parent set code = 'x' where id = 2500")
        .await;
    let parts = ["1 row of public.named (code)", "named_up"];
    pair.refused(&keep(), Step::Restore, Code::ForeignKey, &parts).await;

    pair.source.execute("update parent set code = 'c2500' where id = 2500").await;
    pair.source
        .execute(
            "delete from child where id = 9; delete from named where id = 9; delete from parent where id = 9",
        )
        .await;
    let parts = ["1 row of public.only_here (parent)", "only_up"];
    pair.refused(&mirror(), Step::Restore, Code::ForeignKey, &parts).await;

    pair.target.execute("drop table only_here").await;
    pair.source.execute("update child set note = 'new', parent = 11 where id = 10; insert into parent values (4000, 'y', 'new')").await;
    let result = pair.mirrored().await;
    assert_eq!((result.inserted, result.updated, result.deleted), (1, 1, 4));
}
