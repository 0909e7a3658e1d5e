// SPDX-License-Identifier: GPL-2.0

//! Synchronous writes: when the engine syncs the file afterwards and when
//! writing through is enough.

use std::fs::File;
use std::io::{self, IoSlice};

use anyhow::{ensure, Result};

use super::{KIB, MIB};
use crate::case::Case;
use crate::check::transfers;
use crate::context::Context;
use crate::data::mirror::{open, Mirror};
use crate::disk::Disk;
use crate::suites;
use crate::sys::raw_io;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dio_sync_flushes", suites::EXT_XFS, sync_flushes)
        .doc("With a volatile write cache every synchronous write makes the device flush.")
        .holds(&["DIO-5", "DIO-13", "DIO-34"]),
    Case::new(
        "dio_plain_does_not_flush",
        suites::EXT_XFS,
        plain_does_not_flush,
    )
    .doc("A write without O_DSYNC flushes nothing.")
    .holds(&["DIO-5"]),
    Case::new(
        "dio_dsync_writes_through",
        suites::EXT4,
        dsync_writes_through,
    )
    .doc(
        "Without a volatile write cache an O_DSYNC overwrite needs no fsync; O_SYNC and \
              new blocks do.",
    )
    .holds(&["DIO-5", "DIO-13", "DIO-14", "DIO-34"]),
];

/// How a write asks to be synchronous.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Plain,
    OpenDsync,
    OpenSync,
    CallDsync,
}

impl Ask {
    fn open(self, mirror: &Mirror) -> Result<File> {
        let flags = match self {
            Self::Plain | Self::CallDsync => 0,
            Self::OpenDsync => libc::O_DSYNC,
            Self::OpenSync => libc::O_SYNC,
        };
        open(mirror.path(), libc::O_DIRECT | flags)
    }

    fn write(self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let flags = match self {
            Self::CallDsync => libc::RWF_DSYNC,
            _ => 0,
        };
        raw_io::write_vectored(file, &[IoSlice::new(bytes)], offset, flags)
    }
}

/// Sets the kernel's idea of the write cache, and sets it back at the end.
struct WriteCache {
    disk: Disk,
    before: String,
}

impl WriteCache {
    fn set(disk: Disk, mode: &str) -> Result<Self> {
        let before = disk.attribute("queue/write_cache")?;
        disk.set_attribute("queue/write_cache", mode)?;
        Ok(Self { disk, before })
    }
}

impl Drop for WriteCache {
    fn drop(&mut self) {
        let _ = self.disk.set_attribute("queue/write_cache", &self.before);
    }
}

/// Flushes that one overwrite of settled blocks causes.
fn flushes_of_overwrite(context: &Context, mirror: &mut Mirror, ask: Ask) -> Result<u64> {
    let disk = context.disk("main")?;
    let file = ask.open(mirror)?;
    file.sync_all()?;
    let bytes = mirror.stamp(64 * KIB as u64, 16 * KIB)?;
    let before = disk.flushes()?;
    transfers(
        ask.write(&file, &bytes, 64 * KIB as u64),
        16 * KIB,
        "an overwrite",
    )?;
    Ok(disk.flushes()? - before)
}

fn sync_flushes(context: &Context) -> Result<()> {
    let _cache = WriteCache::set(context.disk("main")?, "write back")?;
    let mut mirror = Mirror::filled(context.path("file")?, 1, MIB)?;
    for ask in [Ask::OpenDsync, Ask::OpenSync, Ask::CallDsync] {
        let count = flushes_of_overwrite(context, &mut mirror, ask)?;
        ensure!(count > 0, "{ask:?}: no flush");
    }
    mirror.verify()
}

fn plain_does_not_flush(context: &Context) -> Result<()> {
    let _cache = WriteCache::set(context.disk("main")?, "write back")?;
    let mut mirror = Mirror::filled(context.path("file")?, 1, MIB)?;
    // The journal's own timer may flush once in a while: not every time.
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(flushes_of_overwrite(context, &mut mirror, Ask::Plain)?);
    }
    ensure!(counts.contains(&0), "{counts:?} flushes");
    mirror.verify()
}

fn dsync_writes_through(context: &Context) -> Result<()> {
    let _cache = WriteCache::set(context.disk("main")?, "write through")?;
    let mut mirror = Mirror::filled(context.path("file")?, 1, MIB)?;
    let new = MIB as u64;
    for (ask, offset, expected) in [
        (Ask::OpenDsync, 0, 0),
        (Ask::CallDsync, 0, 0),
        (Ask::OpenSync, 0, 1),
        (Ask::Plain, 0, 0),
        (Ask::OpenDsync, new, 1),
        (Ask::CallDsync, new + 16 * KIB as u64, 1),
    ] {
        let file = ask.open(&mirror)?;
        file.sync_all()?;
        let bytes = mirror.stamp(offset, 16 * KIB)?;
        let ((), events) = trace::record(&["ext4/ext4_sync_file_enter"], || {
            transfers(ask.write(&file, &bytes, offset), 16 * KIB, "a write")
        })?;
        ensure!(
            events.len() == expected,
            "{ask:?} at {offset}: {} fsyncs instead of {expected}",
            events.len()
        );
    }
    mirror.verify()
}
