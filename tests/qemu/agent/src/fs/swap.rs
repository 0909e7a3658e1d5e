// SPDX-License-Identifier: GPL-2.0

//! Swap files on filesystems that ask the engine where they are.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use regex::Regex;
use rustix::fs::{fallocate, ioctl_ficlone, FallocateFlags};

use super::{KIB, MIB};
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::{open, Mirror};
use crate::data::pattern::{self, Stamp};
use crate::kmsg::KernelLog;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::{fiemap, swap};

pub const CASES: &[Case] = &[
    Case::new("swap_under_pressure", suites::SWAP_WRITTEN, under_pressure)
        .doc("More memory than the guest has goes to a swap file and comes back unchanged.")
        .holds(&["SW-1", "SW-6"])
        .timeout(Duration::from_secs(180)),
    Case::new("swap_preallocated", suites::SWAP, preallocated)
        .doc("Preallocated blocks serve as well as written ones.")
        .holds(&["SW-3"]),
    Case::new(
        "swap_not_yet_written",
        suites::SWAP_WRITTEN,
        not_yet_written,
    )
    .doc("A file that is still in the page cache alone is written before it is mapped.")
    .holds(&["SW-1"]),
    Case::new("swap_fragmented", suites::SWAP, fragmented)
        .doc("Extents that touch on the disk count as one, others apart, and all are used.")
        .holds(&["SW-3", "SW-6"]),
    Case::new("swap_header_limits", suites::SWAP_WRITTEN, header_limits)
        .doc("No more pages are used than the header says.")
        .holds(&["SW-4", "SW-6"]),
    Case::new("swap_hole_refused", suites::SWAP_WRITTEN, hole_refused)
        .doc("A file with a hole is EINVAL, and the log says why.")
        .holds(&["SW-2"])
        .logs(&[r"swapon: file \S+ has unallocated extents"]),
    Case::new("swap_shared_refused", suites::SWAP_XFS, shared_refused)
        .doc("A file that shares blocks with another is EINVAL, and the log says why.")
        .holds(&["SW-2"])
        .logs(&[r"swapon: file \S+ has shared extents"]),
];

/// A swap area that is in use until this is dropped.
pub struct Active {
    path: PathBuf,
}

impl Active {
    pub fn start(path: &Path) -> Result<Self> {
        swap::on(path).with_context(|| format!("swapon {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    pub fn stop(self) -> Result<()> {
        swap::off(&self.path).context("swapoff")
    }

    /// Size of the area in bytes, as `/proc/swaps` has it.
    fn size(&self) -> Result<usize> {
        self.column(2)
    }

    /// Bytes of it that are in use.
    pub fn used(&self) -> Result<usize> {
        self.column(3)
    }

    fn column(&self, index: usize) -> Result<usize> {
        let swaps = fs::read_to_string("/proc/swaps").context("cannot read /proc/swaps")?;
        let name = self.path.to_string_lossy();
        swaps
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&&*name))
            .and_then(|fields| fields.get(index)?.parse::<usize>().ok())
            .map(|kib| kib * KIB)
            .with_context(|| format!("{name} is not in /proc/swaps"))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        // Already off after `stop`: no use for the error.
        let _ = swap::off(&self.path);
    }
}

/// Memory in bytes that programs can have without swapping.
fn available_memory() -> Result<usize> {
    let text = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<usize>().ok())
        .map(|kib| kib * KIB)
        .context("no MemAvailable in /proc/meminfo")
}

/// A file of written blocks that is a swap area.
pub fn written(context: &Context, name: &str, size: usize) -> Result<PathBuf> {
    let mirror = Mirror::filled(context.path(name)?, 1, size)?;
    make(&mirror.buffered()?, size)?;
    Ok(mirror.path().to_owned())
}

fn make(file: &File, size: usize) -> Result<()> {
    swap::make(file, u32::try_from(size / PAGE_SIZE)?).context("cannot write the header")
}

/// Fills memory of `size` bytes, gets it out of memory by `push`, reads it back.
/// Returns how many bytes were in the area meanwhile.
pub fn exercise(
    active: &Active,
    size: usize,
    push: impl FnOnce(&AlignedBuf) -> Result<()>,
) -> Result<usize> {
    let stamp = Stamp {
        file: 9,
        generation: 1,
    };
    let mut memory = AlignedBuf::new(size)?;
    stamp.fill(&mut memory, 0);
    push(&memory)?;
    let used = active.used()?;
    let mut expected = vec![0; MIB];
    for (index, found) in memory.chunks(MIB).enumerate() {
        let offset = (index * MIB) as u64;
        stamp.fill(&mut expected, offset);
        let expected = expected.get(..found.len()).unwrap_or_default();
        pattern::compare(expected, found, offset).context("what came back from swap")?;
    }
    Ok(used)
}

/// Swaps so many bytes out and in.
fn exercise_bytes(active: &Active, size: usize) -> Result<()> {
    let used = exercise(active, size, |memory| memory.page_out().context("madvise"))?;
    ensure!(used >= size / 2, "{used} of {size} bytes went out");
    Ok(())
}

