// SPDX-License-Identifier: GPL-2.0

//! Everything at once on one file: whatever is read must have been written to
//! that place at some time, or be the zeros of a hole.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure, Context as _, Result};

use super::early_blocks::fill_holes;
use super::{KIB, MIB, SECTOR};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open};
use crate::data::pattern::{Stamp, Word};
use crate::data::random::Random;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[
    Case::new("stress_one_file", suites::NO_EARLY_BLOCKS, one_file)
        .doc(
            "Four threads read, write, map and truncate one file; no byte shows up that was \
          not written there.",
        )
        .holds(&["DIO-6", "DIO-17", "DIO-33", "DIO-37"]),
];

const THREADS: u64 = 4;
const DURATION: Duration = Duration::from_secs(5);
const FILE: u8 = 77;
/// Bytes of a word that say its generation.
const GENERATION: Range<usize> = 4..7;
/// The file shrinks to this at the most: mappings reach as far.
const MAPPED: usize = MIB;
const SIZE: usize = 2 * MIB;
const LONGEST: usize = 128 * KIB;

/// What the threads share.
struct Shared {
    path: PathBuf,
    generation: AtomicU32,
    /// Whether the filesystem reserves space first and allocates it later, in a
    /// way that direct I/O gets to see.
    reserves: bool,
}

fn one_file(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    let file = File::create_new(&path)?;
    fill_holes(context, &file, MAPPED)?;
    file.set_len(SIZE as u64)?;
    let shared = Shared {
        path,
        generation: AtomicU32::new(0),
        reserves: matches!(context.fs(), "ext4" | "xfs"),
    };
    let steps = thread::scope(|scope| {
        let workers: Vec<_> = (1..=THREADS)
            .map(|seed| {
                let shared = &shared;
                scope.spawn(move || work(shared, seed))
            })
            .collect();
        let mut total = 0;
        for worker in workers {
            total += worker.join().map_err(|_| anyhow!("a thread panicked"))??;
        }
        anyhow::Ok(total)
    })?;
    context.note(format!("{steps} steps"));
    ensure!(steps > 20, "only {steps} steps");
    settle(&shared.path)
}

/// One thread's part; the number of its steps.
fn work(shared: &Shared, seed: u64) -> Result<usize> {
    let direct = open(&shared.path, libc::O_DIRECT)?;
    let buffered = open(&shared.path, 0)?;
    let mapping = FileMapping::new(&buffered, MAPPED)?;
    let mut random = Random::new(seed);
    let mut buffer = AlignedBuf::new(LONGEST)?;
    let end = Instant::now() + DURATION;
    let mut steps = 0;
    while Instant::now() < end {
        let kind = random.below(16);
        let limit = if matches!(kind, 12..=14) {
            MAPPED
        } else {
            SIZE
        };
        let (offset, length) = random.range(limit, LONGEST, SECTOR);
        let memory = buffer.get_mut(..length).context("too long a range")?;
        step(shared, kind, (&direct, &buffered, &mapping), offset, memory)
            .with_context(|| format!("thread {seed}, step {steps}: {length} bytes at {offset}"))?;
        steps += 1;
    }
    Ok(steps)
}

fn step(
    shared: &Shared,
    kind: usize,
    (direct, buffered, mapping): (&File, &File, &FileMapping),
    offset: usize,
    memory: &mut [u8],
) -> Result<()> {
    let place = offset as u64;
    match kind {
        0..=3 => {
            shared.stamp(memory, place);
            let written = direct.write_all_at(memory, place);
            shared
                .pass_collision(written.map_err(Into::into))
                .context("direct write")
        }
        4..=7 => {
            let read = read(direct, memory, place);
            shared.pass_collision(read).context("direct read")
        }
        8..=9 => {
            shared.stamp(memory, place);
            buffered
                .write_all_at(memory, place)
                .context("buffered write")
        }
        10..=11 => read(buffered, memory, place).context("buffered read"),
        12 => {
            shared.stamp(memory, place);
            Ok(mapping.write(offset, memory)?)
        }
        13..=14 => {
            mapping.read(offset, memory)?;
            check(memory, place).context("mapping")
        }
        _ => {
            let size = MAPPED + offset % (SIZE - MAPPED);
            Ok(direct.set_len(size as u64).context("truncate")?)
        }
    }
}

