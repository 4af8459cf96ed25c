//! What a role lacks, and what would be better: said with the statement that grants it.

use tandem::model::{Code, Step, SyncOptions};

use super::{ALL, Role, between, pair};
use crate::support::{self, nodes_as};
use crate::traps::{Pair, assert_says, keep};

#[tokio::test]
async fn the_doctor_names_the_mode_and_the_better_grant() {
    for role in ALL {
        let (source, target) = support::databases("empty", "shop_schema").await;
        let pair = between(role, source, target).await;
        let (_, answer) = pair.south.get("/api/admin/doctor").await;
        let check = answer
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "Right to write")
            .unwrap()
            .clone();
        let text = check.to_string();
        assert_says(&text, &[role.words()]);
        let is_best = matches!(role, Role::Superuser | Role::Granted);
        assert_eq!(text.contains("GRANT SET ON PARAMETER session_replication_role TO"), !is_best, "{text}");
        assert!(pair.south.doctor().await, "a weaker mode is no fault");
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn what_a_plain_role_lacks_is_listed_at_once() {
    let schema = "create schema shop; create table place (id serial primary key); create table shop.item (id int primary key);";
    let (source, target) = support::databases("empty", "empty").await;
    source.execute(&format!("{schema} insert into place default values")).await;
    target.execute(schema).await;
    let url = target.url_of_plain_role().await;
    let (north, south) = nodes_as(&source, source.url(), &target, &url).await;
    let pair = Pair { source, target, north, south };
    let role = pair.target.name().to_owned();
    pair.target
        .execute("alter schema tandem owner to postgres; revoke create on schema tandem from public")
        .await;
    pair.target.execute(&format!("grant usage on schema tandem to {role}")).await;

    let parts = [
        "CREATE on schema tandem",
        "SELECT, INSERT, UPDATE, DELETE on table public.place",
        "SELECT, INSERT, UPDATE, DELETE on table shop.item",
        "USAGE on schema shop",
        "UPDATE on sequence public.place_id_seq",
        &format!("GRANT CREATE ON SCHEMA tandem TO \"{role}\";"),
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE \"shop\".\"item\" TO \"{role}\";"),
    ];
    pair.refused(&keep(), Step::Convert, Code::MissingRight, &parts).await;
}

#[tokio::test]
async fn a_role_that_may_not_make_tandems_schema_is_told_the_grant() {
    let database = support::database("empty").await;
    let url = database.url_of_plain_role().await;
    let role = database.name();
    database.execute(&format!("revoke create on database {role} from {role}")).await;
    let mut node = support::Node::new("alone", &database);
    node.set("DATABASE_URL", &url);

    let said = node.start_refused().await;

    assert_says(
        &said,
        &[&format!("GRANT CREATE ON DATABASE {role} TO {role}"), "CREATE SCHEMA tandem AUTHORIZATION"],
    );
    database.execute(&format!("create schema tandem authorization {role}")).await;
    node.start().await;
}

#[tokio::test]
async fn who_may_not_add_a_column_is_told_before_anything_is_added() {
    let pair = pair(
        Role::Plain,
        "create table place (id int primary key, size int); insert into place values (1, 7)",
        "create table place (id int primary key)",
    )
    .await;
    let options = SyncOptions { additive: true, ..keep() };

    let preview = pair.south.preview("pull", "north", &options).await.preview.unwrap();

    assert!(preview.is_blocked(), "{preview:#?}");
    let finding = &preview.findings[0];
    assert_says(&finding.text, &[r#"the owner's rights on table "public"."place""#]);
    assert_says(&finding.remedy, &["GRANT"]);
    pair.refused(&options, Step::Convert, Code::MissingRight, &["the owner's rights"]).await;
}
