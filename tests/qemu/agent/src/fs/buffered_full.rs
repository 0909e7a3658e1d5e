// SPDX-License-Identifier: GPL-2.0

//! Buffered writes on a full disk, where space is promised before it is given.

use std::fs::{self, File};

use anyhow::{ensure, Context as _, Result};
use rustix::fs::{fallocate, statvfs, syncfs, FallocateFlags};

use super::MIB;
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[Case::new("buffered_enospc", suites::XFS, enospc)
    .doc(
        "On a full disk writes end in ENOSPC and stores fault, the file holds what was \
         counted, and its space comes back.",
    )
    .holds(&["BW-2", "MK-3"])];

/// What is left for the test.
const ROOM: u64 = 16 << 20;

fn enospc(context: &Context) -> Result<()> {
    let ballast = context.path("ballast")?;
    let file = File::create_new(&ballast)?;
    let free = free_bytes(context)?;
    let taken = free.checked_sub(ROOM).context("the disk is full already")?;
    fallocate(&file, FallocateFlags::empty(), 0, taken).context("fallocate")?;
    syncfs(&file)?;
    // Made while there is room for an inode.
    let hole = Mirror::create(context.path("hole")?, 2)?;
    let free = free_bytes(context)?;

    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    mirror.fill_disk(&mirror.buffered()?)?;
    let full = mirror.buffered()?;
    let fits = mirror.bytes().len() as u64;
    context.note(format!("{fits} bytes fit into {free}"));
    ensure!(fits > free / 2, "{fits} bytes fit into {free}");
    stores_fault(&full, &hole.buffered()?)?;
    mirror.verify_buffered()?;
    mirror.verify()?;

    // All of it comes back, and can be written to.
    full.set_len(0)?;
    mirror.set_length(0);
    full.sync_all()?;
    syncfs(&full)?;
    let now = free_bytes(context)?;
    ensure!(
        now + MIB as u64 >= free,
        "{now} bytes are free instead of {free}"
    );
    mirror.write(&full, 100, 2 * MIB)?;
    mirror.verify()?;
    drop(file);
    fs::remove_file(&ballast).context("cannot remove the ballast")
}

/// The kernel's own stores into a hole run into the end of the space.
fn stores_fault(source: &File, hole: &File) -> Result<()> {
    hole.set_len(MIB as u64)?;
    let mapping = FileMapping::new(hole, MIB)?;
    match raw_io::read_to(source, mapping.pointer(0, MIB)?, MIB, 0) {
        Ok(count) => ensure!(count < MIB, "a hole took {count} bytes on a full disk"),
        error => fails_with(error, libc::EFAULT, "a store into a hole")?,
    }
    Ok(())
}

fn free_bytes(context: &Context) -> Result<u64> {
    let stat = statvfs(context.mount_point()).context("statvfs")?;
    Ok(stat.f_bavail * stat.f_frsize)
}
