// SPDX-License-Identifier: GPL-2.0

//! The main disk behind a device mapper that can make parts of it fail.

use std::ops::Range;

use anyhow::{Context as _, Result};

use crate::context::Context;
use crate::fs::SECTOR;
use crate::init::mount_main;
use crate::sys::device_mapper::{self, Target};
use crate::sys::mount;

const NAME: &str = "faulty";

/// Mounted where the main disk is otherwise.
pub struct FaultyDisk {
    /// The name of the real one.
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
        };
        // The directory is there in both mounts.
        context.dir()?;
        mount::unmount(context.mount_point())?;
        let result = faulty.mounted(context, work);
        mount_main(context.spec())?;
        result
    }

    fn mounted<T>(&self, context: &Context, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let sound = [self.linear(0, self.sectors)];
        device_mapper::with_disk(NAME, &sound, |device| {
            mount::mount(device, context.mount_point(), context.fs(), "")?;
            let result = work(self);
            // Else what is dirty yet could not be written.
            self.heal()?;
            mount::unmount(context.mount_point())?;
            result
        })
    }

    /// Reads and writes of these bytes of the disk fail from now on.
    pub fn break_at(&self, bytes: Range<u64>) -> Result<()> {
        let sector = SECTOR as u64;
        let (start, end) = (bytes.start / sector, bytes.end / sector);
        let error = Target {
            start,
            length: end - start,
            kind: "error",
            parameters: String::new(),
        };
        let table = [self.linear(0, start), error, self.linear(end, self.sectors)];
        device_mapper::load(NAME, &table).context("breaking the disk")
    }

    pub fn heal(&self) -> Result<()> {
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
