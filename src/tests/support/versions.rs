//! Servers of other PostgreSQL versions, as `scripts/setup.sh versions` has installed them.

use std::path::PathBuf;

use tandem::demo::{Cluster, ClusterOptions, Purpose};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::Database;
use super::cluster::{cluster, fresh_name, load_template, psql, schema_of, template_name};

/// The major versions that tests can have a database of, besides the system's own.
pub(crate) const VERSIONS: [u32; 5] = [13, 14, 16, 17, 18];

/// A database of the test's own on a server of that version: the sample `shop`, `pagila` or one of the others.
pub(crate) async fn database_of_version(major: u32, sample: &str) -> Database {
    let tools = cluster().await;
    let cluster = server(major).await;
    let name = fresh_name(&format!("{sample}_on_{major}"));
    cluster.create_database(&name).await.unwrap();
    let database = Database::new(cluster, tools, sample, name);
    if sample != "empty" {
        psql(database.url(), &script(sample).await).await;
    }
    database
}

/// The server that all tests of this binary share; stopped as all of them are.
async fn server(major: u32) -> &'static Cluster {
    static SERVERS: [OnceCell<Cluster>; VERSIONS.len()] = [const { OnceCell::const_new() }; VERSIONS.len()];
    let place = VERSIONS.iter().position(|version| *version == major).unwrap();
    SERVERS[place]
        .get_or_init(async || {
            let pg_bin = Some(folder(major));
            let options = ClusterOptions { pg_bin, purpose: Purpose::Test, ..ClusterOptions::default() };
            Cluster::start(options).await.unwrap()
        })
        .await
}

/// Where the programs of a version are, by the note that the set-up leaves beside the build.
fn folder(major: u32) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let note = here.ancestors().nth(3).unwrap().join("postgres-versions");
    let text = std::fs::read_to_string(&note).unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix(&format!("{major} ")));
    found
        .unwrap_or_else(|| {
            panic!("{} names no PostgreSQL {major}: run `scripts/setup.sh versions`", note.display())
        })
        .into()
}

/// A sample as this system's pg_dump writes it, without what servers before 15 or after do not know.
async fn script(sample: &str) -> Vec<u8> {
    load_template(sample).await;
    let url = cluster().await.url(&template_name(sample));
    if sample.ends_with("_schema") {
        return schema_of(&url).await;
    }
    let mut command = Command::from(cluster().await.command("pg_dump"));
    let output = command.args(["--dbname", &url]).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
