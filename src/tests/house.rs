//! The house rules that a machine can check: who may know whom, what stands in one file only, what must not be there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The engine's rooms, lowest first: a room may use those of the lines above its own, and its own line only itself.
const ROOMS: [&[&str]; 9] = [
    &["model", "clock"],
    &["config", "catalog", "spool_dir"],
    &["sql", "archive", "progress"],
    &["database"],
    &["store", "compare", "peer"],
    &["backup", "restore", "access"],
    &["full_sync"],
    &["engine"],
    &["demo"],
];

/// Crates that a package must never depend on; a `?` marks those that it may have for the server's build only.
const NEVER: [(&str, &[&str]); 4] = [
    (".", &["leptos", "leptos_axum", "axum", "server_fn", "wasm-bindgen", "app", "server", "clap"]),
    ("app", &["sqlx", "reqwest", "server", "axum?", "leptos_axum?", "tokio?"]),
    ("frontend", &["tandem", "sqlx", "tokio", "reqwest", "axum", "server"]),
    ("server", &["sqlx", "frontend"]),
];

/// Where the text of Rust code may have something that is forbidden elsewhere.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("AssertSqlSafe", &["src/sql.rs", "src/tests/"]),
    (
        "env::var",
        &["src/config.rs", "src/demo/programs.rs", "server/build.rs", "scripts/xtask/", "src/tests/random/"],
    ),
    ("reqwest::", &["src/peer/client.rs", "server/src/cli/", "src/tests/support/nodes.rs"]),
    ("inner_html", &[]),
    ("Command::new(\"sh\")", &[]),
    ("Command::new(\"bash\")", &[]),
];

