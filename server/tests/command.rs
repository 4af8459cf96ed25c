//! The command `tandem` as scripts see it: what it prints and how it ends.

use std::net::TcpListener;
use std::process::{Command, Output};

fn tandem(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    for name in tandem::config::SETTINGS {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .envs(settings.iter().copied())
        .current_dir(folder.path())
        .output()
        .expect("the command runs")
}

fn fails(arguments: &[&str], settings: &[(&str, &str)], code: i32, part: &str) {
    let output = tandem(arguments, settings);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(error.contains(part), "{arguments:?}: {error}");
    assert!(!error.contains("panicked") && !error.contains("hunter2"), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty(), "{arguments:?} wrote to the standard output");
}

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://app:hunter2@127.0.0.1:1/shop");

#[test]
fn a_wrong_setting_ends_the_start_with_a_sentence_that_names_it() {
    fails(&["serve"], &[], 2, "DATABASE_URL is not set");
    fails(&["serve", "--listen", "3000"], &[DATABASE], 2, "TANDEM_LISTEN cannot be used");
    fails(&["serve", "--peers", "a=ftp://x"], &[DATABASE], 2, "TANDEM_PEERS cannot be used");
    fails(&["serve", "--config", "missing.toml"], &[DATABASE], 2, "cannot read missing.toml");
    fails(&["serve"], &[DATABASE, ("SYNC_REGISTRATION_KEY", "hunter2")], 2, "SYNC_REGISTRATION_KEY");
    fails(&["serve", "--turbo"], &[DATABASE], 2, "--turbo");
    fails(&["history"], &[], 2, "TANDEM_API_TOKEN is not set");
}

#[test]
fn a_port_in_use_is_called_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&["serve", "--listen", &address], &[DATABASE], 2, "Another program listens on");
}

#[test]
fn a_node_that_does_not_answer_has_an_exit_code_of_its_own() {
    // Bound and never accepted would hang; bound and dropped is refused.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let token = [("TANDEM_API_TOKEN", "hunter2")];
    fails(&["sync", "pull", "Harbour", "--node", &node], &token, 3, "Cannot reach the node");
    fails(&["history", "--node", &node], &token, 3, "Cannot reach the node");
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    fails(&["serve", "--listen", "127.0.0.1:0"], &[DATABASE], 1, "tandem:");
    let output = tandem(&["doctor", "--json"], &[DATABASE]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let checks: Vec<tandem::model::Check> = serde_json::from_str(&text).unwrap();
    assert_eq!(checks[0].state, tandem::model::CheckState::Failed);
    assert!(!text.contains("hunter2"));
}

#[test]
fn the_help_names_the_exit_codes() {
    let output = tandem(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["serve", "demo", "sync", "history", "doctor", "Exit codes"] {
        assert!(text.contains(part), "{text}");
    }
}
