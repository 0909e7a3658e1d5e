// SPDX-License-Identifier: GPL-2.0

//! The kernel's search for memory that nothing points to any more
//! (Documentation/dev-tools/kmemleak.rst), on kernels that have it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

const CONTROL: &str = "/sys/kernel/debug/kmemleak";

/// Younger objects are not reported: a pointer to them may be in a register.
const MIN_AGE: Duration = Duration::from_secs(6);

/// Leaves out what was lost while the kernel booted.
pub fn begin() -> Result<()> {
    command("scan")?;
    command("clear")
}

/// Has the kernel log say what was lost since; the host reads that.
pub fn end() -> Result<()> {
    if !Path::new(CONTROL).exists() {
        return Ok(());
    }
    thread::sleep(MIN_AGE);
    // What is found once may have moved meanwhile; what is found twice is lost.
    command("scan")?;
    command("scan")?;
    let report = fs::read_to_string(CONTROL).context("cannot read what kmemleak found")?;
    eprint!("{report}");
    Ok(())
}

fn command(text: &str) -> Result<()> {
    if !Path::new(CONTROL).exists() {
        return Ok(());
    }
    fs::write(CONTROL, text).with_context(|| format!("cannot have kmemleak {text}"))
}
