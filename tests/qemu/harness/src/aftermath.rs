// SPDX-License-Identifier: GPL-2.0

//! What is found after a guest whose end was part of a test.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use iomap_qemu_protocol::decode_path;
use iomap_qemu_protocol::ktap::POWER_CUT;

use crate::demo::debugfs::{ask, Request};
use crate::follow::Heard;
use crate::hash;
use crate::image::{self, Image};
use crate::kernel_log::{cause_of_death, unaccounted};
use crate::lab::Lab;
use crate::qemu::Machine;

/// Nothing, if the guest ended as it said, its filesystems can be repaired, and every file
/// whose SHA-256 it has told, as `role/path`, is there with that content. The guest is
/// gone.
///
/// A machine that loses its power loses what it had not handed to the disk. What it had,
/// written through the disk's cache or not, QEMU's host keeps: whether the guest flushed
/// that cache is not seen here.
pub fn problems(
    lab: &Lab,
    machine: &Machine,
    console: &str,
    heard: &Heard,
    how: &str,
) -> Result<Vec<String>> {
    let mut problems = unaccounted(console, &heard.accounted)?;
    if how != POWER_CUT {
        match cause_of_death(console) {
            Some(panic) if panic.contains(how) => problems.retain(|line| *line != panic),
            Some(_) => {}
            None => problems.push(format!("no panic says {how:?}")),
        }
    }
    for disk in &machine.disks {
        let Some(filesystem) = disk.filesystem else {
            continue;
        };
        if let Err(error) = image::repair(&lab.tools, filesystem, &disk.path) {
            problems.push(format!("{error:#}"));
        }
        for (name, digest) in &heard.promised {
            let within = name.strip_prefix(disk.role);
            let within = within.and_then(|name| name.strip_prefix('/'));
            let Some(path) = within.and_then(decode_path) else {
                continue;
            };
            if let Err(error) = compare(lab, disk, &path, digest) {
                problems.push(format!("{name}: {error:#}"));
            }
        }
    }
    Ok(problems)
}

fn compare(lab: &Lab, disk: &Image, path: &Path, digest: &str) -> Result<()> {
    let out = lab.work().join("after-crash");
    // debugfs makes no file for one that is not there.
    fs::write(&out, "nothing was read")
        .with_context(|| format!("cannot write {}", out.display()))?;
    let rest = out.display().to_string();
    let request = Request {
        command: "dump",
        path,
        rest: &rest,
    };
    ask(&lab.tools, &disk.path, lab.work(), &[request])?;
    let found = hash::hex_of_file(&out)?;
    ensure!(found == digest, "SHA-256 {found} instead of {digest}");
    Ok(())
}
