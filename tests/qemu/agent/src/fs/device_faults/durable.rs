// SPDX-License-Identifier: GPL-2.0

//! What is on the disk itself when something has been synced, whatever is in page caches.

use std::fs::File;
use std::io::IoSlice;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};

use super::disk::{Fault, FaultyDisk};
use crate::case::Case;
use crate::check::{fails_with, wait_until};
use crate::context::Context;
use crate::data::mirror::{open, open_read};
use crate::dirty_limit::DirtyLimit;
use crate::disk::Disk;
use crate::fs::MIB;
use crate::restore::Restore;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::raw_io;
use crate::trace::{Event, Tracer};

pub const CASES: &[Case] = &[
    Case::new(
        "sync_behind_flusher",
        suites::EXT2_RS_FAULTS,
        behind_flusher,
    )
    .doc(
        "fsync() has an inode on the disk that the kernel's flusher has just written, which \
         does not wait, or tells that it could not.",
    )
    .logs(&["IO error"]),
    Case::new("sync_of_overwrite", suites::EXT2_RS_FAULTS, of_overwrite).doc(
        "A direct write with RWF_DSYNC has the inode on the disk, if what it writes over was \
         not durable before.",
    ),
];

const PATIENCE: Duration = Duration::from_secs(30);
/// As the block layer knows the disk that can fail.
const DM: &str = "dm-0";
const CACHE: &str = "queue/write_cache";

const EVENT: &str = "writeback/writeback_write_inode";

/// Bytes of the file; the flusher begins when about a quarter is dirty.
const SIZE: usize = 4 * MIB;

fn behind_flusher(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let file = File::create_new(context.path("file")?)?;
        // So that nothing but the data and the inode is left to write.
        file.sync_all()?;
        let ino = file.metadata()?.ino();
        let place = place_of_inode(context, disk, ino)?;
        let page = place / PAGE_SIZE as u64 * PAGE_SIZE as u64;
        // The flusher may also write the device's page cache, and must not have the last word.
        disk.break_at(Fault::FlakyWrites, page..page + PAGE_SIZE as u64)?;
        let limit = DirtyLimit::bytes(&Disk::by_name(DM), (SIZE / 4) as u64)?;
        flushed(ino, || Ok(file.write_all_at(&vec![b'f'; SIZE], 0)?))?;
        drop(limit);
        fails_with(file.sync_all(), libc::EIO, "fsync without the inode")?;
        disk.heal()?;
        file.sync_all().context("a disk that is well again")?;
        expect_size(disk, place, SIZE as u64)
    })
}

/// Does `work`, and waits until the flusher has written the inode.
fn flushed(ino: u64, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let number = format!("ino={ino}");
    let tracer = Tracer::start(&[EVENT])?;
    work()?;
    let mut events = Ok(Vec::new());
    wait_until(PATIENCE, "the flusher", || {
        events = tracer.so_far();
        let is_done = |event: &Event| event.text.contains(&number);
        events
            .as_ref()
            .map_or(true, |events| events.iter().any(is_done))
    })?;
    let waits = |event: &Event| event.text.contains("sync_mode=1");
    ensure!(!events?.iter().any(waits), "somebody syncs");
    Ok(())
}

fn of_overwrite(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let path = context.path("file")?;
        let ino = File::create_new(&path)?.metadata()?.ino();
        let file = open(&path, libc::O_DIRECT)?;
        file.sync_all()?;
        let place = place_of_inode(context, disk, ino)?;
        // Else the device's cache is flushed after the write, and all else as well.
        let upper = Disk::by_name(DM);
        let usual = upper.attribute(CACHE)?;
        upper.set_attribute(CACHE, "write through")?;
        let restore = Restore::new(|| upper.set_attribute(CACHE, &usual));
        let data = AlignedBuf::filled(PAGE_SIZE, b'f')?;
        file.write_all_at(&data, 0)?;
        raw_io::write_vectored(&file, &[IoSlice::new(&data)], 0, libc::RWF_DSYNC)
            .context("RWF_DSYNC")?;
        restore.now()?;
        expect_size(disk, place, PAGE_SIZE as u64)
    })
}

/// A number of the disk, of up to eight bytes.
fn number(disk: &FaultyDisk, place: u64, bytes: usize) -> Result<u64> {
    let page = PAGE_SIZE as u64;
    let mut block = AlignedBuf::new(PAGE_SIZE)?;
    open_read(&disk.below(), libc::O_DIRECT)?
        .read_exact_at(&mut block, place / page * page)
        .context("cannot read the disk")?;
    let start = usize::try_from(place % page)?;
    let mut number = [0; 8];
    number[..bytes].copy_from_slice(&block[start..start + bytes]);
    Ok(u64::from_le_bytes(number))
}

/// Where an inode is, in bytes of the disk.
fn place_of_inode(context: &Context, disk: &FaultyDisk, ino: u64) -> Result<u64> {
    let block = context.block_size()?;
    ensure!(
        block > 1024,
        "descriptors lie elsewhere with blocks of 1 KiB"
    );
    let per_group = number(disk, 1024 + 40, 4)?;
    let length = number(disk, 1024 + 88, 2)?;
    let (group, index) = ((ino - 1) / per_group, (ino - 1) % per_group);
    let table = number(disk, block + 32 * group + 8, 4)?;
    Ok(table * block + index * length)
}

/// The inode there has that size.
fn expect_size(disk: &FaultyDisk, place: u64, size: u64) -> Result<()> {
    let found = number(disk, place + 4, 4)?;
    ensure!(found == size, "the inode on the disk has {found} bytes");
    Ok(())
}
