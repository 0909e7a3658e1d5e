// SPDX-License-Identifier: GPL-2.0

//! What is found after a guest whose end was part of a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use iomap_qemu_protocol::ktap::POWER_CUT;
use iomap_qemu_protocol::{decode_path, RecoverySpec};

use crate::demo::debugfs::{ask, Request};
use crate::follow::Heard;
use crate::hash;
use crate::image::{self, Filesystem, Image};
use crate::kernel_log::{cause_of_death, unaccounted};
use crate::lab::Lab;
use crate::qemu::Machine;
use crate::recovery;
use crate::suites::{Suite, MAIN};

/// A guest that is gone.
pub struct Lost<'a> {
    pub lab: &'a Lab,
    pub suite: &'a Suite,
    pub machine: &'a Machine,
    /// The directory of its logs.
    pub logs: &'a Path,
    pub heard: &'a Heard,
    /// How it said that it would end.
    pub how: &'a str,
}

impl Lost<'_> {
    /// Nothing, if the guest ended as it said, its filesystems can be brought in order,
    /// and every file whose SHA-256 it has told, as `role/path`, is there with that
    /// content. `console` is what its kernel wrote.
    ///
    /// A machine that loses its power loses what it had not handed to the disk. What it had,
    /// written through the disk's cache or not, QEMU's host keeps: whether the guest flushed
    /// that cache is not seen here.
    pub fn problems(&self, console: &str) -> Result<Vec<String>> {
        let mut problems = unaccounted(console, self.lab.link, &self.heard.accounted)?;
        if self.how != POWER_CUT {
            match cause_of_death(console) {
                Some(panic) if panic.contains(self.how) => problems.retain(|line| *line != panic),
                Some(_) => {}
                None => problems.push(format!("no panic says {:?}", self.how)),
            }
        }
        let of_main = self.told_of(MAIN);
        if self.how == POWER_CUT && of_main.promised.is_empty() && of_main.synced.is_empty() {
            problems.push("nothing was promised to last".to_owned());
        }
        for disk in &self.machine.disks {
            if let Some(filesystem) = disk.filesystem {
                problems.extend(self.problems_of(disk, filesystem)?);
            }
        }
        Ok(problems)
    }

    fn problems_of(&self, disk: &Image, filesystem: Filesystem) -> Result<Vec<String>> {
        let told = self.told_of(disk.role);
        let tools = &self.lab.tools;
        let mut problems = Vec::new();
        // The agent mounts the main disk alone.
        let recovers = filesystem.has_log() && disk.role == MAIN;
        if !recovers {
            let repaired = image::repair(tools, filesystem, &disk.path);
            problems.extend(repaired.err().map(|error| format!("{error:#}")));
        }
        // What files that were being written may hold is the agent's to know.
        if recovers || !told.synced.is_empty() {
            let recovered =
                recovery::problems(self.lab, self.suite, self.machine, &told, self.logs)?;
            problems.extend(recovered);
            let in_order = image::check(tools, filesystem, &disk.path);
            problems.extend(in_order.err().map(|error| format!("{error:#}")));
        }
        if !matches!(filesystem, Filesystem::Ext { .. }) {
            // No program of the host reads its files.
            return Ok(problems);
        }
        for (name, digest) in &told.promised {
            let Some(path) = decode_path(name) else {
                problems.push(format!("{}/{name} is no path", disk.role));
                continue;
            };
            if let Err(error) = compare(self.lab, disk, &path, digest) {
                problems.push(format!("{}/{name}: {error:#}", disk.role));
            }
        }
        Ok(problems)
    }

    /// What was told of the files on a disk.
    fn told_of(&self, role: &str) -> RecoverySpec {
        RecoverySpec {
            promised: of_disk(role, &self.heard.promised),
            synced: of_disk(role, &self.heard.synced),
        }
    }
}

/// Of what is said by role and path, that of one disk by path.
fn of_disk<T: Clone>(role: &str, said: &BTreeMap<String, T>) -> BTreeMap<String, T> {
    let own = |(name, what): (&String, &T)| {
        let path = name.strip_prefix(role)?.strip_prefix('/')?;
        Some((path.to_owned(), what.clone()))
    };
    said.iter().filter_map(own).collect()
}

fn compare(lab: &Lab, disk: &Image, path: &Path, digest: &str) -> Result<()> {
    // Other suites may be at this, too.
    let own = tempfile::tempdir_in(lab.work()).context("no place for a file of the guest's")?;
    let out = own.path().join("file");
    // debugfs makes no file for one that is not there.
    fs::write(&out, "nothing was read")
        .with_context(|| format!("cannot write {}", out.display()))?;
    let rest = out.display().to_string();
    let request = Request {
        command: "dump",
        path,
        rest: &rest,
    };
    ask(&lab.tools, &disk.path, own.path(), &[request])?;
    let found = hash::hex_of_file(&out)?;
    ensure!(found == digest, "SHA-256 {found} instead of {digest}");
    Ok(())
}
