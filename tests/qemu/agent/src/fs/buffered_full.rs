// SPDX-License-Identifier: GPL-2.0

//! A full disk where space is promised before it is given, and where files share blocks.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{fallocate, ioctl_ficlone, statvfs, syncfs, FallocateFlags};

use super::MIB;
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::buffer::PAGE_SIZE;
use crate::sys::mapping::FileMapping;
use crate::sys::raw_io;

pub const CASES: &[Case] = &[
    Case::new("buffered_enospc", suites::XFS, enospc)
        .doc(
            "On a full disk writes end in ENOSPC and stores fault, the file holds what was \
             counted, and its space comes back.",
        )
        .holds(&["BW-2", "MK-3"]),
    Case::new("shared_enospc", suites::XFS, shared_enospc)
        .doc(
            "Shared blocks on a full disk: what would give a file blocks of its own ends in \
             ENOSPC, and leaves both files as they were.",
        )
        .holds(&["BW-2", "US-1", "MK-3"]),
];

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
    let hole = hole.buffered()?;
    hole.set_len(MIB as u64)?;
    stores_fault(&full, &hole)?;
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

fn shared_enospc(context: &Context) -> Result<()> {
    let original = Mirror::filled(context.path("original")?, 1, 2 * MIB)?;
    let mut clone = Mirror::create(context.path("clone")?, 1)?;
    ioctl_ficlone(clone.buffered()?, original.buffered()?).context("FICLONE")?;
    clone.note(0, original.bytes())?;
    let mut ballast = Mirror::create(context.path("ballast")?, 2)?;
    let filler = ballast.buffered()?;
    ballast.fill_disk(&filler)?;
    // What was promised for more than it took.
    syncfs(&filler)?;
    ballast.fill_disk(&filler)?;
    syncfs(&filler)?;

    let (file, direct) = (clone.buffered()?, clone.direct()?);
    overwrite_what_fits(&mut clone, &file, 0)?;
    overwrite_what_fits(&mut clone, &direct, MIB)?;
    let unshared = fallocate(&file, FallocateFlags::UNSHARE_RANGE, 0, 2 * MIB as u64);
    fails_with(unshared.map_err(Into::into), libc::ENOSPC, "unsharing")?;
    let stored = stores_fault(&original.buffered()?, &file)?;
    clone.note(0, original.range(0, stored))?;
    clone.verify_buffered().context("the clone")?;
    clone.verify().context("the clone")?;
    original.verify().context("the original")?;

    filler.set_len(0)?;
    syncfs(&file)?;
    fallocate(&file, FallocateFlags::UNSHARE_RANGE, 0, 2 * MIB as u64).context("unsharing")?;
    clone.write(&file, 100, MIB)?;
    clone.verify().context("the clone")?;
    original.verify().context("the original")
}

/// Overwrites the MiB at `start` page by page. There may be space for some of it.
fn overwrite_what_fits(clone: &mut Mirror, file: &File, start: usize) -> Result<()> {
    for offset in (start..start + MIB).step_by(PAGE_SIZE) {
        let old = clone.range(offset, PAGE_SIZE).to_vec();
        let new = clone.stamp(offset as u64, PAGE_SIZE)?;
        match file.write_at(&new, offset as u64) {
            Ok(PAGE_SIZE) => {}
            other => {
                fails_with(other, libc::ENOSPC, "overwriting shared blocks")?;
                return clone.note(offset as u64, &old);
            }
        }
    }
    bail!("a MiB of shared blocks was overwritten on a full disk")
}

/// The kernel's own stores into the first MiB, which wants blocks, run into the end of the
/// space. Returns how many bytes they took there.
fn stores_fault(source: &File, file: &File) -> Result<usize> {
    let mapping = FileMapping::new(file, MIB)?;
    match raw_io::read_to(source, mapping.pointer(0, MIB)?, MIB, 0) {
        Ok(count) => {
            ensure!(count < MIB, "{count} bytes were stored on a full disk");
            Ok(count)
        }
        error => {
            fails_with(error, libc::EFAULT, "a store on a full disk")?;
            Ok(0)
        }
    }
}

fn free_bytes(context: &Context) -> Result<u64> {
    let stat = statvfs(context.mount_point()).context("statvfs")?;
    Ok(stat.f_bavail * stat.f_frsize)
}
