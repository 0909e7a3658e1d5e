// SPDX-License-Identifier: GPL-2.0

//! Shell mode: the guest at a person's hands.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::RunSpec;

use crate::init::MOUNT_POINT;
use crate::output::Output;

/// Where a busybox of the host stands in the initramfs.
const BUSYBOX: &str = "/bin/busybox";

/// Gives the console to a shell and returns when it ends.
pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    output.line(&Line::Plan(0));
    println!(
        "Suite {}, engine {}. The disk is mounted on {MOUNT_POINT}; leave with `exit`.",
        spec.suite, spec.engine
    );
    if !Path::new(BUSYBOX).exists() {
        println!("There is no {BUSYBOX} in this guest: nothing to run.");
        return Ok(());
    }
    // `setsid -c` makes the console the shell's terminal, for job control.
    let status = Command::new(BUSYBOX)
        .args(["setsid", "-c", BUSYBOX, "sh", "-l"])
        .env("HOME", "/")
        .env("PATH", "/bin:/sbin:/usr/bin:/usr/sbin")
        .env("PS1", "guest:\\w# ")
        .current_dir(MOUNT_POINT)
        .status()
        .context("cannot start the shell")?;
    println!("The shell ended: {status}.");
    Ok(())
}
