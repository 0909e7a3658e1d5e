// SPDX-License-Identifier: GPL-2.0

//! Faults that map two megabytes at once, where file and memory are so aligned.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};

use super::{expect_turns, verify, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::{open, Mirror};
use crate::data::pattern;
use crate::suites;
use crate::sys::fiemap;
use crate::sys::mapping::FileMapping;
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("dax_huge_store", suites::DAX_FALLOCATE, store)
        .doc("A store into aligned space maps two megabytes, all zeros but for the store.")
        .holds(&["IT-2"]),
    Case::new("dax_huge_load_hole", suites::DAX_FALLOCATE, load_hole)
        .doc("A load from a large hole maps two megabytes of zeros, until data comes there."),
];

const HUGE: usize = 2 * MIB;
const SIZE: usize = 2 * HUGE;

/// Faults of two megabytes, as they ended.
const DONE: &str = "fs_dax/dax_pmd_fault_done";

fn store(context: &Context) -> Result<()> {
    let mut mirror = Mirror::adopt(aligned_file(context)?, 1, SIZE)?;
    let file = mirror.buffered()?;
    let mapping = FileMapping::new(&file, SIZE)?;
    for offset in [12_345, HUGE + 1_000_000] {
        let bytes = mirror.stamp(offset as u64, 30)?;
        let ((), events) = trace::record(&["iomap", DONE], || Ok(mapping.write(offset, &bytes)?))?;
        let ino = format!("{:#x}", file.metadata()?.ino());
        let (faults, walks): (Vec<_>, Vec<_>) = events
            .into_iter()
            .filter(|event| event.field("ino").is_ok_and(|found| found == ino))
            .partition(|event| event.name == "dax_pmd_fault_done");
        ensure!(
            faults.len() == 1 && faults.iter().all(|fault| fault.text.ends_with("NOPAGE")),
            "not mapped as a whole: {faults:?}, {walks:?}"
        );
        expect_turns(&walks, &["WRITE", "FAULT"])?;
    }
    verify(&mirror)
}

fn load_hole(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    file.set_len(SIZE as u64)?;
    mirror.set_length(SIZE);
    let mapping = FileMapping::new(&file, SIZE)?;
    let mut found = vec![0xFF; SIZE];
    let ((), events) = trace::record(&["fs_dax/dax_pmd_load_hole"], || {
        Ok(mapping.read(0, &mut found)?)
    })?;
    ensure!(!events.is_empty(), "not mapped as a whole");
    pattern::compare(mirror.bytes(), &found, 0)?;
    mirror.write(&file, HUGE as u64 - 5_000, 10_000)?;
    mapping.read(0, &mut found)?;
    pattern::compare(mirror.bytes(), &found, 0)?;
    let bytes = mirror.stamp(1_000_000, 10)?;
    mapping.write(1_000_000, &bytes)?;
    verify(&mirror)
}

/// A file of preallocated space that starts at a multiple of two megabytes.
fn aligned_file(context: &Context) -> Result<std::path::PathBuf> {
    const ATTEMPTS: usize = 16;

    let path = context.path("file")?;
    for attempt in 0..ATTEMPTS {
        File::create_new(&path)?;
        let file = open(&path, 0)?;
        fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64)?;
        file.sync_all()?;
        let extents = fiemap::extents(&file)?;
        let first = extents.first().context("no extent")?;
        let over = usize::try_from(first.physical)? % HUGE;
        if over == 0 && first.length == SIZE as u64 {
            return Ok(path);
        }
        drop(file);
        std::fs::remove_file(&path)?;
        // Another file takes what is before the next multiple.
        let filler = context.path(&format!("filler-{attempt}"))?;
        File::create_new(&filler)?;
        let before = (HUGE - over) as u64;
        fallocate(open(&filler, 0)?, FallocateFlags::empty(), 0, before)?;
    }
    bail!("no aligned file in {ATTEMPTS} attempts")
}
