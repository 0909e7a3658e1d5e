// SPDX-License-Identifier: GPL-2.0

//! Requests to a disk that fail, as the block layer is told by fail_make_request.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::disk::Disk;

/// Where the kernel is told how many requests fail, of disks that may.
const SETTINGS: &str = "/sys/kernel/debug/fail_make_request";

/// Whether a disk's requests may fail.
const MAY_FAIL: &str = "make-it-fail";

/// Without a stack for each request.
const ALWAYS: &[(&str, &str)] = &[("verbose", "0"), ("interval", "1")];

/// Which requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// A quarter, at random: whatever repeats itself would have the same calls fail each
    /// time. Without a limit.
    Quarter,
    /// The next two.
    NextTwo,
}

/// Has requests to `disk` fail from now on.
pub fn begin(disk: &Disk, failing: Failing) -> Result<()> {
    let (probability, times) = match failing {
        Failing::Quarter => ("25", "-1"),
        Failing::NextTwo => ("100", "2"),
    };
    let which = [("times", times), ("probability", probability)];
    for (name, value) in ALWAYS.iter().chain(&which) {
        let path = Path::new(SETTINGS).join(name);
        fs::write(&path, value)
            .with_context(|| format!("cannot write {value} to {}", path.display()))?;
    }
    disk.set_attribute(MAY_FAIL, "1")
}

/// No request to `disk` fails any more.
pub fn end(disk: &Disk) -> Result<()> {
    disk.set_attribute(MAY_FAIL, "0")
}
