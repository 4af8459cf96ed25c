//! Two databases -> two running nodes that know each other: processes of the built binary, real HTTP between them.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::StreamExt;
pub(crate) use reqwest::StatusCode;
use serde_json::{Value, json};
use tandem::model::{Comparison, SessionDetail, SessionId, Step, StepState, SyncOptions, SyncStatus};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Database;

const TOKEN: &str = "token of the tests";
const KEY: &str = "registration key of the tests";

/// A node beside one database. Ends with its value.
pub(crate) struct Node {
    name: String,
    settings: Vec<(String, String)>,
    data: TempDir,
    port: u16,
    http: reqwest::Client,
    process: Option<Child>,
}

/// Starts `north` and `south` on the two databases.
pub(crate) async fn nodes(north: &Database, south: &Database) -> (Node, Node) {
    nodes_as(north, north.url(), south, south.url()).await
}

/// The same with other addresses: those of other roles.
pub(crate) async fn nodes_as(
    north: &Database,
    north_url: &str,
    south: &Database,
    south_url: &str,
) -> (Node, Node) {
    let (mut first, mut second) = (Node::new("north", north), Node::new("south", south));
    first.peer("south", second.port);
    second.peer("north", first.port);
    first.set("DATABASE_URL", north_url);
    second.set("DATABASE_URL", south_url);
    tokio::join!(first.start(), second.start());
    (first, second)
}

