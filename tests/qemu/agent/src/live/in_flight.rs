// SPDX-License-Identifier: GPL-2.0

//! I/O that one engine begins and the other ends, or that outlives the module's
//! service.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::thread::{self, sleep};

use anyhow::{ensure, Context as _, Result};

use super::brake;
use super::engine::{in_transition, PATIENCE};
use super::towards::{first, joined, switch, Towards, A_WHILE};
use super::{KIB, LONG};
use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::trace;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("reads_to_rust", suites::LIVE, reads_to_rust)
        .doc("The C engine's reads end while the Rust engine serves.")
        .timeout(LONG),
    Case::new("reads_to_c", suites::LIVE, reads_to_c)
        .doc("The Rust engine's reads end while the C engine serves; unloading waits for them.")
        .timeout(LONG),
    Case::new("direct_to_rust", suites::LIVE, direct_to_rust)
        .doc("The Rust engine ends direct writes that the C engine began, on XFS, btrfs, f2fs.")
        .timeout(LONG),
    Case::new("direct_to_c", suites::LIVE, direct_to_c)
        .doc("The C engine ends direct writes that the Rust engine began, on XFS, btrfs, f2fs.")
        .timeout(LONG),
    Case::new("sleeper_to_rust", suites::LIVE, sleeper_to_rust)
        .doc("The switch to Rust waits for a task that sleeps in the C engine.")
        .timeout(LONG),
    Case::new("sleeper_to_c", suites::LIVE, sleeper_to_c)
        .doc("The switch to C waits for a task that sleeps in the Rust engine.")
        .timeout(LONG),
];

const SIZE: usize = 1024 * KIB;
const PIECE: usize = 64 * KIB;

/// Requests that the slow disk has not completed: reads and writes.
fn in_flight() -> Result<(u64, u64)> {
    let text = fs::read_to_string("/sys/block/loop0/inflight").context("no count of requests")?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let mut next = || {
        numbers
            .next()
            .context("too few numbers")?
            .context("no number")
    };
    Ok((next()?, next()?))
}

/// Waits until there are so many writes that the slow disk has not completed.
pub fn await_writes(number: u64) -> Result<()> {
    wait_until(PATIENCE, "writes in flight", || {
        in_flight().is_ok_and(|(_, writes)| writes >= number)
    })
}

fn reads_to_rust(context: &Context) -> Result<()> {
    reads(context, Towards::Rust)
}

fn reads_to_c(context: &Context) -> Result<()> {
    reads(context, Towards::C)
}

fn reads(context: &Context, towards: Towards) -> Result<()> {
    let disk = brake::Disk::copy_of(context, "slow")?;
    let mount = disk.mount("xfs")?;
    let mut written = Mirror::filled(mount.path().join("written"), 1, SIZE)?;
    let read = Mirror::filled(mount.path().join("read"), 2, SIZE)?;
    read.drop_cache()?;
    let direct = written.direct()?;
    let engine = first(towards)?;
    let mut writes = [Transfer::write(0, written.stamp(0, PIECE)?)];
    thread::scope(|scope| {
        let stopped = disk.stop()?;
        let writing = scope.spawn(|| Method::Aio.run_whole(&direct, &mut writes, 1));
        await_writes(1)?;
        let reading = scope.spawn(|| read.verify_buffered());
        wait_until(PATIENCE, "a read in flight", || {
            in_flight().is_ok_and(|(reads, _)| reads > 0)
        })?;
        let after = switch(engine)?;
        after.settle()?;
        let unloading = after.start_unloading(scope)?;
        drop(stopped);
        joined(writing)?;
        joined(reading)?;
        unloading.finish()
    })?;
    written.verify()?;
    drop((direct, mount));
    disk.remove()
}

fn direct_to_rust(context: &Context) -> Result<()> {
    direct(context, Towards::Rust)
}

fn direct_to_c(context: &Context) -> Result<()> {
    direct(context, Towards::C)
}

fn direct(context: &Context, towards: Towards) -> Result<()> {
    for (role, kind) in [("slow", "xfs"), ("btrfs", "btrfs"), ("f2fs", "f2fs")] {
        direct_on(context, towards, role, kind).context(kind)?;
    }
    Ok(())
}

fn direct_on(context: &Context, towards: Towards, role: &str, kind: &str) -> Result<()> {
    let disk = brake::Disk::copy_of(context, role)?;
    let mount = disk.mount(kind)?;
    let mut by_aio = Mirror::filled(mount.path().join("aio"), 1, SIZE)?;
    let mut by_uring = Mirror::filled(mount.path().join("uring"), 2, SIZE)?;
    let (aio_file, uring_file) = (by_aio.direct()?, by_uring.direct()?);
    let inodes = [ino(&aio_file)?, ino(&uring_file)?];
    let engine = first(towards)?;
    let mut aio_writes = writes(&mut by_aio)?;
    let mut uring_writes = writes(&mut by_uring)?;
    let depth = aio_writes.len();
    thread::scope(|scope| {
        let stopped = disk.stop()?;
        let aio = scope.spawn(|| Method::Aio.run_whole(&aio_file, &mut aio_writes, depth));
        let uring = scope.spawn(|| Method::Uring.run_whole(&uring_file, &mut uring_writes, depth));
        await_writes(1)?;
        let after = switch(engine)?;
        after.settle()?;
        let event = match towards {
            Towards::Rust => "iomap_rs/iomap_dio_complete",
            Towards::C => "iomap/iomap_dio_complete",
        };
        let ((), mut ends) = trace::record(&[event], || {
            drop(stopped);
            joined(aio)?;
            joined(uring)
        })?;
        // The disk below is another filesystem's file.
        ends.retain(|end| {
            inodes
                .iter()
                .any(|ino| end.number("ino").ok() == Some(*ino))
        });
        ensure!(
            ends.len() >= 2 * depth,
            "{} times {event} instead of {}",
            ends.len(),
            2 * depth
        );
        after.remove()
    })?;
    by_aio.verify()?;
    by_uring.verify()?;
    drop((aio_file, uring_file, mount));
    disk.remove()
}

/// The inode's number, as trace events have it.
fn ino(file: &File) -> Result<i64> {
    let number = file.metadata().context("cannot stat")?.ino();
    Ok(i64::try_from(number)?)
}

/// New contents of all of a file, in pieces.
fn writes(mirror: &mut Mirror) -> Result<Vec<Transfer>> {
    let offsets = (0..SIZE as u64).step_by(PIECE);
    offsets
        .map(|offset| Ok(Transfer::write(offset, mirror.stamp(offset, PIECE)?)))
        .collect()
}

fn sleeper_to_rust(context: &Context) -> Result<()> {
    sleeper(context, Towards::Rust)
}

fn sleeper_to_c(context: &Context) -> Result<()> {
    sleeper(context, Towards::C)
}

fn sleeper(context: &Context, towards: Towards) -> Result<()> {
    let disk = brake::Disk::copy_of(context, "slow")?;
    let mount = disk.mount("xfs")?;
    let mut mirror = Mirror::filled(mount.path().join("file"), 1, SIZE)?;
    let file = mirror.direct()?;
    let engine = first(towards)?;
    thread::scope(|scope| {
        let stopped = disk.stop()?;
        let writing = scope.spawn(|| mirror.write(&file, 0, PIECE));
        await_writes(1)?;
        let after = switch(engine)?;
        sleep(A_WHILE);
        ensure!(in_transition(), "a task sleeps in the engine that went");
        drop(stopped);
        joined(writing)?;
        after.settle()?;
        after.remove()
    })?;
    mirror.verify()?;
    drop((file, mount));
    disk.remove()
}
