// SPDX-License-Identifier: GPL-2.0

//! I/O that one engine begins, and that fails while the other serves: buffered reads,
//! writeback and direct I/O, each beside one that does not fail.

use std::fs::File;
use std::io;
use std::thread::{self, ScopedJoinHandle};

use anyhow::{ensure, Context as _, Result};

use super::engine::PATIENCE;
use super::towards::{first, joined, switch, Towards};
use super::{KIB, LONG};
use crate::case::Case;
use crate::check::{fails_with, transfers, wait_until};
use crate::context::Context;
use crate::disk::Disk;
use crate::kmsg;
use crate::script::cached::{expect_same, stored, Cached, BASE};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::device_mapper::{self, Target};
use crate::task::in_thread;
use crate::transfer::{Method, Transfer};

/// What the log says of writeback that fails.
const COMPLAINT: &[&str] = &["writeback error on inode"];

pub const CASES: &[Case] = &[
    Case::new("errors_to_rust", suites::LIVE, errors_to_rust)
        .doc("I/O of the C engine's fails when the Rust engine serves: whoever asked hears of it.")
        .logs(COMPLAINT)
        .timeout(LONG),
    Case::new("errors_to_c", suites::LIVE, errors_to_c)
        .doc("I/O of the Rust engine's fails when C serves; unloading waits for it.")
        .logs(COMPLAINT)
        .timeout(LONG),
];

/// For the device mapper.
const NAME: &str = "failing";
const SECTOR: u64 = 512;
const PAGE: usize = 4 * KIB;

/// The file's second half is on a part of the disk that fails.
const HALF: u64 = 480 * 1024;
/// Places of each half, for each kind of I/O one.
const READ: u64 = 0;
const WRITTEN_BACK: u64 = 64 * 1024;
const DIRECT_WRITE: u64 = 128 * 1024;
const DIRECT_READ: u64 = 192 * 1024;

const NEW: u8 = 0xC3;

fn errors_to_rust(context: &Context) -> Result<()> {
    errors(context, Towards::Rust)
}

fn errors_to_c(context: &Context) -> Result<()> {
    errors(context, Towards::C)
}

fn errors(context: &Context, towards: Towards) -> Result<()> {
    let lower = context.disk("scratch")?;
    let end = lower.number::<u64>("size")?;
    let linear = |start, end| Target {
        start,
        length: end - start,
        kind: "linear",
        parameters: format!("{} {start}", lower.path().display()),
    };
    let (from, to) = ((BASE + HALF) / SECTOR, (BASE + 2 * HALF) / SECTOR);
    let bad = Target {
        start: from,
        length: to - from,
        kind: "error",
        parameters: String::new(),
    };
    let sound = [linear(0, end)];
    let broken = [linear(0, from), bad, linear(to, end)];
    device_mapper::with_disk(NAME, &sound, |device| {
        let name = device.file_name().context("a disk without a name")?;
        let disk = Disk::by_name(&name.to_string_lossy());
        let length = 2 * HALF;
        let script =
            format!("inode size={length}\nextent offset=0 length={length} addr={BASE}\nbuffered");
        let fs = Cached::on(disk, context, "", &script)?;
        // Else bios are readahead first, for which nobody waits.
        rustix::fs::fadvise(fs.cache(), 0, None, rustix::fs::Advice::Random).context("fadvise")?;
        device_mapper::prepare(NAME, &broken)?;
        fail(&fs, towards)?;
        device_mapper::load(NAME, &sound)?;
        check_disk(&fs)
    })
}

