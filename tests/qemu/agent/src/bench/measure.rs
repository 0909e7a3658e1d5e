// SPDX-License-Identifier: GPL-2.0

//! What a workload has: a directory, memory, and the clock.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context as _, Result};

use iomap_qemu_protocol::RunSpec;

use super::disk::MOUNT_POINT;
use super::files::MIB;
use crate::output::Output;
use crate::sys::huge::HugeBuf;
use crate::sys::tsc::{mark, now, Mark};

/// Long enough for the kernel's workers to do what earlier steps left them.
const SETTLE: Duration = Duration::from_millis(30);

/// Who did nothing for so long has nothing to do. What idle time is read from counts in
/// steps of 10 ms.
const QUIET: Duration = Duration::from_millis(100);

/// Nothing takes longer, not even the extents of the largest file.
const LONGEST_WORK: Duration = Duration::from_secs(300);

/// Bytes of memory that a workload has.
const BUFFER: usize = 4 << 20;

/// A workload under way.
pub struct Bench<'a> {
    pub spec: &'a RunSpec,
    name: &'a str,
    /// Memory of huge pages.
    pub buffer: HugeBuf,
    batches: u32,
    ops: u64,
    copied: f64,
    samples: Vec<u64>,
    idle: Duration,
    /// Of memory, per MiB of data.
    bytes: Option<f64>,
}

impl<'a> Bench<'a> {
    pub fn new(spec: &'a RunSpec, name: &'a str, batches: u32) -> Result<Self> {
        let bench = Self {
            spec,
            name,
            buffer: HugeBuf::new(BUFFER).context("no memory of huge pages")?,
            batches,
            ops: 0,
            copied: 0.0,
            samples: Vec::new(),
            idle: Duration::ZERO,
            bytes: None,
        };
        fs::create_dir(bench.dir()).context("cannot make a directory")?;
        Ok(bench)
    }

    /// Memory for the I/O that is measured, of huge pages.
    pub fn data(&self, length: usize) -> Result<HugeBuf> {
        HugeBuf::new(length).context("no memory of huge pages")
    }

    /// The workload's own directory.
    pub fn dir(&self) -> PathBuf {
        PathBuf::from(MOUNT_POINT).join(self.name)
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir().join(file)
    }

    /// Bytes that an operation copies: to and from the user's memory, and to and
    /// from a disk that is memory.
    pub fn copies(&mut self, bytes: usize) {
        self.copied = bytes as f64;
    }

    /// Nothing was timed: for `data` bytes so much memory more is in use.
    pub fn keeps(&mut self, before: u64, after: u64, data: usize) {
        let more = after as f64 - before as f64;
        self.bytes = Some(more * MIB as f64 / data as f64);
    }

    /// Numbers of the batches, for a loop. What comes before [`Bench::time`] in
    /// it is not measured.
    pub fn rounds(&self) -> std::ops::Range<u32> {
        // The first warms up: code is paged in, slabs are filled.
        0..self.batches + 1
    }

    /// Runs a batch: `work` with each number below `ops`.
    pub fn time(&mut self, ops: u64, mut work: impl FnMut(u64) -> io::Result<()>) -> Result<()> {
        self.time_all(ops, || (0..ops).try_for_each(&mut work).map_err(Into::into))
    }

    /// Runs a batch that does its `ops` operations by itself.
    pub fn time_all(&mut self, ops: u64, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.ops = ops;
        settle();
        let idle = idle_time()?;
        mark(Mark::Begin);
        let start = now();
        let result = work();
        let ticks = now().wrapping_sub(start);
        mark(Mark::Pause);
        result.with_context(|| format!("batch {}", self.samples.len()))?;
        self.idle += idle_time()?.saturating_sub(idle);
        self.samples.push(ticks);
        Ok(())
    }

    pub fn clean_up(&self) -> Result<()> {
        mark(Mark::End);
        fs::remove_dir_all(self.dir()).context("cannot remove the workload's directory")?;
        rustix::fs::sync();
        rest()
    }

    pub fn report(&self, output: &Output) -> Result<()> {
        let metric = |key: &str, value: f64| output.metric(self.name, key, value);
        if let Some(bytes) = self.bytes {
            metric("bytes", bytes);
            return Ok(());
        }
        let measured = self.samples.get(1..).unwrap_or_default();
        ensure!(!measured.is_empty(), "nothing was measured");
        metric("ops", self.ops as f64);
        metric("copied", self.copied);
        for &sample in measured {
            metric("batch", sample as f64);
        }
        metric("idle_ms", self.idle.as_secs_f64() * 1e3);
        Ok(())
    }
}

/// Lets workers finish, so that they do not run in the next batch.
fn settle() {
    thread::sleep(SETTLE);
}

/// Waits until the kernel is done with what was removed: XFS takes a file's extents
/// apart in the background, which would be counted with the next workload.
fn rest() -> Result<()> {
    let end = Instant::now() + LONGEST_WORK;
    while Instant::now() < end {
        let idle = idle_time()?;
        thread::sleep(QUIET);
        if idle_time()?.saturating_sub(idle) >= QUIET * 4 / 5 {
            return Ok(());
        }
    }
    bail!("the kernel does not come to rest")
}

/// For how long the processor has had nothing to do, as `/proc/uptime` says.
fn idle_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/uptime").context("cannot read /proc/uptime")?;
    let seconds = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    Ok(Duration::from_secs_f64(
        seconds.context("no idle time in /proc/uptime")?,
    ))
}
