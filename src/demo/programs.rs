//! Where PostgreSQL's programs are, and which user may run them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ClusterError;

/// The programs of one PostgreSQL installation.
pub(super) struct Programs {
    bin: PathBuf,
    /// Set when this process is root: PostgreSQL's server refuses to run as root.
    user: Option<User>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// What a server is made and served with.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

impl Programs {
    /// Looks into `chosen` if it is given, else into Debian's folders, newest version first, and then along PATH.
    pub(super) fn find(chosen: Option<&Path>, user: Option<User>) -> Result<Self, ClusterError> {
        let folders = match chosen {
            Some(folder) => vec![folder.to_owned()],
            None => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let mut folders = newest_first(Path::new("/usr/lib/postgresql"));
                folders.extend(std::env::split_paths(&path));
                folders
            }
        };
        let complete = |folder: &PathBuf| NEEDED.iter().all(|program| folder.join(program).is_file());
        match folders.iter().find(|folder| complete(folder)) {
            Some(bin) => Ok(Self { bin: bin.clone(), user }),
            None => Err(ClusterError::Missing {
                place: match chosen {
                    Some(folder) => folder.display().to_string(),
                    None => "/usr/lib/postgresql/*/bin or on PATH".to_owned(),
                },
            }),
        }
    }

    pub(super) fn bin(&self) -> &Path {
        &self.bin
    }

    /// A command that runs one of PostgreSQL's programs: in `folder`, as a user that may, and deaf to our settings.
    pub(super) fn command(&self, program: &str, folder: &Path) -> Command {
        self.any_command(self.bin.join(program), folder)
    }

    /// The same for a program that is not PostgreSQL's.
    pub(super) fn any_command(&self, program: impl Into<OsString>, folder: &Path) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // PGHOST, PGDATABASE and the like would lead the programs to somebody else's server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // Messages are read by people and by `Cluster`: English.
        command.env("LC_ALL", "C");
        // Ctrl-C reaches the whole group of a terminal; what we start must not end before we end it.
        command.process_group(0);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}

/// `bin` folders below a folder of versions such as 9.6, 15, 17.
fn newest_first(versions: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = std::fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.split('.').map(|part| part.parse().unwrap_or(0)).collect();
            (version, entry.path().join("bin"))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, bin)| bin).collect()
}

/// The user that the server's programs run as when we are root: `postgres`, else `nobody`.
pub(super) fn unprivileged_user() -> Result<User, ClusterError> {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"].iter().find_map(|name| find_user(&accounts, name)).ok_or(ClusterError::NoUser)
}

/// Finds `name` among lines of `name:password:uid:gid:…`.
fn find_user(accounts: &str, name: &str) -> Option<User> {
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [account, _, uid, gid, ..] if account == name => {
                Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
            }
            _ => None,
        }
    })
}

/// The folder below which private servers live. A socket's path is limited to about 100 bytes, so a long one
/// (macOS, build farms) gives way to /tmp.
pub(super) fn temporary_folder() -> PathBuf {
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() <= 40 { usual } else { PathBuf::from("/tmp") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let accounts =
            "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:7::/:\npostgres:x:101:102::/var:/bin/sh\n";
        assert_eq!(find_user(accounts, "postgres"), Some(User { uid: 101, gid: 102 }));
        assert_eq!(find_user(accounts, "nobody"), None);
    }

    #[test]
    fn versions_are_numbers_not_text() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "9.10"] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
        }
        let order = newest_first(folder.path());
        let expected = ["15", "9.10", "9.6"].map(|version| folder.path().join(version).join("bin"));
        assert_eq!(order, expected);
    }

    #[test]
    fn a_folder_without_postgresql_is_named_with_the_remedy() {
        let error = Programs::find(Some(Path::new("/nowhere")), None).err().unwrap().to_string();
        assert!(error.contains("/nowhere") && error.contains("apt-get install postgresql"), "{error}");
    }
}
