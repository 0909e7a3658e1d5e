// SPDX-License-Identifier: GPL-2.0

//! How much may be dirty in the page caches of a disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::disk::Disk;

/// Less than usual, until this is dropped.
pub struct DirtyLimit {
    bdi: PathBuf,
}

impl DirtyLimit {
    /// Nothing may be dirty for long.
    pub fn nothing(disk: &Disk) -> Result<Self> {
        Self::set(disk, "max_ratio", "0")
    }

    /// About so many bytes may.
    pub fn bytes(disk: &Disk, bytes: u64) -> Result<Self> {
        Self::set(disk, "max_bytes", &bytes.to_string())
    }

    fn set(disk: &Disk, name: &str, value: &str) -> Result<Self> {
        let bdi = Path::new("/sys/block").join(disk.name()).join("bdi");
        let limit = Self { bdi };
        limit.put("strict_limit", "1")?;
        limit.put(name, value)?;
        Ok(limit)
    }

    fn put(&self, name: &str, value: &str) -> Result<()> {
        fs::write(self.bdi.join(name), value).with_context(|| format!("bdi/{name}"))
    }
}

impl Drop for DirtyLimit {
    fn drop(&mut self) {
        for (name, value) in [("max_ratio", "100"), ("strict_limit", "0")] {
            if let Err(error) = self.put(name, value) {
                eprintln!("cannot set it back: {error:#}");
            }
        }
    }
}
