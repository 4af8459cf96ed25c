//! `tandem demo` from nothing to a verified sync and back to nothing.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.arg("demo").args(["--port", "0", "--json"]).args(arguments);
    command
}

#[test]
fn the_first_sync_is_verified_and_nothing_stays_behind() {
    let temporary = folder_for_all();
    let output = demo(&["--exit"]).env("TMPDIR", temporary.path()).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["status"]["phase"], "verified", "{log}");
    assert_eq!(facts["status"]["result"]["relation"]["kind"], "identical", "{log}");
    for node in facts["nodes"].as_array().unwrap() {
        assert_gone(&node["pid"]);
    }
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nodes_and_servers_end_with_the_demo_even_when_it_is_killed() {
    let temporary = folder_for_all();
    let mut demo = demo(&["--no-sync"]);
    demo.env("TMPDIR", temporary.path());
    let mut demo = demo.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(demo.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let facts: Value = serde_json::from_str(&line).unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    for node in facts["nodes"].as_array().unwrap() {
        assert_gone(&node["pid"]);
    }
    wait_until(|| std::fs::read_dir(temporary.path()).unwrap().count() == 0, "its files are still there");
}

#[test]
fn scripts_sync_and_read_the_history() {
    let temporary = folder_for_all();
    let mut stage = demo(&["--no-sync", "--exit-with-parent"]);
    stage.env("TMPDIR", temporary.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut stage = stage.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stage.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let facts: Value = serde_json::from_str(&line).unwrap();
    let target = &facts["nodes"][0];
    let tandem = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command.args(arguments).args(["--node", target["url"].as_str().unwrap()]);
        command.env("TANDEM_API_TOKEN", target["api_token"].as_str().unwrap()).output().unwrap()
    };

    let first = tandem(&["sync", "pull", "Harbour Branch", "--json"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(first["phase"], "verified");
    assert!(first["result"]["inserted"].as_u64() > Some(50_000));

    // The same again writes nothing, and the text says so.
    let second = tandem(&["sync", "pull", "Harbour Branch"]);
    let text = String::from_utf8(second.stdout).unwrap();
    assert_eq!(second.status.code(), Some(0), "{text}");
    assert!(text.contains("verified") && text.contains("0 inserted, 0 updated, 0 deleted"), "{text}");

    let unverified = tandem(&["sync", "push", "Harbour Branch", "--no-verify", "--json"]);
    assert_eq!(unverified.status.code(), Some(1), "what was not verified is not a success");
    let unverified: Value = serde_json::from_slice(&unverified.stdout).unwrap();
    assert_eq!(unverified["phase"], "completed");

    let unknown = tandem(&["sync", "pull", "Nowhere"]);
    assert_ne!(unknown.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("Nowhere"));

    let history: Value =
        serde_json::from_slice(&tandem(&["history", "--json", "--limit", "2"]).stdout).unwrap();
    assert_eq!((history["total"].as_u64(), history["more"].as_bool()), (Some(3), Some(true)));
    assert_eq!(history["sessions"][0]["direction"], "push");
    assert_eq!(history["sessions"][0]["started_by"], "api");
    let filtered: Value =
        serde_json::from_slice(&tandem(&["history", "--json", "--phase", "verified"]).stdout).unwrap();
    assert_eq!(filtered["total"], 2);

    drop(stage.stdin.take());
    assert_eq!(stage.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

/// Like /tmp: run by root, the PostgreSQL servers belong to another user.
fn folder_for_all() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("it is ours");
    folder
}

/// A process that is gone has no entry, and one that nobody has waited for yet is as good as gone.
fn assert_gone(pid: &Value) {
    let entry = format!("/proc/{pid}/stat");
    let is_gone = || {
        std::fs::read_to_string(&entry).is_ok_and(|stat| stat.contains(") Z ")) || !Path::new(&entry).exists()
    };
    wait_until(is_gone, &format!("process {pid} is still there"));
}

fn wait_until(is_so: impl Fn() -> bool, otherwise: &str) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "{otherwise}");
        // Between two looks, so that the look itself is not what slows them down.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
