//! One PostgreSQL server for the whole test binary, and a fresh copy of a sample database for each test.
//!
//! The server is never stopped from here: when this process ends, however it ends, the cluster's watchdog stops it and
//! removes its folder.

use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tandem::demo::{Cluster, ClusterOptions, Purpose, shop};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::Database;

/// What a test can have a copy of; `…_schema` are the same tables without rows.
const TEMPLATES: [&str; 9] = [
    "empty",
    "pagila",
    "pagila_schema",
    "chinook",
    "chinook_schema",
    "chinook_identity",
    "chinook_identity_schema",
    "shop",
    "shop_schema",
];

const PAGILA: &[u8] = include_bytes!("../data/pagila.sql.gz");
const CHINOOK: &[u8] = include_bytes!("../data/chinook-pg.sql.gz");
const CHINOOK_IDENTITY: &[u8] = include_bytes!("../data/chinook-pg-identity.sql.gz");

/// The server that all tests of this binary share.
pub(crate) async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(async || {
            let options = ClusterOptions { purpose: Purpose::Test, ..ClusterOptions::default() };
            Cluster::start(options).await.unwrap()
        })
        .await
}

/// An empty database on a server that has room for few locks: 10 x (30 + 22) = 520.
pub(crate) async fn cramped_database() -> Database {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let settings = &["max_locks_per_transaction=10", "max_connections=30"];
    special_database("cramped", &CLUSTER, settings).await
}

/// An empty database on a server that has a standby to wait for which never comes: a transaction that sets
/// `synchronous_commit` hangs in its commit, on the disk already and seen by nobody.
pub(crate) async fn standby_database() -> Database {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    special_database("standby", &CLUSTER, &["synchronous_standby_names=nobody"]).await
}

async fn special_database(
    kind: &str,
    cluster: &'static OnceCell<Cluster>,
    settings: &'static [&'static str],
) -> Database {
    let options = ClusterOptions { purpose: Purpose::Test, settings, ..ClusterOptions::default() };
    let cluster = cluster.get_or_init(async || Cluster::start(options.clone()).await.unwrap()).await;
    let name = fresh_name(kind);
    cluster.create_database(&name).await.unwrap();
    Database::new(cluster, cluster, "empty", name)
}

/// Two databases of the test's own, removed when it ends: copies of two of [`TEMPLATES`].
pub(crate) async fn databases(north: &str, south: &str) -> (Database, Database) {
    (database(north).await, database(south).await)
}

/// An empty database of the test's own with another encoding or another order of texts: `encoding 'LATIN1' …`.
pub(crate) async fn database_with(options: &str) -> Database {
    let name = fresh_name("special");
    let cluster = cluster().await;
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name} template template0 {options}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    Database::new(cluster, cluster, "empty", name)
}

pub(super) fn fresh_name(kind: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    format!("{kind}_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A database of the test's own, removed when it ends: a copy of one of [`TEMPLATES`].
pub(crate) async fn database(template: &str) -> Database {
    let name = fresh_name(template);
    let cluster = cluster().await;
    load_template(template).await;
    cluster.create_database_from(&template_name(template), &name).await.unwrap();
    Database::new(cluster, cluster, template, name)
}

/// Loads a template on its first use.
pub(super) async fn load_template(template: &str) {
    static LOADED: [OnceCell<()>; TEMPLATES.len()] = [const { OnceCell::const_new() }; TEMPLATES.len()];
    let place = TEMPLATES.iter().position(|name| *name == template);
    let place = place.unwrap_or_else(|| panic!("`{template}` is none of {TEMPLATES:?}"));
    LOADED[place].get_or_init(|| fill_template(template)).await;
}

async fn fill_template(template: &str) {
    let cluster = cluster().await;
    let name = template_name(template);
    let url = cluster.url(&name);
    cluster.create_database(&name).await.unwrap();
    match template {
        "empty" => {}
        "pagila" => psql(&url, &unzip(PAGILA)).await,
        "chinook" => psql(&url, &unzip(CHINOOK)).await,
        "chinook_identity" => psql(&url, &unzip(CHINOOK_IDENTITY)).await,
        "shop_schema" => shop::load_schema(&url).await.unwrap(),
        "shop" => {
            shop::load_schema(&url).await.unwrap();
            shop::load_data(&url).await.unwrap();
        }
        schema_only => {
            let full = schema_only.strip_suffix("_schema").unwrap();
            Box::pin(load_template(full)).await;
            psql(&url, &schema_of(&cluster.url(&template_name(full))).await).await;
        }
    }
    // As a server in use would be: with statistics, and with the hint bits that a first reader would write.
    psql(&url, b"vacuum (analyze)").await;
}

/// Not the name that people connect to: nobody may be connected to a database that is being copied.
pub(super) fn template_name(template: &str) -> String {
    format!("template_{template}")
}

fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    text
}

pub(super) async fn schema_of(url: &str) -> Vec<u8> {
    let mut command = Command::from(cluster().await.command("pg_dump"));
    let output = command.args(["--schema-only", "--dbname", url]).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub(super) async fn psql(url: &str, script: &[u8]) {
    let mut command = Command::from(cluster().await.command("psql"));
    let mut child = command
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A script that fails half way closes the pipe; psql's own message says more than this error.
    let written = input.write_all(script).await;
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    written.unwrap();
}
