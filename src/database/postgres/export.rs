//! pg_dump as a child process: no shell, nothing but names from the catalog among its arguments, each quoted, its exit
//! status part of the result.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio_util::task::AbortOnDropHandle;

use super::super::{DatabaseError, Dump, DumpPiece, Exporter};
use super::connect::{Connector, SETTINGS, session_name};
use super::{locks, tools};
use crate::archive::dump::{DumpEvent, DumpReader};
use crate::catalog::TableName;
use crate::model::SessionId;
use crate::sql::quoted;

/// Lines of pg_dump's messages that are kept.
const MESSAGES: usize = 20;

/// What is dumped of a database.
pub(super) struct Tables {
    pub(super) dumped: Vec<TableName>,
    /// With their partitions.
    pub(super) left_out: Vec<TableName>,
}

/// Starts pg_dump on an exported snapshot, or says why it cannot be used.
pub(super) async fn start(
    connector: &Connector,
    session: &SessionId,
    snapshot: &str,
    tables: Tables,
    pg_bin: Option<&Path>,
) -> Result<Exporter, DatabaseError> {
    let tool = match tools::pg_dump(pg_bin, connector.server_version / 10_000).await {
        Ok(tool) => tool,
        Err(reason) => return Ok(Exporter::Unusable { reason }),
    };
    let mut command = Command::new(&tool.path);
    command
        .args(["--data-only", "--format=plain", "--encoding=UTF8", "--no-blobs", "--load-via-partition-root"])
        .args([
            "--no-unlogged-table-data",
            "--exclude-schema=tandem",
            "--lock-wait-timeout=5000",
            "--no-password",
        ])
        .arg(format!("--snapshot={snapshot}"))
        // In pg_dump's patterns, too, what stands in quotes means itself.
        .args(tables.left_out.iter().map(|name| format!("--exclude-table={}", quoted(name))))
        .env_clear()
        .env("LC_ALL", "C")
        .env("PGAPPNAME", session_name(session))
        .env("PGOPTIONS", options())
        .env("PGCONNECT_TIMEOUT", "10")
        .envs(connection(connector))
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let failed = |cause: std::io::Error| DatabaseError::Dump {
        reason: format!("{} cannot be started: {cause}", tool.path.display()),
    };
    let mut child = command.spawn().map_err(failed)?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(DatabaseError::Dump { reason: "its output cannot be read".to_owned() });
    };
    let messages = AbortOnDropHandle::new(tokio::spawn(last_messages(stderr)));
    let source = Source { connector: connector.clone(), session: session.clone(), tables: tables.dumped };
    let dump = PgDump { child, reader: DumpReader::new(stdout), messages: Some(messages), source };
    Ok(Exporter::Ready { name: format!("pg_dump {}", tool.version), dump: Box::new(dump) })
}

/// The same settings as every other connection of the sync. None of the values has a space.
fn options() -> String {
    SETTINGS
        .iter()
        .filter(|(name, _)| {
            !matches!(*name, "lock_timeout" | "statement_timeout" | "row_security" | "search_path")
        })
        .map(|(name, value)| format!("-c {name}={}", value.replace(' ', "\\ ")))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The connection by environment: an argument could be read as an option or as a whole connection string.
fn connection(connector: &Connector) -> Vec<(&'static str, String)> {
    let options = &connector.options;
    let host = options
        .get_socket()
        .map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    let mut variables = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string()),
        ("PGUSER", options.get_username().to_owned()),
        ("PGDATABASE", options.get_database().unwrap_or_default().to_owned()),
    ];
    if let Some(password) = connector.password.as_ref() {
        variables.push(("PGPASSWORD", password.expose().to_owned()));
    }
    variables
}

struct PgDump {
    child: Child,
    reader: DumpReader<ChildStdout>,
    messages: Option<AbortOnDropHandle<VecDeque<String>>>,
    source: Source,
}

/// What is dumped, to be asked who was in the way.
struct Source {
    connector: Connector,
    session: SessionId,
    tables: Vec<TableName>,
}

impl Source {
    async fn locked(&self) -> DatabaseError {
        let error = DatabaseError::Locked {
            what: "read the tables".to_owned(),
            holder: "another session".to_owned(),
        };
        let names: Vec<&TableName> = self.tables.iter().collect();
        match self.connector.open(&self.session).await {
            Ok(mut connection) => locks::named(error, &mut connection, &names).await,
            Err(error) => error,
        }
    }
}

#[async_trait]
impl Dump for PgDump {
    async fn next(&mut self) -> Result<Option<DumpPiece>, DatabaseError> {
        loop {
            match self.reader.next().await {
                Ok(Some(DumpEvent::Table { name, columns })) => {
                    return Ok(Some(DumpPiece::Table { name, columns }));
                }
                Ok(Some(DumpEvent::Rows(rows))) => return Ok(Some(DumpPiece::Rows(rows))),
                Ok(Some(DumpEvent::EndTable)) => return Ok(Some(DumpPiece::EndTable)),
                // Sequences are read from the snapshot itself.
                Ok(Some(DumpEvent::Sequence(_))) => {}
                Ok(None) => return self.ended(None).await,
                // What pg_dump itself says is the better reason than where its output stops.
                Err(error) => return self.ended(Some(error.to_string())).await,
            }
        }
    }
}

impl PgDump {
    async fn ended(&mut self, output: Option<String>) -> Result<Option<DumpPiece>, DatabaseError> {
        if output.is_some() {
            // It may wait for ever for somebody who reads on; when it has ended already, its own status is kept.
            self.child.start_kill().map_err(|cause| DatabaseError::Dump { reason: cause.to_string() })?;
        }
        let status =
            self.child.wait().await.map_err(|cause| DatabaseError::Dump { reason: cause.to_string() })?;
        let messages = match self.messages.take() {
            Some(messages) => messages.await.unwrap_or_default(),
            None => VecDeque::new(),
        };
        let said = messages.into_iter().collect::<Vec<_>>().join(" ");
        if !status.success() && said.contains("due to lock timeout") {
            return Err(self.source.locked().await);
        }
        match output {
            None if status.success() => Ok(None),
            None => Err(DatabaseError::Dump { reason: format!("{status}. {said}") }),
            Some(problem) => Err(DatabaseError::Dump { reason: format!("{problem} ({status}). {said}") }),
        }
    }
}

/// Reads everything, so that the child never waits for us, and keeps the end.
async fn last_messages(stderr: ChildStderr) -> VecDeque<String> {
    let mut lines = BufReader::new(stderr).lines();
    let mut last = VecDeque::with_capacity(MESSAGES);
    while let Ok(Some(line)) = lines.next_line().await {
        if last.len() == MESSAGES {
            last.pop_front();
        }
        last.push_back(line.chars().take(500).collect());
    }
    last
}
