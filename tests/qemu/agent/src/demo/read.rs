// SPDX-License-Identifier: GPL-2.0

//! Reads back all that the host put on the disk.

use std::path::Path;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::decode_path;

use super::{Amount, Demo};
use crate::data::digest;
use crate::data::mirror::open_read;
use crate::init::MOUNT_POINT;
use crate::sys::buffer::AlignedBuf;

/// Every file of the manifest by direct I/O, against its SHA-256.
pub fn tree(demo: &mut Demo<'_>) -> Result<Amount> {
    let mut buffer = AlignedBuf::new(1 << 20)?;
    let mut amount = Amount::default();
    for entry in &demo.manifest.manifest {
        let path = decode_path(&entry.path).context("bad path in the manifest")?;
        let file = open_read(&Path::new(MOUNT_POINT).join(path), libc::O_DIRECT)?;
        let (found, bytes) =
            digest::of_file(&file, &mut buffer).with_context(|| entry.path.clone())?;
        ensure!(
            bytes == entry.size && found == entry.sha256,
            "{}: {bytes} bytes with SHA-256 {found} instead of {} with {}",
            entry.path,
            entry.size,
            entry.sha256
        );
        amount.files += 1;
        amount.bytes += bytes;
    }
    Ok(amount)
}
