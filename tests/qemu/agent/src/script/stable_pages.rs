// SPDX-License-Identifier: GPL-2.0

//! Pages on a disk that needs them unchanged while they are written to it.

use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{anyhow, ensure, Context as _, Result};

use super::cached::{overlay, Cached, BASE};
use crate::case::Case;
use crate::context::Context;
use crate::disk::Disk;
use crate::suites::SCRIPT;

pub const CASES: &[Case] = &[
    Case::new("write_waits_for_stable_pages", SCRIPT, write)
        .doc("A write into a folio that is being written waits, if the disk needs it unchanged.")
        .holds(&["BW-29"]),
    Case::new("store_waits_for_stable_pages", SCRIPT, store)
        .doc("So does a store.")
        .holds(&["MK-5"]),
    Case::new("write_under_writeback", SCRIPT, unstable)
        .doc("On other disks neither waits.")
        .holds(&["BW-29", "MK-5"]),
];

/// Ioends that end only when the script says so: until then their folios are
/// being written.
const OWN: &str = "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered hooks own";

/// How long it takes until who does not wait is through.
const A_WHILE: Duration = Duration::from_millis(300);

/// A disk that says so until this is dropped. Filesystems ask when they are mounted.
struct StableWrites(Disk);

impl StableWrites {
    const ATTRIBUTE: &'static str = "queue/stable_writes";

    fn set(disk: Disk) -> Result<Self> {
        disk.set_attribute(Self::ATTRIBUTE, "1")?;
        Ok(Self(disk))
    }
}

impl Drop for StableWrites {
    fn drop(&mut self) {
        if let Err(error) = self.0.set_attribute(Self::ATTRIBUTE, "0") {
            eprintln!("cannot set it back: {error:#}");
        }
    }
}

/// Page 0 is full of 0xCC, and being written. The log is empty.
fn being_written(context: &Context) -> Result<Cached> {
    let fs = Cached::new(context, OWN)?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.run("write_back")?;
    fs.expect_folio(0, "dirty=0 writeback=1")?;
    fs.clear_log()?;
    Ok(fs)
}

/// Has `work` come to the line `started` of the log, and ends writeback a while later.
fn finish_during(
    fs: &Cached,
    started: &str,
    work: impl FnOnce() -> Result<()> + Send,
) -> Result<()> {
    thread::scope(|scope| {
        let worker = scope.spawn(work);
        let came = fs.wait_for(started);
        sleep(A_WHILE);
        // In any case, or it would never end.
        fs.run("finish")?;
        let worked = worker.join().map_err(|_| anyhow!("a thread panicked"))?;
        came.and(worked)
    })
}

/// All of page 0 is on the disk, with `byte` at `at`.
fn expect_written(fs: &Cached, at: usize, byte: u8) -> Result<()> {
    let wanted = overlay(vec![0xCC; 4096], at, 1, byte);
    fs.expect_contents(0, &wanted)?;
    fs.expect_stored(BASE, &[0xCC; 4096])?;
    fs.run("write_back\nfinish")?;
    fs.expect_stored(BASE, &wanted)?;
    fs.expect_idle()
}

fn write(context: &Context) -> Result<()> {
    let _stable = StableWrites::set(context.disk("scratch")?)?;
    let fs = being_written(context)?;
    finish_during(&fs, "begin", || fs.put_all(100, 1, 0xDD))?;
    fs.expect_of(
        &["begin", "finish", "get_folio", "put_folio"],
        &[
            "begin pos=100 len=1 flags=write",
            "finish offset=0 size=4096 error=0",
            "get_folio pos=100 ret=0",
            "put_folio pos=100 copied=1",
        ],
    )?;
    expect_written(&fs, 100, 0xDD)
}

fn store(context: &Context) -> Result<()> {
    let _stable = StableWrites::set(context.disk("scratch")?)?;
    let fs = being_written(context)?;
    let mapping = fs.mapping(4096)?;
    finish_during(&fs, "end", move || {
        mapping.write(100, &[0xDD]).context("the store")
    })?;
    fs.expect_of(
        &["mkwrite", "begin", "end", "finish", "mkwrite_return"],
        &[
            "mkwrite index=0",
            "begin pos=0 len=4096 flags=write|fault",
            "end written=4096",
            "finish offset=0 size=4096 error=0",
            "mkwrite_return ret=locked",
        ],
    )?;
    expect_written(&fs, 100, 0xDD)
}

fn unstable(context: &Context) -> Result<()> {
    let fs = being_written(context)?;
    fs.put_all(100, 1, 0xDD)?;
    fs.expect_folio(0, "dirty=1 writeback=1")?;
    let mapping = fs.mapping(4096)?;
    mapping.write(200, &[0xEE])?;
    fs.expect_folio(0, "dirty=1 writeback=1")?;
    fs.run("finish")?;
    let wanted = overlay(vec![0xCC; 4096], 100, 1, 0xDD);
    let wanted = overlay(wanted, 200, 1, 0xEE);
    fs.run("write_back\nfinish")?;
    fs.expect_stored(BASE, &wanted)?;
    ensure!(fs.get(0, 4096)? == wanted, "the file has something else");
    fs.expect_idle()
}
