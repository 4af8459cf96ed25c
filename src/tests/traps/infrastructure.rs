//! Tandem's own tables: in no backup, and untouched by any restore.

use super::{mirror, pair};
use crate::support::Database;

const OWN: [&str; 7] = ["account", "comparison", "fence", "panel_session", "quarantine", "session", "undo"];

/// What the schema `tandem` holds, without what the running sync itself writes about itself.
async fn own_rows(database: &Database, session: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for table in OWN {
        let filter = match table {
            "session" | "undo" => format!("where t::text not like '%{session}%'"),
            _ => String::new(),
        };
        let query = format!(
            "select coalesce(string_agg(t::text, ';' order by t::text), '') from tandem.{table} t {filter}"
        );
        rows.push(format!("{table}: {}", database.value::<String>(&query).await));
    }
    rows
}

#[tokio::test]
async fn the_own_tables_of_both_nodes_stay_their_own() {
    let pair = pair("create table place (id int primary key)", "insert into place values (1)", "").await;
    let found = "select string_agg(table_name, ',' order by table_name) from information_schema.tables
                 where table_schema = 'tandem' and table_name !~ '^(_|stage_)'";
    let tables: String = pair.target.value(found).await;
    assert_eq!(tables, OWN.join(","), "name every table of Tandem's own here");
    pair.mirrored().await;
    let theirs = own_rows(&pair.source, "none").await;
    let before = own_rows(&pair.target, "none").await;

    let status = pair.pull(&mirror()).await;

    let after = own_rows(&pair.target, status.session_id.as_str()).await;
    assert_eq!(before[0], after[0]);
    let sessions = OWN.iter().position(|name| *name == "session").unwrap();
    assert_eq!(before[sessions], after[sessions], "sessions of before");
    assert_ne!(theirs[sessions], after[sessions], "the source's sessions are not the target's");
    let names: Vec<String> = status.tables.iter().map(|table| table.name.clone()).collect();
    assert_eq!(names, ["place"]);
}
