// SPDX-License-Identifier: GPL-2.0

//! A disk that fails where the superblock is, whose buffer is kept for as long as the
//! filesystem is mounted.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::ops::Range;

use anyhow::{ensure, Context as _, Result};
use rustix::fs::syncfs;
use rustix::mount::MountFlags;

use super::disk::{Fault, FaultyDisk};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::suites;
use crate::sys::{freeze, mount};

pub const CASES: &[Case] = &[
    Case::new("flaky_superblock", suites::EXT2_RS_FAULTS, superblock)
        .doc("A superblock that could not be written is written again, as often as it takes.")
        .logs(&["previous I/O error to superblock detected"]),
    Case::new("flaky_thaw", suites::EXT2_RS_FAULTS, thaw)
        .doc("A filesystem does not stay frozen because its superblock cannot be written.")
        .logs(&["previous I/O error to superblock detected"]),
    Case::new("flaky_freeze", suites::EXT2_RS_FAULTS, unlinked_freeze)
        .doc(
            "A filesystem whose superblock cannot be written is not frozen, with an unlinked \
             file open, too.",
        )
        .logs(&["previous I/O error to superblock detected"]),
    Case::new("flaky_remount", suites::EXT2_RS_FAULTS, remount)
        .doc("A filesystem whose superblock cannot be written becomes one that is only read.")
        .logs(&["previous I/O error to superblock detected"]),
];

/// Where the superblock is, in bytes of the disk.
const SUPERBLOCK: Range<u64> = 1024..2048;

/// Tries, all of which fail.
const TRIES: usize = 3;

fn superblock(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        fs::write(context.path("file")?, "text")?;
        let root = File::open(context.mount_point())?;
        let sync = || Ok(syncfs(&root)?);
        sync().context("syncfs")?;
        disk.break_at(Fault::FlakyWrites, SUPERBLOCK)?;
        for _ in 0..TRIES {
            fails_with(sync(), libc::EIO, "syncfs without a superblock")?;
        }
        disk.heal()?;
        sync().context("syncfs of a disk that is well again")
    })
}

fn thaw(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let root = File::open(context.mount_point())?;
        freeze::freeze(&root).context("FIFREEZE")?;
        let broken = disk.break_at(Fault::FlakyWrites, SUPERBLOCK);
        freeze::thaw(&root).context("FITHAW without a superblock")?;
        broken?;
        let sync = || Ok(syncfs(&root)?);
        fails_with(sync(), libc::EIO, "syncfs without a superblock")?;
        disk.heal()?;
        fs::write(context.path("file")?, "text")?;
        sync().context("syncfs of a disk that is well again")
    })
}

fn unlinked_freeze(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let root = File::open(context.mount_point())?;
        let path = context.path("file")?;
        for unlinked in [false, true] {
            let file = File::create_new(&path)?;
            if unlinked {
                fs::remove_file(&path)?;
            }
            disk.break_at(Fault::FlakyWrites, SUPERBLOCK)?;
            let frozen = freeze::freeze(&root);
            disk.heal()?;
            if frozen.is_ok() {
                freeze::thaw(&root).context("FITHAW")?;
            }
            fails_with(frozen, libc::EIO, "FIFREEZE without a superblock")?;
            drop(file);
            if !unlinked {
                fs::remove_file(&path)?;
            }
            // The error is told once more, to whoever syncs next.
            let _ = syncfs(&root);
        }
        Ok(())
    })
}

fn remount(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let path = context.path("file")?;
        fs::write(&path, "text")?;
        disk.break_at(Fault::FlakyWrites, SUPERBLOCK)?;
        mount::remount(context.mount_point(), MountFlags::RDONLY, "")
            .context("without a superblock")?;
        let refused = fs::write(&path, "more");
        ensure!(
            refused.is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem),
            "a file of a filesystem that is only read can be written"
        );
        disk.heal()?;
        mount::remount(context.mount_point(), MountFlags::empty(), "")
            .context("with a superblock")?;
        fs::write(&path, "more")?;
        let root = File::open(context.mount_point())?;
        let sync = || Ok(syncfs(&root)?);
        fails_with(sync(), libc::EIO, "syncfs, which nobody has asked since")?;
        sync().context("syncfs of a disk that is well again")
    })
}
