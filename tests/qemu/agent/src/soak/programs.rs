// SPDX-License-Identifier: GPL-2.0

//! The programs: how each is run for some seconds, and how much it did.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{bail, ensure, Context as _, Result};
use serde_json::Value;

use crate::fs::fsx::{allocation, SIZES};
use crate::fs::MIB;

#[derive(Clone, Copy, Debug)]
pub enum Program {
    /// Random operations on a file, checked against a copy in memory.
    Fsx,
    /// Random reads and writes with checksums, through the page cache.
    FioBuffered,
    /// The same by direct I/O, eight at a time.
    FioDirect,
    /// The file operations of an office, as recorded.
    Dbench,
    /// Renames, links, truncates, syncs and whatever else.
    StressNg,
}

/// What a program did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    pub runs: u64,
    /// As the program counts them.
    pub operations: u64,
}

const FSX_OPERATIONS: u64 = 500;
/// Seconds of a run of the others.
const TIME: &str = "5";
const DBENCH_SCRIPT: &str = "/usr/share/dbench/client.txt";
const STRESSORS: &[&str] = &["hdd", "rename", "link", "sync-file", "seek", "dentry"];

impl Program {
    pub const ALL: [Self; 5] = [
        Self::Fsx,
        Self::FioBuffered,
        Self::FioDirect,
        Self::Dbench,
        Self::StressNg,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fsx => "fsx",
            Self::FioBuffered => "fio_buffered",
            Self::FioDirect => "fio_direct",
            Self::Dbench => "dbench",
            Self::StressNg => "stress_ng",
        }
    }

    /// Runs once in a directory of that filesystem; the operations that it counted.
    pub fn run(self, kind: &str, dir: &Path, seed: u64) -> Result<u64> {
        let operations = match self {
            Self::Fsx => fsx(kind, dir, seed),
            Self::FioBuffered => fio(dir, seed, &["--ioengine=psync", "--fsync=64"]),
            Self::FioDirect => fio(
                dir,
                seed,
                &["--ioengine=libaio", "--iodepth=8", "--direct=1"],
            ),
            Self::Dbench => dbench(dir),
            Self::StressNg => stress_ng(dir),
        }?;
        ensure!(operations > 0, "it does not say that it did anything");
        Ok(operations)
    }
}

fn fsx(kind: &str, dir: &Path, seed: u64) -> Result<u64> {
    let allocation = allocation(kind);
    let config = dir.join("config");
    std::fs::write(
        &config,
        format!("flen = {MIB}\n{SIZES}[weights]\n{allocation}"),
    )?;
    let mut command = Command::new("/bin/fsx");
    command.arg("-f").arg(&config).arg("-P").arg(dir);
    command.args(["-N", &FSX_OPERATIONS.to_string(), "-S", &seed.to_string()]);
    output(command.arg(dir.join("file")))?;
    Ok(FSX_OPERATIONS)
}

fn fio(dir: &Path, seed: u64, options: &[&str]) -> Result<u64> {
    let mut command = Command::new("/bin/fio");
    command
        .args(["--name=verified", "--rw=randrw", "--size=8m", "--thread"])
        .args(["--bsrange=512-64k", "--blockalign=512", "--time_based"])
        .args(["--verify=crc32c", "--verify_fatal=1", "--verify_backlog=32"])
        .args(["--output-format=json", &format!("--runtime={TIME}")])
        .arg(format!("--randseed={seed}"))
        .arg(format!("--directory={}", dir.display()))
        .args(options);
    let output = output(&mut command)?;
    let report: Value = serde_json::from_slice(&output.stdout).context("what fio reports")?;
    let total = |direction: &str| {
        let place = format!("/jobs/0/{direction}/total_ios");
        report.pointer(&place).and_then(Value::as_u64)
    };
    match (total("read"), total("write")) {
        (Some(read), Some(written)) => Ok(read + written),
        _ => bail!("fio does not say how many reads and writes there were"),
    }
}

fn dbench(dir: &Path) -> Result<u64> {
    let mut command = Command::new("/bin/dbench");
    command
        .args(["-t", TIME, "-c", DBENCH_SCRIPT, "-D"])
        .arg(dir)
        .arg("1");
    let output = output(&mut command)?;
    // " Operation      Count    AvgLat    MaxLat", a line, and one for each operation.
    let said = String::from_utf8_lossy(&output.stdout);
    let table = said
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("Operation"))
        .skip(2)
        .map_while(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(table.sum())
}

fn stress_ng(dir: &Path) -> Result<u64> {
    let metrics = dir.join("metrics.yaml");
    let mut command = Command::new("/bin/stress-ng");
    for stressor in STRESSORS {
        command.args([&format!("--{stressor}"), "1"]);
    }
    command
        .args(["--hdd-bytes", "4m", "--sync-file-bytes", "4m"])
        .args(["--timeout", TIME, "--verify"])
        .arg("--temp-path")
        .arg(dir)
        .args(["--metrics-brief", "--yaml"])
        .arg(&metrics);
    output(&mut command)?;
    let report = std::fs::read_to_string(&metrics).context("what stress-ng reports")?;
    let counts = report
        .lines()
        .filter_map(|line| line.trim().strip_prefix("bogo-ops: ")?.parse::<u64>().ok());
    Ok(counts.sum())
}

/// Runs it; what it said is the error if it finds a fault.
fn output(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output)
}
