// SPDX-License-Identifier: GPL-2.0

//! What a workload leaves: of each file the size, the blocks, the extents, and a
//! digest of the contents, read from the disk.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::data::digest;
use crate::data::mirror::drop_cache;
use crate::sys::buffer::AlignedBuf;
use crate::sys::fiemap;

const CHUNK: usize = 1 << 20;

/// Lines about the files of those names in `dir`.
pub fn describe(dir: &Path, names: &[String]) -> Result<Vec<String>> {
    let mut buffer = AlignedBuf::new(CHUNK).context("no memory")?;
    let mut lines = Vec::new();
    for name in names {
        let path = dir.join(name);
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        drop_cache(&file)?;
        let (sha256, size) = digest::of_file(&file, &mut buffer)?;
        let blocks = fs::metadata(&path).context("cannot stat")?.blocks();
        lines.push(format!(
            "{name}: {size} bytes in {blocks} sectors, {sha256}"
        ));
        let extents = fiemap::extents(&file).context("FIEMAP")?;
        lines.extend(
            extents
                .iter()
                .map(|extent| format!("{name}: {}", extent_line(extent))),
        );
    }
    Ok(lines)
}

/// An extent, in bytes.
pub fn extent_line(extent: &fiemap::Extent) -> String {
    format!(
        "{} + {} at {}, flags {:#x}",
        extent.logical, extent.length, extent.physical, extent.flags
    )
}
