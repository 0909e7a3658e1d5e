// SPDX-License-Identifier: GPL-2.0

//! The real fsck over an image that a guest has let go of. Nothing is repaired but
//! after a crash.

use std::path::Path;
use std::process::Stdio;

use anyhow::{bail, Context, Result};

use super::Filesystem;
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// An error if fsck finds anything wrong.
pub fn check(tools: &Toolchain, filesystem: Filesystem, image: &Path) -> Result<()> {
    let (program, arguments): (_, &[&str]) = match filesystem {
        Filesystem::Ext { .. } => ("e2fsck", &["-fn"]),
        Filesystem::Btrfs => ("btrfs", &["check", "--readonly", "--check-data-csum"]),
        Filesystem::F2fs => ("fsck.f2fs", &["-f", "--dry-run"]),
        Filesystem::Xfs { .. } => ("xfs_repair", &["-n"]),
        Filesystem::Gfs2 { .. } => ("fsck.gfs2", &["-f", "-n"]),
        Filesystem::Erofs(_) => ("fsck.erofs", &["--extract"]),
    };
    let mut fsck = tools.command(program);
    fsck.args(arguments).arg(image);
    let said = output_of(&mut fsck)
        .with_context(|| format!("{program} complains about {}", image.display()))?;
    // fsck.f2fs tells of errors in words alone.
    if let Some(line) = said.lines().find(|line| line.contains("[Fail]")) {
        bail!("{program} complains about {}: {line}", image.display());
    }
    Ok(())
}

/// Repairs ext2 that was in use when its machine went away. An error if not all can be
/// repaired, or if anything is wrong then.
pub fn repair(tools: &Toolchain, filesystem: Filesystem, image: &Path) -> Result<()> {
    let mut fsck = tools.command("e2fsck");
    let output = fsck
        .arg("-fy")
        .arg(image)
        .stdin(Stdio::null())
        .output()
        .context("cannot run e2fsck")?;
    // 1: something was wrong and is not any more.
    if !matches!(output.status.code(), Some(0 | 1)) {
        let said = String::from_utf8_lossy(&output.stdout);
        bail!(
            "e2fsck cannot repair {} ({}): {said}",
            image.display(),
            output.status
        );
    }
    check(tools, filesystem, image)
}
