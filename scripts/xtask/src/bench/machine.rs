//! The operating system's files → what the figures were measured on, and how much memory a process has held.

use std::fs;

use anyhow::{Context, Result};

use super::postgres::{Database, finish};

/// One sentence.
pub(super) fn facts(database: &Database) -> Result<String> {
    let cpu = field("/proc/cpuinfo", "model name")?;
    let cores = std::thread::available_parallelism()?;
    let memory_kb: u64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let postgres = database.ask("show server_version")?;
    let day = finish("date", std::process::Command::new("date").args(["--utc", "+%-d %B %Y"]))?;
    Ok(format!(
        "{day}; {cores} cores of {cpu}, {} GB of memory, Linux {}, PostgreSQL {postgres}; load before the run: {load}",
        memory_kb / 1_000_000,
        kernel.trim()
    ))
}

/// The most that the process has ever had resident.
pub(super) fn peak_memory_bytes(pid: u32) -> Result<u64> {
    let kb: u64 = field(&format!("/proc/{pid}/status"), "VmHWM")?.trim_end_matches(" kB").trim().parse()?;
    Ok(kb * 1024)
}

fn field(file: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':')).with_context(|| format!("{file} lacks {name}"))?;
    Ok(value.1.trim().to_owned())
}