/// A Rust file of ours: its path from the project's folder, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The text without comment lines and without the unit tests at its end.
    fn code(&self) -> String {
        let text = self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    fn header(&self) -> String {
        self.text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n")
    }

    /// The room of the engine that the file belongs to: `restore` for src/restore.rs and src/restore/merge.rs.
    fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let room = inside.split(['/', '.']).next()?;
        (!matches!(room, "lib" | "tests")).then_some(room)
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut wrong = Vec::new();
    for source in rust_sources().iter().filter(|source| !source.is_test()) {
        let Some(room) = source.room() else { continue };
        let Some(own) = level(room) else {
            wrong.push(format!("{}: give the room `{room}` its place in ROOMS", source.path));
            continue;
        };
        for used in used_rooms(&source.code()) {
            if used != room && level(&used).is_none_or(|used| used >= own) {
                wrong.push(format!("{} uses `{used}`, which is not below `{room}`", source.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn no_package_depends_on_what_it_must_not_know() {
    let mut wrong = Vec::new();
    for (package, never) in NEVER {
        let manifest: toml::Table = read(&Path::new(package).join("Cargo.toml")).parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        for name in never {
            let for_server = name.ends_with('?');
            if let Some(found) = dependencies.get(name.trim_end_matches('?')) {
                let is_optional = found.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
                if !(for_server && is_optional) {
                    wrong.push(format!("{package}/Cargo.toml: {name}"));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_browser_gets_no_server_library() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "frontend", "--target", "wasm32-unknown-unknown", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(project())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();

    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();

    assert!(names.contains("leptos"), "this is not the tree of the frontend:\n{tree}");
    for server_only in ["sqlx", "tokio", "reqwest", "axum", "zstd"] {
        assert!(!names.contains(server_only), "{server_only} would be compiled for the browser");
    }
}

#[test]
fn what_is_allowed_in_one_place_stands_nowhere_else() {
    let mut wrong = Vec::new();
    // This file names what it looks for.
    for source in rust_sources().iter().filter(|source| source.path != "src/tests/house.rs") {
        let code = source.code();
        for (text, places) in ONLY_IN {
            if code.contains(text) && !places.iter().any(|place| source.path.starts_with(place)) {
                wrong.push(format!("{}: `{text}` belongs in {places:?} only", source.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_shared_model_is_plain_data() {
    let mut wrong = Vec::new();
    for source in rust_sources().iter().filter(|source| source.room() == Some("model")) {
        for line in source.code().lines().filter(|line| line.trim_start().starts_with("use ")) {
            let imported = line.trim_start().trim_start_matches("use ");
            let root = imported.split([':', ';', ' ']).next().unwrap_or_default();
            if !matches!(root, "std" | "serde" | "thiserror" | "super" | "self") {
                wrong.push(format!("{}: {line}", source.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_file_says_what_it_is_for_and_is_short_or_says_why_not() {
    let mut wrong = Vec::new();
    for source in rust_sources() {
        let header = source.header();
        if !header.starts_with("//! ") {
            wrong.push(format!("{} does not open with a `//!` sentence", source.path));
        }
        let lines = source.text.lines().count();
        if lines > 400 && !header.contains("400 lines") {
            wrong.push(format!(
                "{} has {lines} lines, and no `//!` says why more than 400 lines",
                source.path
            ));
        }
    }
    assert_none(&wrong);
}

#[test]
fn files_and_commands_that_the_documents_name_exist() {
    let files = project_files();
    let makefile = std::fs::read_to_string(project().join("Makefile")).unwrap_or_default();
    let mut wrong = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        // A document that is not written yet names nothing.
        let text = std::fs::read_to_string(project().join(document)).unwrap_or_default();
        for name in named_files(&text) {
            let ending = format!("/{name}");
            if !files.iter().any(|file| *file == name || file.ends_with(&ending)) {
                wrong.push(format!("{document} names {name}, which does not exist"));
            }
        }
        for target in text.split("`make ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next()) {
            if !makefile.contains(&format!("\n{target}:")) {
                wrong.push(format!("{document} names `make {target}`, which does not exist"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_readme_names_every_setting() {
    let Ok(readme) = std::fs::read_to_string(project().join("README.md")) else { return };
    let missing: Vec<String> = tandem::config::SETTINGS
        .iter()
        .filter(|name| !readme.contains(&format!("`{name}`")))
        .map(|name| format!("README.md does not name `{name}`"))
        .collect();
    assert_none(&missing);
}

#[test]
fn the_top_level_holds_what_it_should_and_nothing_else() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "app",
        "frontend",
        "server",
        "style",
        "public",
        "end2end",
        "README.md",
        "Makefile",
        "scripts",
        "ARCHITECTURE.md",
        "BENCHMARKS.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "rustfmt.toml",
        "clippy.toml",
        "rust-toolchain.toml",
    ];
    // What running it leaves there; git ignores these.
    let made = |name: &str| name.starts_with("target") || matches!(name, "node_modules" | "tandem-data");
    let strange: Vec<String> = std::fs::read_dir(project())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !allowed.contains(&name.as_str()) && !made(name))
        .collect();
    assert_none(&strange);
}

#[test]
fn the_rules_can_fail() {
    assert_eq!(used_rooms("use crate::database::{Database, Row};"), ["database".to_owned()].into());
    assert_eq!(
        used_rooms("use crate::{\n    peer::{Peer, Peers},\n    Engine,\n};\nlet x = crate::sql::names(&y);"),
        ["peer".to_owned(), "engine".to_owned(), "sql".to_owned()].into()
    );
    assert!(level("backup") > level("database") && level("attic").is_none());
    assert_eq!(
        named_files(
            "See `src/lib.rs`, (full_sync/pull.rs) and scripts/test.sh. Not https://x.y/z.md or src/*.rs."
        ),
        ["src/lib.rs", "full_sync/pull.rs", "scripts/test.sh"].map(str::to_owned).into()
    );
}

fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

/// The rooms after `crate::`, in braces or not; a type that lib.rs re-exports stands for the room of its name.
fn used_rooms(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => used.extend(outermost_names(group)),
            None => used.extend(leading_name(rest)),
        }
    }
    used.into_iter().map(|name| name.to_lowercase()).collect()
}

/// `a::{b, c}, d}; …` -> a, d
fn outermost_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (place, c) in group.char_indices() {
        match c {
            ',' if depth == 0 => {
                names.extend(leading_name(&group[start..place]));
                start = place + 1;
            }
            '}' if depth == 0 => {
                names.extend(leading_name(&group[start..place]));
                break;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

fn leading_name(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Words of a document that are names of files of ours.
fn named_files(text: &str) -> BTreeSet<String> {
    let endings = [".rs", ".sql", ".sh", ".ts", ".css", ".toml", ".md"];
    text.split(|c: char| c.is_whitespace() || "`()[]|,;\"'".contains(c))
        .filter(|word| !word.contains("://") && !word.contains(['*', '<', '{', '…', '#', '$', '~']))
        .filter(|word| !word.starts_with("target/") && !word.starts_with('/'))
        .map(|word| word.trim_start_matches("./").trim_end_matches(['.', ':']))
        .filter(|word| endings.iter().any(|ending| word.ends_with(ending) && word.len() > ending.len()))
        // The settings file is the reader's own.
        .filter(|word| *word != "tandem.toml")
        .map(str::to_owned)
        .collect()
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(project().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_sources() -> Vec<Source> {
    project_files()
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| Source { text: read(Path::new(&path)), path })
        .collect()
}

/// Every file of the project, as a path from its folder; without what is built, installed or hidden.
fn project_files() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(project().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            if name == "target"
                || name.starts_with("target-")
                || name == "node_modules"
                || (name.starts_with('.') && name != ".ci" && name != ".cargo")
            {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                files.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
