//! Roles that may not do everything: what is missing is listed whole, and no policy makes a backup short.

use tandem::model::{Code, Phase, Relation, Step};

use super::{Pair, keep, mirror};
use crate::support::{self, Database, nodes_as};

const TABLES: &str = "create schema shop;
                      create table place (id serial primary key, name text);
                      create table shop.item (id int primary key, place int references public.place);
                      create table log (at date, text text) partition by range (at);
                      create table log_all partition of log default;";

/// Both nodes run as roles that may only log in and own Tandem's own schema.
async fn plain_roles(source: Database, target: Database) -> Pair {
    let (source_url, target_url) = (source.url_of_plain_role().await, target.url_of_plain_role().await);
    let (north, south) = nodes_as(&source, &source_url, &target, &target_url).await;
    Pair { source, target, north, south }
}

async fn databases() -> (Database, Database) {
    let (source, target) = support::databases("empty", "empty").await;
    source
        .execute(&format!(
            "{TABLES} insert into place (name) values ('a'), ('b'); insert into shop.item values (1, 1);
             insert into log values ('2024-01-01', 'x')"
        ))
        .await;
    target.execute(TABLES).await;
    (source, target)
}

#[tokio::test]
async fn every_missing_right_is_listed_with_its_grant() {
    let (source, target) = databases().await;
    let pair = plain_roles(source, target).await;
    let (reader, writer) = (pair.source.name().to_owned(), pair.target.name().to_owned());

    let parts = [
        "SELECT on table public.place",
        "SELECT on table public.log_all",
        "USAGE on schema shop",
        "SELECT on table shop.item",
        "SELECT on sequence public.place_id_seq",
        &format!("GRANT SELECT ON TABLE \"shop\".\"item\" TO \"{reader}\";"),
        &format!("GRANT USAGE ON SCHEMA \"shop\" TO \"{reader}\";"),
    ];
    pair.refused(&keep(), Step::Backup, Code::MissingRight, &parts).await;

    pair.source
        .execute(&format!(
            "grant usage on schema shop to {reader}; grant select on all tables in schema public, shop to {reader};
             grant select on all sequences in schema public to {reader}; alter table log owner to {reader}"
        ))
        .await;
    let parts = [
        "SELECT, INSERT, UPDATE, DELETE on table public.place",
        "USAGE on schema shop",
        "UPDATE on sequence public.place_id_seq",
        &format!("GRANT UPDATE ON SEQUENCE \"public\".\"place_id_seq\" TO \"{writer}\";"),
    ];
    pair.refused(&keep(), Step::Convert, Code::MissingRight, &parts).await;

    // What is named is enough: a role without any other right syncs.
    pair.target
        .execute(&format!(
            "grant usage on schema shop to {writer}; grant set on parameter session_replication_role to {writer};
             grant select, insert, update, delete on all tables in schema public, shop to {writer};
             grant select, update on all sequences in schema public to {writer}"
        ))
        .await;
    let result = pair.mirrored().await;
    assert_eq!(result.inserted, 4);
    pair.target.execute(&format!("revoke set on parameter session_replication_role from {writer}")).await;
}

#[tokio::test]
async fn a_policy_gives_all_rows_or_an_error_and_never_a_short_backup() {
    let (source, target) = databases().await;
    let policy = "alter table place enable row level security; create policy few on place using (name = 'a');
                  alter table shop.item owner to postgres";
    source.execute(policy).await;
    target.execute(policy).await;
    let pair = plain_roles(source, target).await;
    let (reader, writer) = (pair.source.name().to_owned(), pair.target.name().to_owned());
    let grants = |role: &str| {
        format!(
            "grant usage on schema shop to {role};
             grant select, insert, update, delete on all tables in schema public, shop to {role};
             grant select, update on all sequences in schema public to {role};
             grant set on parameter session_replication_role to {role}"
        )
    };
    pair.source.execute(&grants(&reader)).await;
    pair.target.execute(&grants(&writer)).await;

    let parts = ["all rows of table public.place", &format!("ALTER ROLE \"{reader}\" BYPASSRLS;")];
    pair.refused(&keep(), Step::Backup, Code::MissingRight, &parts).await;
    pair.source.execute(&format!("alter role {reader} bypassrls")).await;
    let parts = ["all rows of table public.place", &format!("ALTER ROLE \"{writer}\" BYPASSRLS;")];
    pair.refused(&keep(), Step::Convert, Code::MissingRight, &parts).await;
    pair.target.execute(&format!("alter role {writer} bypassrls")).await;

    let status = pair.pull(&mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?}", status.error);
    assert_eq!(status.result.unwrap().relation, Relation::Identical);
    support::assert_same_rows(&pair.source, &pair.target).await;
    for (database, role) in [(&pair.source, &reader), (&pair.target, &writer)] {
        database.execute(&format!("revoke set on parameter session_replication_role from {role}")).await;
    }
}