/// Begins everything, switches, and has half of it fail.
fn fail(fs: &Cached, towards: Towards) -> Result<()> {
    let engine = first(towards)?;
    for half in [0, HALF] {
        fs.put_all(half + WRITTEN_BACK, PAGE, NEW)?;
    }
    let mut direct = Vec::new();
    for half in [0, HALF] {
        let data = AlignedBuf::filled(PAGE, NEW)?;
        direct.push(Transfer::write(half + DIRECT_WRITE, data));
        direct.push(Transfer::read(half + DIRECT_READ, PAGE)?);
    }
    thread::scope(|scope| {
        let waiting = device_mapper::suspended(NAME, || {
            let waiting = Waiting::start(scope, fs, &mut direct)?;
            let after = switch(engine)?;
            after.settle()?;
            Ok((waiting, after.start_unloading(scope)?))
        });
        let (waiting, unloading) = waiting?;
        waiting.judge()?;
        unloading.finish()
    })?;
    let read = direct.get(1).context("no direct read")?;
    expect_same(&read.buffer, &at(DIRECT_READ), "what was read directly")?;
    // An error is told once.
    fs.cache().sync_all().context("a second fsync")?;
    kmsg::finish_line()
}

/// Threads that wait for the disk.
struct Waiting<'scope> {
    direct: ScopedJoinHandle<'scope, Result<Vec<io::Result<usize>>>>,
    fsync: ScopedJoinHandle<'scope, Result<io::Result<()>>>,
    sound: ScopedJoinHandle<'scope, Result<io::Result<Vec<u8>>>>,
    failing: ScopedJoinHandle<'scope, Result<io::Result<Vec<u8>>>>,
}

impl<'scope> Waiting<'scope> {
    fn start<'env: 'scope>(
        scope: &'scope thread::Scope<'scope, 'env>,
        fs: &'env Cached,
        transfers: &'env mut [Transfer],
    ) -> Result<Self> {
        // Readers hold the inode's lock, which direct I/O needs when it begins.
        let number = transfers.len();
        fs.clear_log()?;
        let direct = scope.spawn(move || Method::Aio.run(fs.file(), transfers, number));
        wait_until(PATIENCE, "direct I/O", || {
            let lines = fs.log().unwrap_or_default();
            let queued = lines.iter().filter(|line| line.name() == "return");
            queued.count() == number
        })?;
        let cache: &File = fs.cache();
        let fsync = scope.spawn(move || Ok(cache.sync_all()));
        fs.wait_for("writepages_return")?;
        let reader = |half| {
            let (task, thread) = in_thread(scope, move || Ok(fs.get(half + READ, PAGE)))?;
            wait_until(PATIENCE, "a read that waits", || {
                task.sleeps_in("folio_wait_bit_common", None)
            })?;
            Ok::<_, anyhow::Error>(thread)
        };
        Ok(Self {
            direct,
            fsync,
            sound: reader(0)?,
            failing: reader(HALF)?,
        })
    }

    /// One of each kind has failed, and the caller knows.
    fn judge(self) -> Result<()> {
        let mut results = joined(self.direct)?.into_iter();
        for what in ["a direct write", "a direct read"] {
            transfers(results.next().context("no result")?, PAGE, what)?;
        }
        for what in ["a direct write", "a direct read"] {
            fails_with(results.next().context("no result")?, libc::EIO, what)?;
        }
        fails_with(joined(self.fsync)?, libc::EIO, "fsync")?;
        fails_with(joined(self.failing)?, libc::EIO, "a read")?;
        let found = joined(self.sound)?.context("a read")?;
        expect_same(&found, &at(READ), "what was read")
    }
}

/// What the disk has there at first.
fn at(place: u64) -> Vec<u8> {
    stored(BASE + place, PAGE)
}

/// What has failed did nothing, and can be done again.
fn check_disk(fs: &Cached) -> Result<()> {
    fs.expect_idle()?;
    for place in [WRITTEN_BACK, DIRECT_WRITE] {
        fs.expect_stored(BASE + place, &[NEW; PAGE])?;
        fs.expect_stored(BASE + HALF + place, &at(HALF + place))?;
    }
    fs.expect_contents(HALF + READ, &at(HALF + READ))?;
    let place = HALF + DIRECT_WRITE;
    ensure!(fs.write(place, PAGE, NEW)? == PAGE, "a short write");
    fs.expect_stored(BASE + place, &[NEW; PAGE])
}
