//! Tables that inherit: each holds its own rows, and a parent's key says nothing about its children.

use super::{mirror, pair};

#[tokio::test]
async fn the_same_key_in_parent_and_child_survives_in_both() {
    let schema = "create table animal (id int primary key, name text);
                  create table bird (wings int, primary key (id)) inherits (animal);
                  create table owl () inherits (bird);
                  create table toy (id int references animal)";
    let pair = pair(
        schema,
        "insert into animal values (1, 'a'), (2, 'b'); insert into bird values (1, 'c', 2), (3, 'd', 2);
         insert into owl values (1, 'e', 2), (1, 'e', 2); insert into toy values (1), (2)",
        "insert into animal values (1, 'x'), (9, 'gone'); insert into bird values (2, 'x', 2), (3, 'x', 2);
         insert into owl values (1, 'e', 2), (7, 'gone', 2); insert into toy values (1)",
    )
    .await;

    let result = pair.verified(&mirror()).await.result.unwrap();

    assert_eq!((result.inserted, result.updated, result.deleted), (1 + 1 + 1 + 1, 1 + 1, 1 + 1 + 1));
    assert_eq!(pair.target.value::<i64>("select count(*) from animal where id = 1").await, 4);
    assert_eq!(pair.target.value::<i64>("select count(*) from only animal").await, 2);
}
