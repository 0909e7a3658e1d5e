// SPDX-License-Identifier: GPL-2.0

//! Reads back what the demo wrote, after the filesystem was mounted anew, and
//! tells the host what the files must hold.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Amount, Demo};
use crate::data::digest;
use crate::init::{mount_main, MOUNT_POINT};
use crate::sys::mount;

pub fn written(demo: &mut Demo<'_>) -> Result<Amount> {
    mount::unmount(Path::new(MOUNT_POINT))?;
    mount_main(demo.spec)?;
    let mut amount = Amount::default();
    for mirror in &demo.written {
        mirror.verify()?;
        let path = mirror
            .path()
            .strip_prefix(MOUNT_POINT)
            .context("a file outside of the disk")?;
        demo.output.sha256(path, digest::of_bytes(mirror.bytes()));
        amount.files += 1;
        // By direct I/O and twice through the page cache.
        amount.bytes += 3 * mirror.bytes().len() as u64;
    }
    Ok(amount)
}
