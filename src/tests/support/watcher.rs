//! A database -> every state of it that somebody else could see while something ran.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Database;
use super::rows::{quoted, text_of, user_tables};

/// Reads a whole database over and over on a connection of its own, each time under one snapshot.
///
/// ```ignore
/// let watcher = Watcher::start(&south).await;
/// // … sync …
/// assert_eq!(watcher.stop().await.len(), 2, "only before and after were ever visible");
/// ```
pub(crate) struct Watcher {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Vec<String>>,
}

impl Watcher {
    /// Returns after the first reading, so that the state of now is among those that are seen.
    pub(crate) async fn start(database: &Database) -> Self {
        let url = database.url().to_owned();
        let (stop, mut stopped) = oneshot::channel();
        let (began, beginning) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut seen = vec![state(&url).await];
            began.send(()).unwrap();
            // Not at full speed: what is watched needs the processor too.
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let mut is_last = false;
            loop {
                let now = state(&url).await;
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
                if is_last {
                    return seen;
                }
                tokio::select! {
                    _ = &mut stopped => is_last = true,
                    _ = ticks.tick() => {}
                }
            }
        });
        beginning.await.unwrap();
        Self { stop, task }
    }

    /// The different states in the order in which they appeared, the one of now last.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

/// Rows and a hash of each user table, all seen at one moment.
async fn state(url: &str) -> String {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("begin isolation level repeatable read read only").execute(&mut connection).await.unwrap();
    let mut lines = Vec::new();
    for (name, table) in user_tables(&mut connection).await {
        let query = format!(
            "select count(*) || ' ' || coalesce(sum(hashtextextended({}, 0)), 0) from {}",
            text_of(&table.columns),
            table.source(),
        );
        let summary: String =
            sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap();
        lines.push(format!("{} {summary}", quoted(&name)));
    }
    connection.close().await.unwrap();
    lines.join("\n")
}
