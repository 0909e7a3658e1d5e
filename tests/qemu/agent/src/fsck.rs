// SPDX-License-Identifier: GPL-2.0

//! Programs that check filesystems, run in the guest.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context as _, Result};

use crate::fs::is_ext2;

/// An error if there is anything to be mended on a device with a filesystem of that type.
pub fn check(kind: &str, device: &Path) -> Result<()> {
    match kind {
        "xfs" => run("/bin/xfs_repair", "-n", device, &[0]),
        _ => run("/bin/e2fsck", "-fn", device, &[0]),
    }
}

/// Has an ext filesystem mended if an error is noted in it, or that nobody unmounted it.
pub fn mend(device: &Path) -> Result<()> {
    // 1: something was mended.
    run("/bin/e2fsck", "-y", device, &[0, 1])
}

/// Has a filesystem whose disk was lost mended before it is mounted, if it does not recover
/// by itself: whether that was so.
pub fn mend_without_journal(kind: &str, device: &Path) -> Result<bool> {
    if !is_ext2(kind) {
        return Ok(false);
    }
    mend(device)?;
    Ok(true)
}

fn run(program: &str, option: &str, device: &Path, good: &[i32]) -> Result<()> {
    let output = Command::new(program)
        .arg(option)
        .arg(device)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output
            .status
            .code()
            .is_some_and(|code| good.contains(&code)),
        "{program}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
