// SPDX-License-Identifier: GPL-2.0

//! Ioends that a filesystem collects when their bios have ended, and has the engine
//! sort, merge and finish: lists of both engines' ioends.

use std::fs::File;
use std::thread;

use anyhow::{ensure, Context as _, Result};

use super::brake;
use super::in_flight::await_writes;
use super::towards::{first, switch, Towards};
use super::{KIB, LONG};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::script::cached::{Cached, BASE};
use crate::suites;
use crate::sys::sync_range;
use crate::trace::{self, Event};

pub const CASES: &[Case] = &[
    Case::new("chain_to_rust", suites::LIVE, chain_to_rust)
        .doc("The Rust engine sorts, merges and finishes ioends of both engines.")
        .timeout(LONG),
    Case::new("chain_to_c", suites::LIVE, chain_to_c)
        .doc("The C engine sorts, merges and finishes ioends of both; unloading waits for it.")
        .timeout(LONG),
    Case::new("ioends_to_rust", suites::LIVE, ioends_to_rust)
        .doc("XFS has the Rust engine finish ioends of both, when the disk has written them.")
        .timeout(LONG),
    Case::new("ioends_to_c", suites::LIVE, ioends_to_c)
        .doc("XFS has the C engine finish ioends of both; unloading waits for it.")
        .timeout(LONG),
];

/// What filesystems call to end a list of ioends, and what the module has instead.
const ON_C: [&str; 3] = [
    "iomap_sort_ioends",
    "iomap_ioend_try_merge",
    "iomap_finish_ioends",
];
const ON_RUST: [&str; 3] = [
    "live_iomap_sort_ioends",
    "live_iomap_ioend_try_merge",
    "live_iomap_finish_ioends",
];
/// The module's, by which an ioend goes back to its bio set.
const FREED: &str = "free_counted";

const PAGE: usize = 4 * KIB;

/// Runs `work`, in which the engine that is served by must end all lists of ioends, and
/// returns the calls.
fn ended_by<T>(towards: Towards, work: impl FnOnce() -> Result<T>) -> Result<Vec<Event>> {
    let functions: Vec<&str> = ON_C.into_iter().chain(ON_RUST).chain([FREED]).collect();
    let (_, calls) = trace::record_calls(&functions, work)?;
    for (c, rust) in ON_C.into_iter().zip(ON_RUST) {
        // Of a function that is redirected the call is seen, too.
        let (all, redirected) = (count(&calls, c), count(&calls, rust));
        let right = match towards {
            Towards::Rust => redirected == all,
            Towards::C => redirected == 0,
        };
        ensure!(
            all > 0 && right,
            "{all} calls of {c}, and {redirected} of {rust}"
        );
    }
    Ok(calls)
}

fn count(calls: &[Event], function: &str) -> usize {
    calls.iter().filter(|call| call.name == function).count()
}

fn chain_to_rust(context: &Context) -> Result<()> {
    chain(context, Towards::Rust)
}

fn chain_to_c(context: &Context) -> Result<()> {
    chain(context, Towards::C)
}

/// Pages that the one engine writes back, and the other: after sorting, ioends of
/// both take turns in a chain that begins with the one's, and in one that begins with
/// the other's.
const BY_FIRST: [usize; 3] = [2, 0, 6];
const BY_OTHER: [usize; 2] = [1, 5];

fn chain(context: &Context, towards: Towards) -> Result<()> {
    let fs = Cached::new(
        context,
        "inode size=65536\nextent offset=0 length=65536 addr=65536\nbuffered own",
    )?;
    let engine = first(towards)?;
    let kept = Kept(&fs);
    let calls = thread::scope(|scope| {
        // Gone before the scope is: else unloading would wait for ever.
        let kept = kept;
        collect(&fs, &BY_FIRST)?;
        let after = switch(engine)?;
        after.settle()?;
        collect(&fs, &BY_OTHER)?;
        let unloading = after.start_unloading(scope)?;
        fs.clear_log()?;
        let calls = ended_by(towards, || fs.run("finish sort merge"))?;
        drop(kept);
        unloading.finish()?;
        Ok::<_, anyhow::Error>(calls)
    })?;
    fs.expect(&[
        "finish offset=0 size=12288 sector=128 error=0 merged=2",
        "finish offset=20480 size=8192 merged=1",
    ])?;
    let of_rust = match towards {
        Towards::Rust => BY_OTHER.len(),
        Towards::C => BY_FIRST.len(),
    };
    let freed = count(&calls, FREED);
    ensure!(
        freed == of_rust,
        "{freed} ioends instead of {of_rust} went back to the module's set"
    );
    fs.expect_idle()?;
    fs.cache().sync_all()?;
    for page in BY_FIRST.into_iter().chain(BY_OTHER) {
        let place = BASE + (page * PAGE) as u64;
        fs.expect_stored(place, &[byte(page); PAGE])?;
    }
    Ok(())
}

/// Writes pages one by one, so that each is an ioend of its own that is kept.
fn collect(fs: &Cached, pages: &[usize]) -> Result<()> {
    for &page in pages {
        fs.put_all((page * PAGE) as u64, PAGE, byte(page))?;
        fs.run("write_back sync")?;
    }
    Ok(())
}

/// What a page is filled with.
fn byte(page: usize) -> u8 {
    0xC0 + page as u8
}

/// Ioends that wait for `finish` get it when this is dropped.
struct Kept<'a>(&'a Cached);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.run("finish") {
            eprintln!("cannot finish ioends: {error:#}");
        }
    }
}

fn ioends_to_rust(context: &Context) -> Result<()> {
    ioends(context, Towards::Rust)
}

fn ioends_to_c(context: &Context) -> Result<()> {
    ioends(context, Towards::C)
}

const SIZE: usize = 1024 * KIB;
/// Written back by each engine.
const PIECE: usize = 64 * KIB;

fn ioends(context: &Context, towards: Towards) -> Result<()> {
    let disk = brake::Disk::copy_of(context, "slow")?;
    let mount = disk.mount("xfs")?;
    let mut mirror = Mirror::create(mount.path().join("file"), 1)?;
    let file = mirror.buffered()?;
    // Unwritten blocks, so that XFS takes completions for itself; all of them at once,
    // so that nothing is allocated while the disk is stopped.
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, SIZE as u64)
        .context("fallocate")?;
    mirror.set_length(SIZE);
    file.sync_all().context("fsync")?;
    let engine = first(towards)?;
    let calls = thread::scope(|scope| {
        let stopped = disk.stop()?;
        start_writeback(&mut mirror, &file, PIECE)?;
        await_writes(1)?;
        let after = switch(engine)?;
        after.settle()?;
        // In front of what the other engine writes back.
        start_writeback(&mut mirror, &file, 0)?;
        await_writes(2)?;
        let unloading = after.start_unloading(scope)?;
        let calls = ended_by(towards, || {
            drop(stopped);
            file.sync_all().context("fsync")
        })?;
        unloading.finish()?;
        Ok::<_, anyhow::Error>(calls)
    })?;
    let chains = count(&calls, "iomap_finish_ioends");
    context.note(format!("both engines' ioends in {chains} chains"));
    mirror.verify()?;
    drop((file, mount));
    disk.remove()
}

/// Writes a piece of the file and has it written back, without waiting for that.
fn start_writeback(mirror: &mut Mirror, file: &File, offset: usize) -> Result<()> {
    mirror.write(file, offset as u64, PIECE)?;
    sync_range::start(file, offset, PIECE).context("sync_file_range")
}
