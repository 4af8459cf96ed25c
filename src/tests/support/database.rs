//! One test's own database.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::postgres::Postgres;
use sqlx::{AssertSqlSafe, Connection, Decode, PgConnection, Type};
use tandem::demo::Cluster;

/// A database that is removed when this is dropped.
pub(crate) struct Database {
    cluster: &'static Cluster,
    /// Has the client programs: other versions' installations have none.
    tools: &'static Cluster,
    template: String,
    name: String,
    url: String,
}

impl Database {
    pub(super) fn new(
        cluster: &'static Cluster,
        tools: &'static Cluster,
        template: &str,
        name: String,
    ) -> Self {
        let url = cluster.url(&name);
        Self { cluster, tools, template: template.to_owned(), name, url }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The sample that it began as.
    pub(super) fn template(&self) -> &str {
        &self.template
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The address by way of the server's socket instead of TCP.
    pub(crate) async fn url_of_socket(&self) -> String {
        let folder: String = self.value("show unix_socket_directories").await;
        let mut url = url::Url::parse(&self.url).unwrap();
        url.query_pairs_mut().append_pair("host", &folder);
        url.into()
    }

    /// The address for a role that is no superuser and may nothing but log in and make Tandem's own schema. The role
    /// has the database's name.
    pub(crate) async fn url_of_plain_role(&self) -> String {
        let name = &self.name;
        self.execute(&format!(
            "create role {name} login password 'plain'; grant create on database {name} to {name}"
        ))
        .await;
        let mut url = url::Url::parse(&self.url).unwrap();
        url.set_username(name).unwrap();
        url.set_password(Some("plain")).unwrap();
        url.into()
    }

    /// A server under the load of all tests closes a connection now and then before it has said a word.
    pub(crate) async fn connect(&self) -> PgConnection {
        match PgConnection::connect(&self.url).await {
            Err(sqlx::Error::Io(_)) => PgConnection::connect(&self.url).await.unwrap(),
            connection => connection.unwrap(),
        }
    }

    /// Runs one or more statements.
    pub(crate) async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Runs statements that may fail, and says why they did.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<(), String> {
        let mut connection = self.connect().await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
        connection.close().await.unwrap();
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    /// The one value that a query returns.
    pub(crate) async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin,
    {
        let mut connection = self.connect().await;
        let value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        value
    }

    /// Returns when a query says true.
    pub(crate) async fn until(&self, sql: &str) {
        let mut connection = self.connect().await;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while !sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap() {
            ticks.tick().await;
        }
        connection.close().await.unwrap();
    }

    /// Every definition, as pg_dump writes them.
    pub(crate) fn schema(&self) -> String {
        let mut command = self.cluster.command("pg_dump");
        let output = command
            .args(["--schema-only", "--exclude-schema=tandem", "--dbname", &self.url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        // Its newer versions put a random word into the first and the last line.
        let lines =
            text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What was last taken from each sequence; nothing where none was.
    pub(crate) async fn sequences(&self) -> BTreeMap<String, Option<i64>> {
        let mut connection = self.connect().await;
        let values: Vec<(String, Option<i64>)> = sqlx::query_as(
            "select schemaname || '.' || sequencename, last_value from pg_sequences where schemaname <> 'tandem'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        connection.close().await.unwrap();
        values.into_iter().collect()
    }
}

impl Drop for Database {
    /// Beside the test's own thread: the server drops a database only when all that are about to log in have done so, and
    /// one of these may be waiting for this very thread.
    fn drop(&mut self) {
        // A failed test leaves connections behind; --force ends them.
        let mut command = self.tools.command("dropdb");
        command.args(["--force", "--maintenance-db", &self.cluster.url("postgres"), "--", &self.name]);
        let name = self.name.clone();
        std::thread::spawn(move || {
            if !command.status().is_ok_and(|status| status.success()) {
                eprintln!("the database {name} was not removed");
            }
        });
    }
}
