// SPDX-License-Identifier: GPL-2.0

//! Writes files by direct I/O in all the ways that matter.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Amount, Demo};
use crate::data::mirror::Mirror;
use crate::init::MOUNT_POINT;
use crate::transfer::{Method, Transfer};

/// Where the files stand, below the root of the filesystem.
pub const DIRECTORY: &str = "written";

const KIB: usize = 1024;
const SECTOR: usize = 512;
const DEPTH: usize = 32;

/// One file: what it is, its size before, and what is written to it.
struct Plan {
    name: &'static str,
    size: usize,
    /// False leaves a hole of that size.
    filled: bool,
    /// Offset and length.
    writes: Vec<(usize, usize)>,
}

/// Pieces one after the other.
fn pieces(start: usize, step: usize, length: usize, count: usize) -> Vec<(usize, usize)> {
    (0..count)
        .map(|index| (start + index * step, length))
        .collect()
}

fn plans() -> Vec<Plan> {
    let plan = |name, size, filled, writes| Plan {
        name,
        size,
        filled,
        writes,
    };
    vec![
        plan("new", 0, true, pieces(0, 64 * KIB, 64 * KIB, 128)),
        plan(
            "overwritten",
            4096 * KIB,
            true,
            pieces(0, 64 * KIB, 64 * KIB, 64),
        ),
        plan(
            "off-blocks",
            512 * KIB,
            true,
            pieces(SECTOR, 7 * SECTOR, 3 * SECTOR, 128),
        ),
        plan(
            "sparse",
            2048 * KIB,
            false,
            pieces(5 * SECTOR, 64 * KIB, 9 * SECTOR, 32),
        ),
        plan(
            "across-end",
            100_000,
            true,
            pieces(96 * KIB, 0, 64 * KIB, 1),
        ),
        plan(
            "past-end",
            10_000,
            true,
            pieces(256 * KIB + SECTOR, 0, 5 * SECTOR, 1),
        ),
    ]
}

/// Writes one file of each plan with `method`.
pub fn scenario(demo: &mut Demo<'_>, method: Method) -> Result<Amount> {
    let dir = Path::new(MOUNT_POINT).join(DIRECTORY);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut amount = Amount::default();
    for plan in plans() {
        let name = format!("{}-{method:?}", plan.name).to_lowercase();
        // Each file's data says which file it belongs to.
        let id = u8::try_from(demo.written.len() + 1).context("too many files")?;
        let mut mirror = prepare(&plan, dir.join(&name), id).context(name.clone())?;
        amount.bytes += perform(&plan, &mut mirror, method).context(name)?;
        amount.files += 1;
        demo.written.push(mirror);
    }
    Ok(amount)
}

fn prepare(plan: &Plan, path: PathBuf, id: u8) -> Result<Mirror> {
    if plan.filled {
        return Mirror::filled(path, id, plan.size);
    }
    let mut mirror = Mirror::create(path, id)?;
    mirror.direct()?.set_len(plan.size as u64)?;
    mirror.set_length(plan.size);
    Ok(mirror)
}

fn perform(plan: &Plan, mirror: &mut Mirror, method: Method) -> Result<u64> {
    let file = mirror.direct()?;
    let mut transfers = Vec::new();
    let mut bytes = 0;
    for &(offset, length) in &plan.writes {
        let offset = offset as u64;
        transfers.push(Transfer::write(offset, mirror.stamp(offset, length)?));
        bytes += length as u64;
    }
    method.run_whole(&file, &mut transfers, DEPTH)?;
    file.sync_all().context("fsync")?;
    Ok(bytes)
}