/// Both nodes must know both ports before the first one starts. Until then nobody is given this one: it is below those
/// that the system hands out by itself (32768 and more on Linux, 49152 and more elsewhere).
fn free_port() -> u16 {
    const FIRST: u32 = 20_000;
    const PORTS: u32 = 10_000;
    static ASKED: AtomicU32 = AtomicU32::new(0);
    loop {
        // Another run of the tests at the same time begins elsewhere.
        let place = std::process::id().wrapping_mul(97).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + place % PORTS).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Node {
    /// Not started yet; settings can still be changed.
    pub(crate) fn new(name: &str, database: &Database) -> Self {
        let port = free_port();
        let data = tempfile::tempdir().unwrap();
        let settings = [
            ("DATABASE_URL", database.url().to_owned()),
            ("TANDEM_NAME", name.to_owned()),
            ("TANDEM_LISTEN", format!("127.0.0.1:{port}")),
            ("TANDEM_DATA_DIR", data.path().display().to_string()),
            ("TANDEM_API_TOKEN", TOKEN.to_owned()),
            ("TANDEM_ADMIN_PASSWORD", "password of the tests".to_owned()),
            ("SYNC_REGISTRATION_KEY", KEY.to_owned()),
        ];
        static PROVIDER: std::sync::Once = std::sync::Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { name: name.to_owned(), settings, data, port, http: reqwest::Client::new(), process: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn peer(&mut self, name: &str, port: u16) {
        self.set("TANDEM_PEERS", &format!("{name}=http://127.0.0.1:{port}"));
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Returns when it serves.
    pub(crate) async fn start(&mut self) {
        let mut child = Command::new(binary())
            .args(["serve", "--exit-with-parent"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("RUST_LOG", "warn")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(self.data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting =
            lines.next_line().await.unwrap().unwrap_or_else(|| panic!("{} did not start", self.name));
        assert!(greeting.contains("is ready"), "{greeting}");
        self.process = Some(child);
    }

    /// Starts what cannot start. Returns what it says.
    pub(crate) async fn start_refused(&self) -> String {
        let mut command = Command::new(binary());
        command.arg("serve").env_clear().env("PATH", "/usr/bin:/bin").current_dir(self.data.path());
        command.envs(self.settings.iter().map(|(name, value)| (name, value))).kill_on_drop(true);
        let output = command.output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// `tandem doctor` beside the running node, with its settings. True when it found nothing wrong.
    pub(crate) async fn doctor(&self) -> bool {
        self.command(&["doctor"]).await.0 == 0
    }

    /// A command beside the running node, with its settings. Returns its exit code and what it prints.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").current_dir(self.data.path());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let output = command.output().await.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    /// As a power cut does it.
    pub(crate) async fn kill(&mut self) {
        self.process.take().unwrap().kill().await.unwrap();
    }

    /// As a deployment does it: returns when the process has ended by itself.
    pub(crate) async fn terminate(&mut self) {
        let mut child = self.process.take().unwrap();
        drop(child.stdin.take());
        assert!(child.wait().await.unwrap().success());
    }

    /// The most memory that the process has ever held. Only Linux tells.
    pub(crate) fn peak_memory_mb(&self) -> Option<u64> {
        let id = self.process.as_ref().unwrap().id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        Some(peak.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() >> 10)
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.http.get(self.url(path)).bearer_auth(TOKEN)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.http.post(self.url(path)).bearer_auth(TOKEN).json(body)).await
    }

    /// Starts a sync; the session's id, or the refusal.
    pub(crate) async fn start_sync(
        &self,
        action: &str,
        peer: &str,
        options: &SyncOptions,
    ) -> Result<String, (StatusCode, Value)> {
        self.start_sync_by("auto", action, peer, options).await
    }

    pub(crate) async fn start_sync_by(
        &self,
        method: &str,
        action: &str,
        peer: &str,
        options: &SyncOptions,
    ) -> Result<String, (StatusCode, Value)> {
        let request =
            json!({"request": {"action": action, "peer": peer, "method": method, "options": options}});
        let (status, answer) = self.post("/api/admin/sync/full-sync", &request).await;
        if status != StatusCode::OK {
            return Err((status, answer["error"].clone()));
        }
        Ok(answer["session_id"].as_str().unwrap().to_owned())
    }

    /// Pulls or pushes, and waits for the end.
    pub(crate) async fn sync(&self, action: &str, peer: &str, options: &SyncOptions) -> SyncStatus {
        let id = self.start_sync(action, peer, options).await.unwrap();
        self.until(&id, |status| status.phase.is_final()).await
    }

    pub(crate) async fn sync_by(
        &self,
        method: &str,
        action: &str,
        peer: &str,
        options: &SyncOptions,
    ) -> SyncStatus {
        let id = self.start_sync_by(method, action, peer, options).await.unwrap();
        self.until(&id, |status| status.phase.is_final()).await
    }

    /// Starts a sync by backup that something holds up in `step`, and returns when it is there.
    pub(crate) async fn held_in(&self, action: &str, peer: &str, step: Step) -> String {
        let id = self.start_sync_by("backup", action, peer, &SyncOptions::default()).await.unwrap();
        self.until(&id, |status| status.step_of(step).is_some_and(|step| step.state == StepState::Running))
            .await;
        id
    }

    /// Looks at what a sync would do.
    pub(crate) async fn preview(&self, action: &str, peer: &str, options: &SyncOptions) -> SyncStatus {
        self.preview_by("auto", action, peer, options).await
    }

    pub(crate) async fn preview_by(
        &self,
        method: &str,
        action: &str,
        peer: &str,
        options: &SyncOptions,
    ) -> SyncStatus {
        let request = json!({"action": action, "peer": peer, "method": method, "options": options});
        let (code, answer) = self.post("/api/admin/sync/preview", &json!({"request": request})).await;
        assert_eq!(code, StatusCode::OK, "{answer}");
        self.until(answer["session_id"].as_str().unwrap(), |status| status.phase.is_final()).await
    }

    /// Starts to take a session back; the refusal when it cannot be.
    pub(crate) async fn start_undo(&self, id: &SessionId, force: bool) -> Result<String, Value> {
        let body = json!({"session_id": id, "force": force});
        let (code, answer) = self.post("/api/admin/sync/undo", &body).await;
        match code {
            StatusCode::OK => Ok(answer["session_id"].as_str().unwrap().to_owned()),
            _ => Err(answer),
        }
    }

    /// Takes a session back, and waits for the end.
    pub(crate) async fn undo(&self, id: &SessionId, force: bool) -> SyncStatus {
        let id = self.start_undo(id, force).await.unwrap();
        self.until(&id, |status| status.phase.is_final()).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> StatusCode {
        self.post("/api/admin/sync/cancel", &json!({"session_id": id})).await.0
    }

    /// Follows the live stream until the session is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&SyncStatus) -> bool) -> SyncStatus {
        let request = self.http.post(self.url("/api/admin/sync/watch")).bearer_auth(TOKEN).json(&json!({}));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = response.bytes_stream();
        let mut rest = Vec::new();
        let mut last = None;
        while let Some(chunk) = stream.next().await {
            rest.extend_from_slice(&chunk.unwrap());
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let status: Option<SyncStatus> = serde_json::from_slice(&line).unwrap();
                if let Some(status) = status.filter(|status| status.session_id.as_str() == id) {
                    if wanted(&status) {
                        return status;
                    }
                    assert!(
                        !status.phase.is_final() || status.in_doubt,
                        "ended before it was as wanted: {status:#?}"
                    );
                    last = Some(status);
                }
            }
        }
        panic!("the stream of {} ended; last: {last:#?}", self.name);
    }

    pub(crate) async fn status(&self, id: &str) -> SyncStatus {
        let (status, answer) = self.get(&format!("/api/sync/backup-progress?session_id={id}")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    pub(crate) async fn detail(&self, id: &str) -> SessionDetail {
        let (status, answer) = self.get(&format!("/api/admin/sync/history/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    pub(crate) async fn compare(&self, peer: &str) -> Comparison {
        let (status, answer) = self.post("/api/admin/sync/compare", &json!({"peer": peer})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    /// Files of running or dead sessions.
    pub(crate) fn spool_files(&self) -> usize {
        std::fs::read_dir(self.data.path().join("spool")).map_or(0, Iterator::count)
    }

    /// A file where the folder of the spools should be: nothing can be made in it, by nobody.
    pub(crate) fn break_spool_folder(&self) {
        let folder = self.data.path().join("spool");
        std::fs::remove_dir(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
    }

    pub(crate) fn mend_spool_folder(&self) {
        let folder = self.data.path().join("spool");
        std::fs::remove_file(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&text)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&text).into_owned())),
    )
}

/// `cargo build -p server` leaves it beside the folder of this test binary.
fn binary() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let binary = here.parent().unwrap().parent().unwrap().join("tandem");
    assert!(binary.is_file(), "{} is missing: run `cargo build -p server`, or `make test`", binary.display());
    binary
}
