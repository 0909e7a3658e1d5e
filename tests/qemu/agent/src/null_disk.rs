// SPDX-License-Identifier: GPL-2.0

//! A null_blk device in memory, with the features that a test wants.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::disk::Disk;
use crate::sys::mount;

const CONFIGFS: &str = "/sys/kernel/config";
const NAME: &str = "scriptnull";

/// How a disk is divided into zones.
#[derive(Clone, Copy, Debug)]
pub struct Zones {
    pub size_mib: u32,
    /// Of a zone that is written from its start to its end.
    pub capacity_mib: u32,
    /// How many of the first zones may be written anywhere.
    pub conventional: u32,
}

/// Gone when dropped; must not be in use any more by then.
pub struct NullDisk {
    config: PathBuf,
}

impl NullDisk {
    /// A disk with a volatile write cache, with or without FUA.
    pub fn with_cache(fua: bool) -> Result<Self> {
        Self::new(&[("cache_size", "1"), ("fua", if fua { "1" } else { "0" })])
    }

    /// A disk of `size` MiB with a volatile write cache and FUA.
    pub fn with_cache_of(size: u64) -> Result<Self> {
        Self::new(&[
            ("size", &size.to_string()),
            ("cache_size", "1"),
            ("fua", "1"),
        ])
    }

    /// A disk whose requests can be polled for.
    pub fn with_poll_queue() -> Result<Self> {
        Self::new(&[("poll_queues", "1")])
    }

    /// The same, `size` MiB large.
    pub fn with_poll_queue_of(size: u64) -> Result<Self> {
        Self::new(&[("poll_queues", "1"), ("size", &size.to_string())])
    }

    /// A disk of `size` MiB that takes four seconds for each request, and thousands of
    /// them at a time.
    pub fn slow_of(size: u64) -> Result<Self> {
        Self::new(&[
            ("size", &size.to_string()),
            ("irqmode", "2"),
            ("completion_nsec", "4000000000"),
            ("hw_queue_depth", "8192"),
        ])
    }

    /// A disk that takes a second for each request.
    pub fn late() -> Result<Self> {
        Self::late_by(Duration::from_secs(1))
    }

    /// A disk that takes so long for each request, and 64 of them at a time.
    pub fn late_by(time: Duration) -> Result<Self> {
        let nanoseconds = time.as_nanos().to_string();
        Self::new(&[("irqmode", "2"), ("completion_nsec", &nanoseconds)])
    }

    /// A disk of eight zones with blocks of that many bytes.
    pub fn with_zones(zones: &Zones, block_size: u32) -> Result<Self> {
        Self::new(&[
            ("size", &(8 * zones.size_mib).to_string()),
            ("blocksize", &block_size.to_string()),
            ("zoned", "1"),
            ("zone_size", &zones.size_mib.to_string()),
            ("zone_capacity", &zones.capacity_mib.to_string()),
            ("zone_nr_conv", &zones.conventional.to_string()),
        ])
    }

    /// A disk of 16 MiB, if the attributes do not say otherwise.
    fn new(attributes: &[(&str, &str)]) -> Result<Self> {
        let devices = Path::new(CONFIGFS).join("nullb");
        if !devices.exists() {
            mount::mount(Path::new("configfs"), Path::new(CONFIGFS), "configfs", "")?;
        }
        let config = devices.join(NAME);
        if config.exists() {
            eprintln!("null_blk: removing the disk that an earlier test has left");
            remove(&config)?;
        }
        fs::create_dir(&config)
            .with_context(|| format!("cannot make {}: is null_blk loaded?", config.display()))?;
        let disk = Self { config };
        disk.set("size", "16")?;
        disk.set("memory_backed", "1")?;
        for (attribute, value) in attributes {
            disk.set(attribute, value)?;
        }
        disk.set("power", "1")?;
        Ok(disk)
    }

    /// As sysfs and the events of the block layer know it.
    pub fn disk(&self) -> Disk {
        Disk::by_name(NAME)
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(NAME)
    }

    fn set(&self, attribute: &str, value: &str) -> Result<()> {
        let path = self.config.join(attribute);
        fs::write(&path, value)
            .with_context(|| format!("cannot write {value} to {}", path.display()))
    }
}

impl Drop for NullDisk {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.config) {
            eprintln!("null_blk: {error:#}");
        }
    }
}

/// The kernel switches the disk off before, if it is on.
fn remove(config: &Path) -> Result<()> {
    fs::remove_dir(config).with_context(|| format!("cannot remove {}", config.display()))
}
