//! A database of the bench, worked on by PostgreSQL's own programs: the references, and the data.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

const SCHEMA: &str = include_str!("schema.sql");
const KEYS: &str = include_str!("keys.sql");
const DATA: &str = include_str!("data.sql");
const DRIFT: &str = include_str!("drift.sql");
const COPIES: &str = include_str!("copies.sql");

pub(super) struct Database {
    /// The address of the server, up to the slash before the database's name.
    server: String,
    name: String,
    bin: PathBuf,
}

impl Database {
    pub(super) fn at(url: &str) -> Result<Self> {
        let (server, name) = url.rsplit_once('/').context("a database's address without its name")?;
        Ok(Self { server: server.to_owned(), name: name.to_owned(), bin: programs()? })
    }

    pub(super) fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Makes an empty database beside this one.
    pub(super) fn create(&self, name: &str) -> Result<Self> {
        self.run(&format!("create database {name} template template0"))?;
        Ok(Self { server: self.server.clone(), name: name.to_owned(), bin: self.bin.clone() })
    }

    pub(super) fn create_with_tables(&self, name: &str) -> Result<Self> {
        let database = self.create(name)?;
        database.run(SCHEMA)?;
        database.run(KEYS)?;
        Ok(database)
    }

    /// The same with `times` 1,100,000 rows, which come before the keys: beside them they would take hours.
    pub(super) fn create_full(&self, name: &str, times: u32) -> Result<Self> {
        let database = self.create(name)?;
        database.run(SCHEMA)?;
        database.run(&DATA.replace("{k}", &times.to_string()))?;
        database.run(KEYS)?;
        database.run("analyze")?;
        Ok(database)
    }

    pub(super) fn remove(self) -> Result<()> {
        let neighbour = Self { name: "postgres".to_owned(), ..self };
        neighbour.run(&format!("drop database {}", self.name))
    }

    /// Gives one row in `n` other values. Returns seconds.
    pub(super) fn drift(&self, n: u32) -> Result<f64> {
        let started = Instant::now();
        self.run(&DRIFT.replace("{n}", &n.to_string()))?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Reference of a sync in which every row differs. Returns seconds.
    pub(super) fn copy_into(&self, full: &Self) -> Result<f64> {
        let psql = self.bin.join("psql").display().to_string();
        let script = COPIES.replace("{psql}", &psql).replace("{source}", &self.url());
        let started = Instant::now();
        full.run(&script)?;
        Ok(started.elapsed().as_secs_f64())
    }

    pub(super) fn truncate(&self) -> Result<()> {
        self.run("truncate customers, products, stock, orders, order_items, payments")
    }

    /// Rows and bytes of COPY text, for the report.
    pub(super) fn size(&self) -> Result<(u64, u64)> {
        let tables = ["customers", "products", "stock", "orders", "order_items", "payments"];
        let counts: Vec<String> =
            tables.iter().map(|table| format!("(select count(*) from {table})")).collect();
        let rows = self.ask(&format!("select {}", counts.join(" + ")))?.parse()?;
        let mut dump = self.dump(&["--data-only"]).stdout(Stdio::piped()).spawn()?;
        let mut text = dump.stdout.take().context("the dump was piped")?;
        let bytes = std::io::copy(&mut text, &mut std::io::sink())?;
        if !dump.wait()?.success() {
            bail!("pg_dump failed");
        }
        Ok((rows, bytes))
    }

    /// Statements, each in a transaction of its own.
    pub(super) fn run(&self, statements: &str) -> Result<()> {
        let mut psql =
            self.psql(&[]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("cannot run psql")?;
        psql.stdin.take().context("the input was piped")?.write_all(statements.as_bytes())?;
        if !psql.wait()?.success() {
            bail!("psql failed in database {}", self.name);
        }
        Ok(())
    }

    pub(super) fn ask(&self, query: &str) -> Result<String> {
        finish("psql", &mut self.psql(&["--tuples-only", "--no-align", "--command", query]))
    }

    /// Reference of the first full sync. Returns seconds.
    pub(super) fn dump_into(&self, empty: &Self) -> Result<f64> {
        let started = Instant::now();
        let mut dump = self.dump(&[]).stdout(Stdio::piped()).spawn()?;
        let text = dump.stdout.take().context("the dump was piped")?;
        finish("psql", empty.psql(&[]).stdin(text))?;
        if !dump.wait()?.success() {
            bail!("pg_dump failed");
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// The same by pgcopydb, where it is installed. Returns seconds.
    pub(super) fn clone_into(&self, empty: &Self, folder: &Path) -> Result<Option<f64>> {
        if Command::new("pgcopydb").arg("--version").output().is_err() {
            return Ok(None);
        }
        let (filters, work) = (folder.join("pgcopydb.ini"), folder.join("pgcopydb"));
        std::fs::write(&filters, "[exclude-schema]\ntandem\n")?;
        let mut clone = Command::new("pgcopydb");
        clone.args(["clone", "--no-owner", "--no-acl", "--table-jobs", "2", "--index-jobs", "2"]);
        clone.args(["--source", &self.url(), "--target", &empty.url()]);
        clone.arg("--filters").arg(&filters).arg("--dir").arg(&work);
        let started = Instant::now();
        finish("pgcopydb", &mut clone)?;
        let seconds = started.elapsed().as_secs_f64();
        std::fs::remove_dir_all(&work)?;
        Ok(Some(seconds))
    }

    /// Reference of a sync that finds nothing to do. Returns seconds.
    pub(super) fn dump_to_nowhere(&self) -> Result<f64> {
        let started = Instant::now();
        let status = self.dump(&["--data-only"]).stdout(Stdio::null()).status()?;
        if !status.success() {
            bail!("pg_dump failed");
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// The least that a comparison costs: this database and another one read at the same time. Returns seconds.
    pub(super) fn dump_both_to_nowhere(&self, other: &Self) -> Result<f64> {
        let started = Instant::now();
        let mut dump = self.dump(&["--data-only"]).stdout(Stdio::null()).spawn()?;
        other.dump_to_nowhere()?;
        if !dump.wait()?.success() {
            bail!("pg_dump failed");
        }
        Ok(started.elapsed().as_secs_f64())
    }

    pub(super) fn psql(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("psql");
        command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]).args(arguments).arg(self.url());
        command
    }

    /// pg_dump of the data that a sync moves: without the node's own tables.
    pub(super) fn dump(&self, arguments: &[&str]) -> Command {
        let mut command = self.program("pg_dump");
        command.arg("--exclude-schema=tandem").args(arguments).arg(self.url());
        command
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }
}

/// Runs it to its end and returns what it said.
pub(super) fn finish(name: &str, command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The folder of the newest client programs.
fn programs() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("TANDEM_PG_BIN") {
        return Ok(folder.into());
    }
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|entry| entry.path()).max_by_key(|path| version(path));
    // Elsewhere they are in PATH, where an empty folder leaves the search to the system.
    Ok(newest.map_or_else(PathBuf::new, |folder| folder.join("bin")))
}
