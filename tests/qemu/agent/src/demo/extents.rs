// SPDX-License-Identifier: GPL-2.0

//! Lists the extents of all files, for the host to compare with what the
//! filesystem's own tools say of the image.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::decode_path;

use super::{Amount, Demo};
use crate::data::mirror::open_read;
use crate::init::MOUNT_POINT;
use crate::sys::fiemap;

pub fn list(demo: &mut Demo<'_>) -> Result<Amount> {
    let mut amount = Amount::default();
    for path in paths(demo)? {
        let file = open_read(&Path::new(MOUNT_POINT).join(&path), 0)?;
        let extents = fiemap::extents(&file).with_context(|| format!("FIEMAP {path:?}"))?;
        for extent in &extents {
            demo.output.extent(&path, extent);
            amount.bytes += extent.length;
        }
        amount.files += 1;
    }
    Ok(amount)
}

/// The host's files and the demo's own, relative to the root of the filesystem.
fn paths(demo: &Demo<'_>) -> Result<Vec<PathBuf>> {
    let mut paths = demo
        .manifest
        .manifest
        .iter()
        .map(|entry| decode_path(&entry.path).context("bad path in the manifest"))
        .collect::<Result<Vec<_>>>()?;
    for mirror in &demo.written {
        let path = mirror.path().strip_prefix(MOUNT_POINT);
        paths.push(path.context("a file outside of the disk")?.to_owned());
    }
    Ok(paths)
}
