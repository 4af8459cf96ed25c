//! Which pg_dump to run: an absolute path whose version fits the server.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// pg_dump refuses servers that are newer than itself.
pub(super) struct PgDump {
    pub(super) path: PathBuf,
    /// `15.18`
    pub(super) version: String,
}

/// The first fitting pg_dump of: the configured folder, Debian's folders (oldest fitting first, which is the server's
/// own), the usual folders of other systems. Else a sentence that says what was found.
pub(super) async fn pg_dump(pg_bin: Option<&Path>, server_major: u32) -> Result<PgDump, String> {
    let mut seen = Vec::new();
    for path in candidates(pg_bin) {
        match version_of(&path).await {
            Ok(version) if major(&version) >= server_major => return Ok(PgDump { path, version }),
            Ok(version) => seen.push(format!("{} is version {version}", path.display())),
            Err(reason) => seen.push(format!("{}: {reason}", path.display())),
        }
    }
    let found = if seen.is_empty() { "none was found".to_owned() } else { seen.join("; ") };
    Err(format!("no pg_dump of version {server_major} or later ({found})"))
}

fn candidates(pg_bin: Option<&Path>) -> Vec<PathBuf> {
    if let Some(folder) = pg_bin {
        return vec![folder.join("pg_dump")];
    }
    let mut majors: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin/pg_dump")))
        })
        .collect();
    majors.sort();
    let elsewhere = ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"];
    majors
        .into_iter()
        .map(|(_, path)| path)
        .chain(elsewhere.iter().map(|folder| Path::new(folder).join("pg_dump")))
        .filter(|path| path.is_file())
        .collect()
}

async fn version_of(path: &Path) -> Result<String, String> {
    let output = Command::new(path)
        .arg("--version")
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| error.to_string())?;
    // `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace()
        .nth(2)
        .filter(|version| output.status.success() && major(version) > 0)
        .map(str::to_owned)
        .ok_or_else(|| "does not say its version".to_owned())
}

fn major(version: &str) -> u32 {
    version.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
