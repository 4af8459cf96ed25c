//! Private PostgreSQL servers: independent, closed to strangers, and gone when their owner is.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tandem::demo::{Cluster, ClusterOptions, Purpose};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support;

#[tokio::test]
async fn clusters_are_independent_and_leave_nothing_behind() {
    let options = |purpose| ClusterOptions { purpose, ..ClusterOptions::default() };
    let north = Cluster::start(options(Purpose::Test)).await.unwrap();
    let south = Cluster::start(options(Purpose::Demo)).await.unwrap();
    north.create_database("only_here").await.unwrap();

    assert!(PgConnection::connect(&north.url("only_here")).await.is_ok());
    assert!(PgConnection::connect(&south.url("only_here")).await.is_err());

    let mut connection = PgConnection::connect(&north.url("postgres")).await.unwrap();
    let data: String = sqlx::query_scalar("show data_directory").fetch_one(&mut connection).await.unwrap();
    let folder = Path::new(&data).parent().unwrap();
    assert!(folder.exists());
    north.stop().await;
    assert!(!folder.exists());
    assert!(PgConnection::connect(&south.url("postgres")).await.is_ok());
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let url = support::cluster().await.url("postgres");
    let without = url.replace("postgres://postgres:", "postgres://postgres:not-");

    let error = PgConnection::connect(&without).await.unwrap_err();

    assert!(error.to_string().contains("password authentication failed"), "{error}");
}

#[tokio::test]
async fn a_killed_process_leaves_no_server_behind() {
    // Given this same program, started again, with a server of its own
    let mut owner = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "cluster::hold_a_server", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let url = loop {
        let line = lines.next_line().await.unwrap().expect("it says its address");
        if let Some((_, url)) = line.split_once("server: ") {
            break url.to_owned();
        }
    };
    let mut connection = PgConnection::connect(&url).await.unwrap();

    // When it is killed without a chance to clean up
    owner.kill().await.unwrap();

    // Then the server ends by itself: this statement would take an hour
    let query = sqlx::query("select pg_sleep(3600)").execute(&mut connection);
    let ended = tokio::time::timeout(Duration::from_secs(60), query).await.expect("the server lives on");
    assert!(ended.is_err());
    assert!(PgConnection::connect(&url).await.is_err());
}

#[tokio::test]
#[ignore = "started by a_killed_process_leaves_no_server_behind"]
async fn hold_a_server() {
    let options = ClusterOptions { purpose: Purpose::Test, ..ClusterOptions::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let mut output = std::io::stdout();
    writeln!(output, "server: {}", cluster.url("postgres")).unwrap();
    // Until the other side closes the pipe; a person who runs all ignored tests is not kept waiting.
    if !std::io::stdin().is_terminal() {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}
