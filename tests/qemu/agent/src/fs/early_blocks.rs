// SPDX-License-Identifier: GPL-2.0

//! Direct reads of blocks that a store through a mapping has just allocated.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{anyhow, bail, ensure, Context as _, Result};

use super::{KIB, MIB};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::open;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;

pub const CASES: &[Case] = &[Case::new(
    "dio_read_beside_stores",
    suites::EXT2_RS,
    read_beside_stores,
)
.doc(
    "A direct read beside stores to holes sees zeros or what was stored, not what the disk \
     held there.",
)
.holds(&["DIO-3"])];

const SIZE: usize = 4 * MIB;
const PAGE: usize = 4 * KIB;
/// What one direct read is of: the pages that are stored to meanwhile, and some
/// that were before.
const WINDOW: usize = 64 * KIB;
const ROUNDS: usize = 4;
/// Of a round.
const READS_AT_LEAST: usize = 16;

/// What a file that is gone has left on the disk.
const LEFT: u8 = 0xee;
const STORED: u8 = 0x11;

fn read_beside_stores(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    let mut reads = 0;
    for round in 0..ROUNDS {
        leave_behind(&context.path("before")?)?;
        reads += round_of(&path).with_context(|| format!("round {round}"))?;
        fs::remove_file(&path)?;
    }
    context.note(format!("{reads} reads"));
    ensure!(reads >= ROUNDS * READS_AT_LEAST, "only {reads} reads");
    Ok(())
}

/// Fills blocks, and frees them.
fn leave_behind(path: &Path) -> Result<()> {
    fs::write(path, vec![LEFT; SIZE])?;
    File::open(path)?.sync_all()?;
    Ok(fs::remove_file(path)?)
}

/// Fills the start of a new file where a read could see such blocks: the writeback of C
/// ext2 allocates them for stores to holes, and a direct read that comes before the data
/// sees what they held before. With data in it, it has no holes.
pub fn fill_holes(context: &Context, mut file: &File, length: usize) -> Result<()> {
    if context.fs() == "ext2" {
        file.write_all(&vec![0; length])?;
        file.sync_all()?;
    }
    Ok(())
}

/// How far the two sides of a round are.
#[derive(Default)]
struct Progress {
    /// Where the last store was.
    stored: AtomicUsize,
    reads: AtomicUsize,
    /// Neither waits for the other any longer.
    over: AtomicBool,
}

/// Stores to all pages of a file of holes, and reads where it is at; how many reads.
fn round_of(path: &Path) -> Result<usize> {
    File::create_new(path)?.set_len(SIZE as u64)?;
    let direct = open(path, libc::O_DIRECT)?;
    let progress = Progress::default();
    thread::scope(|scope| {
        let storing = scope.spawn(|| {
            let result = store_to_all(path, &progress);
            progress.over.store(true, Ordering::SeqCst);
            result
        });
        let reads = read_along(&direct, &progress);
        progress.over.store(true, Ordering::SeqCst);
        storing.join().map_err(|_| anyhow!("a thread panicked"))??;
        reads
    })?;
    Ok(progress.reads.into_inner())
}

/// One page after the other. Now and then a read has to come about in between: stores
/// are much faster.
fn store_to_all(path: &Path, progress: &Progress) -> Result<()> {
    let mapping = FileMapping::new(&open(path, 0)?, SIZE)?;
    for offset in (0..SIZE).step_by(PAGE) {
        if offset % (SIZE / READS_AT_LEAST) == 0 {
            let reads = progress.reads.load(Ordering::SeqCst);
            while progress.reads.load(Ordering::SeqCst) == reads
                && !progress.over.load(Ordering::SeqCst)
            {
                thread::yield_now();
            }
        }
        mapping.write(offset, &[STORED; PAGE])?;
        progress.stored.store(offset, Ordering::Relaxed);
    }
    Ok(())
}

fn read_along(file: &File, progress: &Progress) -> Result<()> {
    let mut buffer = AlignedBuf::new(WINDOW)?;
    while !progress.over.load(Ordering::SeqCst) {
        let at = progress.stored.load(Ordering::Relaxed);
        let at = at.saturating_sub(2 * PAGE).min(SIZE - WINDOW);
        file.read_exact_at(&mut buffer, at as u64)
            .context("direct read")?;
        let strange = buffer.iter().position(|&byte| byte != 0 && byte != STORED);
        if let Some(place) = strange {
            bail!("byte {} was never stored", at + place);
        }
        progress.reads.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}