impl Shared {
    /// Direct I/O that meets space which a store has just reserved, and nothing
    /// has allocated yet, fails with EIO, on filesystems that reserve.
    fn pass_collision(&self, result: Result<()>) -> Result<()> {
        match result {
            Err(error)
                if self.reserves
                    && error
                        .downcast_ref::<io::Error>()
                        .is_some_and(|error| error.raw_os_error() == Some(libc::EIO)) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    fn stamp(&self, memory: &mut [u8], offset: u64) {
        let stamp = Stamp {
            file: FILE,
            generation: 1 + self.generation.fetch_add(1, Ordering::Relaxed),
        };
        stamp.fill(memory, offset);
    }
}

/// Reads what there is of a range and checks it.
fn read(file: &File, memory: &mut [u8], offset: u64) -> Result<()> {
    let count = file.read_at(memory, offset)?;
    check(memory.get(..count).unwrap_or_default(), offset)
}

/// Each word must be zero or belong where it is.
///
/// A read may come between two bytes of a store through a mapping; so zeros may
/// stand for some bytes of a word.
fn check(memory: &[u8], offset: u64) -> Result<()> {
    for (index, bytes) in memory.chunks_exact(8).enumerate() {
        let place = offset + 8 * index as u64;
        let mut expected = [0; 8];
        let stamp = Stamp {
            file: FILE,
            generation: 0,
        };
        stamp.fill(&mut expected, place);
        let fits = |index: usize, found: &u8, expected: &u8| {
            GENERATION.contains(&index) || *found == 0 || found == expected
        };
        let mut pairs = bytes.iter().zip(&expected).enumerate();
        if !pairs.all(|(index, (found, expected))| fits(index, found, expected)) {
            let word = bytes.try_into().map(u64::from_le_bytes)?;
            bail!("at {place} there is {word:#018x}: {}", Word::parse(word));
        }
    }
    Ok(())
}

/// After all is done, every way to read the file must agree.
fn settle(path: &Path) -> Result<()> {
    let buffered = open(path, 0)?;
    let direct = open(path, libc::O_DIRECT)?;
    let by_cache = whole(&buffered)?;
    // A lost race of a store against a direct write is reported to the next
    // fsync, as it should be; nobody's data is at stake here.
    let _ = buffered.sync_all();
    let by_device = whole(&direct)?;
    drop_cache(&buffered)?;
    let by_cold_cache = whole(&buffered)?;
    agree(&by_cache, &by_device).context("the page cache and the disk")?;
    agree(&by_cache, &by_cold_cache).context("the page cache before and after it was dropped")?;
    check(&by_device, 0)
}

/// Tells two views of the file apart by what is written where they differ first.
fn agree(first: &[u8], second: &[u8]) -> Result<()> {
    ensure!(
        first.len() == second.len(),
        "{} and {} bytes",
        first.len(),
        second.len()
    );
    let words = first.chunks_exact(8).zip(second.chunks_exact(8));
    let differing: Vec<_> = words.enumerate().filter(|(_, (a, b))| a != b).collect();
    if let Some((index, (first, second))) = differing.first() {
        let word = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).map(Word::parse);
        bail!(
            "differ in {} words, first at {}: {} and {}",
            differing.len(),
            8 * index,
            word(first)?,
            word(second)?
        );
    }
    Ok(())
}

fn whole(file: &File) -> io::Result<Vec<u8>> {
    let mut buffer = AlignedBuf::new(SIZE)?;
    let count = file.read_at(&mut buffer, 0)?;
    Ok(buffer.get(..count).unwrap_or_default().to_vec())
}
