// SPDX-License-Identifier: GPL-2.0

//! stress-ng's stressors of filesystems, all of those that ext2 has something for.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
use crate::suites;

pub const CASES: &[Case] = &[Case::new("stress_ng", suites::PROGRAMS, run)
    .doc("stress-ng's stressors of filesystems find no fault and leave none behind.")
    .timeout(Duration::from_secs(120))];

const PROGRAM: &str = "/bin/stress-ng";

/// Each by itself, two processes, for a short time.
const STRESSORS: &[&str] = &[
    "access",
    "chdir",
    "chmod",
    "chown",
    "copy-file",
    "dentry",
    "dir",
    "dirdeep",
    "dirmany",
    "fiemap",
    "file-ioctl",
    "filename",
    "flock",
    "fstat",
    "getdent",
    "hdd",
    "inode-flags",
    "iomix",
    "link",
    "lockf",
    "mknod",
    "mmapaddr",
    "msync",
    "open",
    "readahead",
    "rename",
    "seek",
    "symlink",
    "sync-file",
    "unlink",
    "utime",
    "verity",
    "xattr",
];

fn run(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let mut ran = 0;
    for stressor in STRESSORS {
        let output = Command::new(PROGRAM)
            .args([&format!("--{stressor}"), "2", "--timeout", "1"])
            .args(["--verify", "--metrics-brief", "--temp-path"])
            .arg(&dir)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {PROGRAM}"))?;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        match output.status.code() {
            Some(0) => ran += 1,
            // Not implemented here: for the processor, by this kernel, in this version.
            Some(3 | 4) => {}
            Some(1) if said.contains("unrecognized option") => {}
            _ => {
                for line in said.lines() {
                    context.note(line);
                }
                bail!("{stressor}: {}", output.status);
            }
        }
        context.note(format!("{stressor}: {}", output.status));
    }
    context.metric("stressors", f64::from(ran));
    ensure!(ran > 25, "only {ran} stressors have run");
    Ok(())
}
