// SPDX-License-Identifier: GPL-2.0

//! What is on the disk itself when something has been synced, whatever is in page caches.

use std::fs::File;
use std::io::IoSlice;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use anyhow::{bail, ensure, Context as _, Result};

use super::disk::FaultyDisk;
use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::data::mirror::{open, open_read};
use crate::dirty_limit::DirtyLimit;
use crate::disk::Disk;
use crate::fs::MIB;
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
         does not wait.",
    ),
    Case::new("sync_of_overwrite", suites::EXT2_RS_FAULTS, of_overwrite).doc(
        "A direct write with RWF_DSYNC has the inode on the disk, if what it writes over was \
         not durable before.",
    ),
];

const PATIENCE: Duration = Duration::from_secs(30);
const EVENT: &str = "writeback/writeback_write_inode";

/// Bytes that are dirty when the flusher begins, fewer than it leaves behind.
const SIZE: usize = 4 * MIB;

fn behind_flusher(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let file = File::create_new(context.path("file")?)?;
        // So that nothing but the data and the inode is left to write.
        file.sync_all()?;
        let ino = file.metadata()?.ino();
        let limit = DirtyLimit::bytes(&Disk::by_name("dm-0"), (SIZE / 4) as u64)?;
        flushed(ino, || Ok(file.write_all_at(&vec![b'f'; SIZE], 0)?))?;
        drop(limit);
        file.sync_all()?;
        expect_size(context, disk, ino, SIZE as u64)
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
        let data = AlignedBuf::filled(PAGE_SIZE, b'f')?;
        file.write_all_at(&data, 0)?;
        raw_io::write_vectored(&file, &[IoSlice::new(&data)], 0, libc::RWF_DSYNC)
            .context("RWF_DSYNC")?;
        expect_size(context, disk, ino, PAGE_SIZE as u64)
    })
}

/// The inode on the disk has that size.
fn expect_size(context: &Context, disk: &FaultyDisk, ino: u64, size: u64) -> Result<()> {
    let below = open_read(&disk.below(), libc::O_DIRECT)?;
    let number = |place: u64, bytes: usize| -> Result<u64> {
        let mut block = AlignedBuf::new(PAGE_SIZE)?;
        let page = PAGE_SIZE as u64;
        below
            .read_exact_at(&mut block, place / page * page)
            .context("cannot read the disk")?;
        let start = usize::try_from(place % page)?;
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(&block[start..start + bytes]);
        Ok(u64::from_le_bytes(number))
    };
    let block = context.block_size()?;
    if block == 1024 {
        bail!("descriptors lie elsewhere with blocks of 1 KiB");
    }
    let per_group = number(1024 + 40, 4)?;
    let length = number(1024 + 88, 2)?;
    let (group, index) = ((ino - 1) / per_group, (ino - 1) % per_group);
    let table = number(block + 32 * group + 8, 4)?;
    let found = number(table * block + index * length + 4, 4)?;
    ensure!(found == size, "the inode on the disk has {found} bytes");
    Ok(())
}
