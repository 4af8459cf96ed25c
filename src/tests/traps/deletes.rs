//! Rows that only the target has: what each policy does with them, and what it then says was proven.

use tandem::model::Relation;

use super::{assert_says, keep, mirror, pair};

#[tokio::test]
async fn each_policy_says_what_was_proven_and_counts_the_targets_own_rows() {
    let schema = "create table place (id int primary key, name text); create table note (text text)";
    let pair = pair(
        schema,
        "insert into place values (1, 'a'), (2, 'b'); insert into note values ('x')",
        "insert into place values (2, 'old'), (3, 'own'), (4, 'own'); insert into note values ('y')",
    )
    .await;

    let kept = pair.verified(&keep()).await;
    assert_says(&kept.message, &["every row of the source is there", "3 rows of the target's own"]);
    let result = kept.result.unwrap();
    assert_eq!(result.relation, Relation::Contains { target_only_rows: 3 });
    assert_eq!((result.inserted, result.updated, result.deleted), (2, 1, 0));
    assert_eq!(pair.target.value::<i64>("select count(*) from place where name = 'own'").await, 2);
    let table = kept.tables.iter().find(|table| table.name == "place").unwrap();
    assert_eq!(table.target_only, 2);

    let mirrored = pair.verified(&mirror()).await;
    assert_says(&mirrored.message, &["both databases hold the same rows"]);
    let result = mirrored.result.unwrap();
    assert_eq!((result.relation, result.deleted), (Relation::Identical, 3));
}
