// SPDX-License-Identifier: GPL-2.0

//! Shell mode: the guest in a person's hands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::ktap::Line;
use iomap_qemu_protocol::RunSpec;

use crate::disk::Disk;
use crate::init::MOUNT_POINT;
use crate::output::Output;
use crate::sys::mount;

/// Where a busybox of the host stands in the initramfs.
const BUSYBOX: &str = "/bin/busybox";

/// Gives the console to a shell and returns when it ends.
pub fn run(spec: &RunSpec, output: &Output) -> Result<()> {
    output.line(&Line::Plan(0));
    if !Path::new(BUSYBOX).exists() {
        println!("This guest has no {BUSYBOX}, and so no shell: install busybox-static.");
        return Ok(());
    }
    let mounted = mount_others(spec)?;
    install_applets()?;
    greet(spec, &mounted);
    // `setsid -c` makes the console the shell's terminal, for job control.
    let status = Command::new(BUSYBOX)
        .args(["setsid", "-c", BUSYBOX, "sh"])
        .env("HOME", "/")
        .env("PATH", "/bin")
        .env("PS1", "guest:\\w# ")
        .current_dir(MOUNT_POINT)
        .status()
        .context("cannot start the shell")?;
    println!("The shell ended: {status}.");
    for path in mounted {
        mount::unmount(&path)?;
    }
    Ok(())
}

/// Mounts the disks whose role is a type of filesystem, each on `/<type>`.
fn mount_others(spec: &RunSpec) -> Result<Vec<PathBuf>> {
    let known = fs::read_to_string("/proc/filesystems").context("cannot list filesystems")?;
    let is_filesystem = |role: &str| known.lines().any(|line| line.trim() == role);
    let mut mounted = Vec::new();
    for (role, serial) in &spec.disks {
        if is_filesystem(role) {
            let path = Path::new("/").join(role);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
            mount::mount(&Disk::by_serial(serial)?.path(), &path, role, "")?;
            mounted.push(path);
        }
    }
    Ok(mounted)
}

/// Makes `ls` and all the others findable.
fn install_applets() -> Result<()> {
    let status = Command::new(BUSYBOX)
        .args(["--install", "-s", "/bin"])
        .status()
        .context("cannot run busybox")?;
    ensure!(status.success(), "busybox --install: {status}");
    Ok(())
}

fn greet(spec: &RunSpec, mounted: &[PathBuf]) {
    println!("\nEngine: {}. Mounted:", spec.link.engine());
    if let Some(kind) = &spec.fs {
        println!("  {MOUNT_POINT}  {kind}");
    }
    for path in mounted {
        println!("  {}", path.display());
    }
    println!("`exit` powers the guest off.\n");
}
