//! `tandem demo` from nothing to a verified sync and back to nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.arg("demo").args(["--port", "0", "--json"]).args(arguments);
    command
}

#[test]
fn the_first_sync_is_verified_and_nothing_stays_behind() {
    let temporary = tempfile::tempdir().unwrap();
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
    let mut demo = demo(&["--no-sync"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(demo.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let facts: Value = serde_json::from_str(&line).unwrap();
    demo.kill().unwrap();
    demo.wait().unwrap();
    for node in facts["nodes"].as_array().unwrap() {
        assert_gone(&node["pid"]);
    }
}

/// A process that is gone has no entry, and one that nobody has waited for yet is as good as gone.
fn assert_gone(pid: &Value) {
    let started = Instant::now();
    let entry = format!("/proc/{pid}/stat");
    while std::fs::read_to_string(&entry).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(started.elapsed() < Duration::from_secs(20), "process {pid} is still there");
        std::thread::yield_now();
    }
}
