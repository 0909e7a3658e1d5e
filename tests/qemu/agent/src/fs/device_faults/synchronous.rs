// SPDX-License-Identifier: GPL-2.0

//! A filesystem that writes all changes at once, on a disk that cannot be written.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::statvfs;
use rustix::mount::MountFlags;

use super::disk::{Fault, FaultyDisk};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::fs::MIB;
use crate::suites;
use crate::sys::mount;

pub const CASES: &[Case] =
    &[
        Case::new("flaky_sync_allocation", suites::EXT2_RS_FAULTS, allocation)
            .doc("What is allocated by a bitmap that cannot be written is free again."),
    ];

const BLOCK: u64 = 4096;

/// Tries, all of which fail.
const TRIES: usize = 3;

fn allocation(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let root = context.mount_point();
        let file = File::create_new(context.path("file")?)?;
        let new = context.path("new")?;
        mount::remount(root, MountFlags::SYNCHRONOUS, "").context("remount,sync")?;
        File::open(root)?.sync_all()?;
        let free = || -> Result<_> {
            let space = statvfs(root)?;
            Ok((space.f_bfree, space.f_ffree))
        };
        let before = free()?;
        // All but the ends, which have neither.
        disk.break_at(Fault::FlakyWrites, BLOCK..disk.bytes() - BLOCK)?;
        for _ in 0..TRIES {
            let written = file.write_at(&vec![b'f'; MIB], 0);
            fails_with(written, libc::EIO, "a write without a bitmap")?;
            fails_with(File::create_new(&new), libc::EIO, "a file without a bitmap")?;
        }
        disk.heal()?;
        let after = free()?;
        ensure!(
            after == before,
            "free blocks and inodes: {after:?} instead of {before:?}"
        );
        file.write_all_at(b"text", 0)
            .context("a disk that is well again")?;
        fs::write(&new, "text").context("a disk that is well again")
    })
}
