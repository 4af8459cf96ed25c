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
