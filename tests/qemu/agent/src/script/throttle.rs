// SPDX-License-Identifier: GPL-2.0

//! Pages that are made dirty faster than they are written.

use std::io;
use std::thread;

use anyhow::{anyhow, ensure, Context as _, Result};

use super::cached::Cached;
use super::nowait;
use super::scripted::expect_errno;
use crate::case::{skip, Case};
use crate::check::wait_until;
use crate::context::Context;
use crate::dirty_limit::DirtyLimit;
use crate::suites::SCRIPT;
use crate::task::in_thread;

pub const CASES: &[Case] = &[
    Case::new("write_throttled", SCRIPT, write)
        .doc("Whoever writes waits if too much is dirty.")
        .holds(&["BW-3"]),
    Case::new("write_throttled_nowait", SCRIPT, write_nowait)
        .doc("A write that must not wait is EAGAIN then, once it has written what it may.")
        .holds(&["BW-28"]),
    Case::new("unshare_throttled", SCRIPT, unshare)
        .doc("Whoever unshares waits if too much is dirty.")
        .holds(&["US-3"]),
    Case::new("zero_range_throttled", SCRIPT, zero)
        .doc("Whoever zeroes waits if too much is dirty.")
        .holds(&["DIFF-27"]),
];

/// More pages than a task may dirty before the kernel looks.
const LENGTH: usize = 128 * 4096;

fn write(context: &Context) -> Result<()> {
    expect_throttled(context, "", |fs| fs.put_all(0, LENGTH, 0xCC))
}

fn write_nowait(context: &Context) -> Result<()> {
    let fs = Cached::new(context, &script(""))?;
    let bytes = vec![0xCC; LENGTH];
    let (written, end) = thread::scope(|scope| {
        let limit = DirtyLimit::nothing(fs.disk())?;
        let writer = scope.spawn(|| write_all_at_once(&fs, &bytes));
        let ended = wait_until(nowait::AT_ONCE, "the write", || writer.is_finished());
        drop(limit);
        // For one that waits: nobody else writes the pages.
        while !writer.is_finished() {
            fs.cache().sync_all().context("fsync")?;
        }
        let result = writer.join().map_err(|_| anyhow!("a thread panicked"))?;
        ended.map(|()| result)
    })?;
    expect_errno(end, libc::EAGAIN)?;
    context.note(format!("EAGAIN after {written} of {LENGTH} bytes"));
    // Of that nothing is lost, and the rest can be written when there is room again.
    fs.cache().sync_all()?;
    let rest = bytes.get(written..).unwrap_or_default();
    ensure!(nowait::write(&fs, written as u64, rest)? == rest.len());
    fs.expect_contents(0, &bytes)
}

/// Writes without waiting until there is an error or nothing left; how much was
/// written, and the end of it.
fn write_all_at_once(fs: &Cached, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match nowait::write(fs, written as u64, rest) {
            Ok(count) => written += count,
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

fn unshare(context: &Context) -> Result<()> {
    let source = format!(
        "answer offset=0 length={LENGTH} addr=65536 flags=shared \
         src offset=0 length={LENGTH} addr=8388608"
    );
    let command = format!("unshare pos=0 len={LENGTH}");
    expect_throttled(context, &source, |fs| fs.run(&command))
}

fn zero(context: &Context) -> Result<()> {
    if !context.on_rust() {
        return skip("the C engine does not throttle zeroing");
    }
    let command = format!("zero pos=0 len={LENGTH}");
    expect_throttled(context, "", |fs| fs.run(&command))
}

fn script(answer: &str) -> String {
    format!("inode size={LENGTH}\nextent offset=0 length={LENGTH} addr=65536\nbuffered\n{answer}")
}

/// `work` has to wait where the kernel makes those wait who dirty too much.
fn expect_throttled(
    context: &Context,
    answer: &str,
    work: impl FnOnce(&Cached) -> Result<()> + Send,
) -> Result<()> {
    let fs = Cached::new(context, &script(answer))?;
    thread::scope(|scope| {
        let limit = DirtyLimit::nothing(fs.disk())?;
        // How much a thread may dirty before the kernel looks grows as it goes on: here
        // it is a new one.
        let (task, thread) = in_thread(scope, || work(&fs))?;
        let waits = || task.sleeps_in("balance_dirty_pages_ratelimited_flags", None);
        let ended = wait_until(nowait::AT_ONCE, "the end or a wait", || {
            thread.is_finished() || waits()
        });
        let throttled = !thread.is_finished();
        drop(limit);
        // Nobody else writes the pages.
        while !thread.is_finished() {
            fs.cache().sync_all().context("fsync")?;
        }
        thread.join().map_err(|_| anyhow!("a thread panicked"))??;
        ended?;
        ensure!(throttled, "nothing was throttled");
        Ok(())
    })
}