fn under_pressure(context: &Context) -> Result<()> {
    let path = written(context, "area", 128 * MIB)?;
    let active = Active::start(&path)?;
    // Of what counts as not available the kernel may still give a part.
    let (beyond, least) = (40 * MIB, 8 * MIB);
    let size = (available_memory()? + beyond).next_multiple_of(MIB);
    context.note(format!("{} MiB of memory are used", size / MIB));
    // Filling it is the pressure.
    let used = exercise(&active, size, |_| Ok(()))?;
    context.metric("bytes_swapped", used as f64);
    ensure!(used >= least, "{used} bytes went to the swap file");
    active.stop()
}

fn preallocated(context: &Context) -> Result<()> {
    let path = context.path("area")?;
    let file = File::create_new(&path)?;
    let size = 32 * MIB;
    fallocate(&file, FallocateFlags::empty(), 0, size as u64).context("fallocate")?;
    make(&file, size)?;
    file.sync_all()?;
    let active = Active::start(&path)?;
    exercise_bytes(&active, 16 * MIB)?;
    active.stop()
}

fn not_yet_written(context: &Context) -> Result<()> {
    let size = 16 * MIB;
    let mut mirror = Mirror::create(context.path("area")?, 1)?;
    let file = mirror.buffered()?;
    mirror.write(&file, 0, size)?;
    make(&file, size)?;
    let active = Active::start(mirror.path())?;
    exercise_bytes(&active, 8 * MIB)?;
    active.stop()
}

/// Number of extents in the kernel's message about a new swap area.
fn extents_of_message(messages: &[String]) -> Result<usize> {
    let pattern = Regex::new(r"Adding \d+k swap on .* extents:(\d+)")?;
    messages
        .iter()
        .find_map(|text| pattern.captures(text)?.get(1)?.as_str().parse().ok())
        .context("no message about the swap area in the log")
}

fn fragmented(context: &Context) -> Result<()> {
    let path = context.path("area")?;
    let file = File::create_new(&path)?;
    let between = File::create_new(context.path("between")?)?;
    let (pieces, piece) = (12, MIB as u64);
    let (written, unwritten) = (0..pieces).partition::<Vec<_>, _>(|index| index % 2 == 0);
    for index in 0..pieces {
        // The other file takes the place where this one would go on.
        for file in [&file, &between] {
            let flags = FallocateFlags::empty();
            fallocate(file, flags, index * piece, piece).context("fallocate")?;
        }
    }
    let mut data = Mirror::adopt(path.clone(), 1, (pieces * piece) as usize)?;
    let direct = open(&path, libc::O_DIRECT)?;
    for index in &written {
        data.write(&direct, index * piece, piece as usize)?;
    }
    ensure!(!unwritten.is_empty(), "nothing stays preallocated");
    make(&file, (pieces * piece) as usize)?;
    file.sync_all()?;

    let extents = fiemap::extents(&file)?;
    let touching = extents
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.physical + a.length == b.physical))
        .count();
    let expected = extents.len() - touching;
    ensure!(expected > 1, "the file is in one piece: {extents:?}");

    let mut log = KernelLog::open(context.spec().link)?;
    log.drain();
    let active = Active::start(&path)?;
    let found = extents_of_message(&log.drain())?;
    ensure!(
        found == expected,
        "{found} swap extents instead of {expected}: {extents:?}"
    );
    exercise_bytes(&active, 11 * MIB)?;
    active.stop()
}

fn header_limits(context: &Context) -> Result<()> {
    let path = written(context, "area", 16 * MIB)?;
    let pages = 1000;
    make(&open(&path, 0)?, pages * PAGE_SIZE)?;
    let active = Active::start(&path)?;
    let size = active.size()?;
    // The header's own page is not for swapping.
    let expected = (pages - 1) * PAGE_SIZE;
    ensure!(
        size == expected,
        "the area has {size} bytes instead of {expected}"
    );
    exercise_bytes(&active, 2 * MIB)?;
    active.stop()
}

fn hole_refused(context: &Context) -> Result<()> {
    let mut mirror = Mirror::filled(context.path("area")?, 1, 4 * MIB)?;
    let file = mirror.direct()?;
    file.set_len(8 * MIB as u64)?;
    mirror.set_length(8 * MIB);
    mirror.write(&file, 8 * MIB as u64, MIB)?;
    make(&mirror.buffered()?, 9 * MIB)?;
    fails_with(swap::on(mirror.path()), libc::EINVAL, "swapon")
}

fn shared_refused(context: &Context) -> Result<()> {
    let path = written(context, "area", 4 * MIB)?;
    let file = open(&path, 0)?;
    let clone = context.path("clone")?;
    ioctl_ficlone(File::create_new(&clone)?, &file).context("FICLONE")?;
    fails_with(swap::on(&path), libc::EINVAL, "swapon")?;
    // Nobody shares it any more.
    fs::remove_file(&clone)?;
    rustix::fs::syncfs(&file)?;
    fallocate(&file, FallocateFlags::UNSHARE_RANGE, 0, 4 * MIB as u64).context("unshare")?;
    let active = Active::start(&path)?;
    exercise_bytes(&active, 2 * MIB)?;
    active.stop()
}
