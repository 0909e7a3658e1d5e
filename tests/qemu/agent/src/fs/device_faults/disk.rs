// SPDX-License-Identifier: GPL-2.0

//! The main disk behind a device mapper that can make parts of it fail.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::disk::Disk;
use crate::failing_requests::{self, Failing};
use crate::fs::SECTOR;
use crate::fsck;
use crate::init::mount_main;
use crate::restore::Restore;
use crate::sys::device_mapper::{self, Target};
use crate::sys::mount;

const NAME: &str = "faulty";

/// Seconds in which dm-flakey works and does not, by turns.
const ALWAYS_DOWN: &str = "0 1";

/// How a place of the disk is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is nothing: reads and writes fail (dm-error).
    Error,
    /// Reads fail (dm-flakey).
    FlakyReads,
    /// Writes fail (dm-flakey).
    FlakyWrites,
    /// Reads fail until the place is written (dm-dust).
    Dust,
}

/// What becomes of the whole disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Reads and writes fail (dm-flakey).
    Everything,
    /// Writes are said to be done, and are not (dm-flakey).
    Writes,
    /// A quarter of all requests fails, flushes among them (fail_make_request).
    Requests,
}

/// Mounted where the main disk is otherwise.
pub struct FaultyDisk {
    /// The real one.
    disk: Disk,
    /// Its name for the device mapper.
    lower: String,
    sectors: u64,
}

impl FaultyDisk {
    /// Has `work` done on the main disk's filesystem, mounted by way of the device
    /// mapper. No file may be open before or after.
    pub fn with<T>(context: &Context, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let disk = context.disk("main")?;
        let faulty = Self {
            lower: disk.path().display().to_string(),
            sectors: disk.number("size")?,
            disk,
        };
        // The directory is there in both mounts.
        context.dir()?;
        mount::unmount(context.mount_point())?;
        let restore = Restore::new(|| mount_main(context.spec()));
        let result = faulty.mounted(context, work);
        restore.now()?;
        result
    }

    fn mounted<T>(&self, context: &Context, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let sound = [self.linear(0, self.sectors)];
        device_mapper::with_disk(NAME, &sound, |_| {
            Self::mount(context)?;
            let restore = Restore::new(|| {
                // Else what is dirty yet could not be written.
                self.heal()?;
                mount::unmount(context.mount_point())
            });
            let result = work(self);
            restore.now()?;
            result
        })
    }

    pub fn bytes(&self) -> u64 {
        self.sectors * SECTOR as u64
    }

    /// The real disk, which has a page cache of its own.
    pub fn below(&self) -> PathBuf {
        self.disk.path()
    }

    /// These bytes of the disk are bad from now on.
    pub fn break_at(&self, fault: Fault, bytes: Range<u64>) -> Result<()> {
        let sector = SECTOR as u64;
        let (start, end) = (bytes.start / sector, bytes.end / sector);
        let at = format!("{} {start}", self.lower);
        let (kind, parameters) = match fault {
            Fault::Error => ("error", String::new()),
            Fault::FlakyReads => ("flakey", format!("{at} {ALWAYS_DOWN} 1 error_reads")),
            Fault::FlakyWrites => ("flakey", format!("{at} {ALWAYS_DOWN} 1 error_writes")),
            // One block.
            Fault::Dust => ("dust", format!("{at} {}", bytes.end - bytes.start)),
        };
        let bad = Target {
            start,
            length: end - start,
            kind,
            parameters,
        };
        let table = [self.linear(0, start), bad, self.linear(end, self.sectors)];
        device_mapper::load(NAME, &table).context("breaking the disk")?;
        if fault == Fault::Dust {
            // It counts blocks from the start of the disk below.
            let block = bytes.start / (bytes.end - bytes.start);
            for text in [&*format!("addbadblock {block}"), "enable"] {
                device_mapper::tell(NAME, start, text)?;
            }
        }
        Ok(())
    }

    /// The disk is lost from now on.
    pub fn lose(&self, loss: Loss) -> Result<()> {
        let features = match loss {
            Loss::Everything => "",
            Loss::Writes => " 1 drop_writes",
            Loss::Requests => return self.fail_requests(true),
        };
        let target = Target {
            start: 0,
            length: self.sectors,
            kind: "flakey",
            parameters: format!("{} 0 {ALWAYS_DOWN}{features}", self.lower),
        };
        device_mapper::load(NAME, &[target]).context("losing the disk")
    }

    /// A quarter of the requests to the disk fails from now on, or none does.
    pub fn fail_requests(&self, fail: bool) -> Result<()> {
        match fail {
            true => failing_requests::begin(&self.disk, Failing::Quarter),
            false => failing_requests::end(&self.disk),
        }
    }

    /// Lets go of a filesystem whose disk was lost, and mounts what there is of it, mended
    /// if the filesystem does not recover by itself.
    pub fn find_again(&self, context: &Context) -> Result<()> {
        mount::unmount(context.mount_point()).context("without the disk")?;
        self.heal()?;
        fsck::mend_without_journal(context.fs(), Path::new(device_mapper::DISK))?;
        Self::mount(context)
    }

    /// Mounts the filesystem anew. No file may be open.
    pub fn mount_again(&self, context: &Context) -> Result<()> {
        mount::unmount(context.mount_point())?;
        Self::mount(context)
    }

    fn mount(context: &Context) -> Result<()> {
        let device = Path::new(device_mapper::DISK);
        mount::mount(device, context.mount_point(), context.fs(), "")
    }

    pub fn heal(&self) -> Result<()> {
        self.fail_requests(false)?;
        device_mapper::load(NAME, &[self.linear(0, self.sectors)]).context("healing the disk")
    }

    fn linear(&self, start: u64, end: u64) -> Target {
        Target {
            start,
            length: end - start,
            kind: "linear",
            parameters: format!("{} {start}", self.lower),
        }
    }
}
