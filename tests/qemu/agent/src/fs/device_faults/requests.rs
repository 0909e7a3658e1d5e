// SPDX-License-Identifier: GPL-2.0

//! A disk on which a quarter of all requests fails while a file is read and written
//! in place. Nothing but its data is on the way then, so no filesystem gives up, and
//! each call has to tell by itself whether it was met.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{fadvise, Advice};

use super::disk::FaultyDisk;
use super::{ensure_idle, SIZE};
use crate::case::Case;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::fs::KIB;
use crate::restore::Restore;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::sync_range;
use crate::transfer::{Method, Transfer};

pub const CASES: &[Case] = &[
    Case::new("requests_fail_dio", suites::FAULT_KINDS, direct)
        .doc("Of direct reads and writes, those of a failed request are EIO, all others whole.")
        .holds(&["DIO-31"]),
    Case::new("requests_fail_cached", suites::PAGE_CACHE_FAULTS, cached)
        .doc("So are reads into the page cache, and writeback from it.")
        .holds(&["RD-16", "WB-17"]),
    Case::new("requests_fail_parts", suites::PAGE_CACHE_FAULTS, parts)
        .doc("So are writes of parts of blocks, which have to be read, fdatasync, and reading ahead.")
        .holds(&["BW-14", "RD-17", "WB-17"]),
];

/// What is read and written at a time.
const PIECE: usize = 32 * KIB;

/// Each piece of the file has its turn eight times.
const ROUNDS: usize = 8 * SIZE / PIECE;

/// How old a mount may get: 30 s after it was made XFS writes its log of its own accord,
/// for which no round may be under way, however slow the kernel is.
const OLD: Duration = Duration::from_secs(10);

/// How many calls failed.
#[derive(Default)]
struct Failed {
    reads: usize,
    writes: usize,
}

impl Failed {
    fn ensure_both(&self, context: &Context) -> Result<()> {
        let Self { reads, writes } = self;
        context.note(format!("{reads} reads and {writes} writes failed"));
        ensure!(*reads > 0 && *writes > 0, "some kind of call never failed");
        Ok(())
    }
}

/// Has `call` made until it works, which it says; how often it was EIO.
fn until_it_works(mut call: impl FnMut() -> Result<io::Result<()>>) -> Result<usize> {
    /// Of a call of several requests mostly one fails.
    const PATIENCE: usize = 100;
    for failed in 0..PATIENCE {
        match call()? {
            Ok(()) => return Ok(failed),
            Err(error) if error.raw_os_error() == Some(libc::EIO) => {}
            Err(error) => return Err(error).context("not EIO"),
        }
    }
    bail!("it fails {PATIENCE} times in a row")
}

/// Has `work` done with each piece of a file in turn, on a disk whose requests fail. What
/// a filesystem has to write of its own is written between the rounds.
fn with_pieces(
    context: &Context,
    mut work: impl FnMut(&mut Mirror, usize, usize) -> Result<()>,
) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mounted = Instant::now();
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        for round in 0..ROUNDS {
            if mounted.elapsed() > OLD {
                disk.mount_again(context)?;
                mounted = Instant::now();
            }
            let offset = round * PIECE % SIZE;
            mirror.drop_cache()?;
            let restore = Restore::new(|| disk.fail_requests(false));
            disk.fail_requests(true)?;
            let result = work(&mut mirror, round, offset);
            restore.now()?;
            result.with_context(|| format!("round {round}, at {offset}"))?;
        }
        ensure_idle(&mirror)?;
        mirror.verify()
    })
}

fn direct(context: &Context) -> Result<()> {
    let mut failed = Failed::default();
    with_pieces(context, |mirror, round, offset| {
        let file = mirror.direct()?;
        // Each method gets to all pieces.
        let at = round + round / (SIZE / PIECE);
        let method = *Method::ALL.iter().cycle().nth(at).context("no method")?;
        let run = |transfer: Transfer| {
            let mut transfers = [transfer];
            let result = method.run(&file, &mut transfers, 1)?.pop();
            let [transfer] = transfers;
            Ok::<_, anyhow::Error>((result.context("no result")?, transfer))
        };
        failed.reads += until_it_works(|| {
            let (result, transfer) = run(Transfer::read(offset as u64, PIECE)?)?;
            if let Ok(count) = result {
                ensure!(count == PIECE, "{count} bytes");
                pattern::compare(mirror.range(offset, PIECE), &transfer.buffer, offset as u64)?;
            }
            Ok(result.map(drop))
        })?;
        mirror.stamp(offset as u64, PIECE)?;
        failed.writes += until_it_works(|| {
            let mut bytes = AlignedBuf::new(PIECE)?;
            bytes.copy_from_slice(mirror.range(offset, PIECE));
            let (result, _) = run(Transfer::write(offset as u64, bytes))?;
            if let Ok(count) = result {
                ensure!(count == PIECE, "{count} bytes");
            }
            Ok(result.map(drop))
        })?;
        Ok(())
    })?;
    failed.ensure_both(context)
}

fn cached(context: &Context) -> Result<()> {
    let mut failed = Failed::default();
    with_pieces(context, |mirror, _, offset| {
        let file = mirror.buffered()?;
        // One request for each page.
        fadvise(&file, 0, None, Advice::Random).context("fadvise")?;
        for page in (offset..offset + PIECE).step_by(PAGE_SIZE) {
            failed.reads += until_it_works(|| read_part(&file, mirror, page, PAGE_SIZE))?;
        }
        let bytes = mirror.stamp(offset as u64, PIECE)?;
        failed.writes += until_it_works(|| {
            // Dirty, again: what failed was not.
            file.write_all_at(&bytes, offset as u64)
                .context("a write")?;
            Ok(sync_range::write_and_wait(&file, offset, PIECE))
        })?;
        Ok(())
    })?;
    failed.ensure_both(context)
}

fn parts(context: &Context) -> Result<()> {
    let mut failed = Failed::default();
    let mut fills = 0;
    with_pieces(context, |mirror, _, offset| {
        let file = mirror.buffered()?;
        for page in (offset..offset + PIECE).step_by(PAGE_SIZE) {
            let place = page as u64 + 50;
            let bytes = mirror.stamp(place, PAGE_SIZE - 100)?;
            let write = || file.write_all_at(&bytes, place);
            fills += until_it_works(|| Ok(write()))?;
            // Without what filesystems write of their own. Dirty, again: what failed was not.
            failed.writes += until_it_works(|| Ok(write().and_then(|()| file.sync_data())))?;
        }
        fadvise(&file, 0, None, Advice::DontNeed).context("fadvise")?;
        failed.reads += until_it_works(|| read_part(&file, mirror, offset, PIECE))?;
        Ok(())
    })?;
    context.note(format!("{fills} times a block could not be filled"));
    ensure!(fills > 0, "all blocks could be filled");
    failed.ensure_both(context)
}

fn read_part(file: &File, mirror: &Mirror, at: usize, length: usize) -> Result<io::Result<()>> {
    let mut bytes = vec![0xEE; length];
    let result = file.read_exact_at(&mut bytes, at as u64);
    if result.is_ok() {
        pattern::compare(mirror.range(at, length), &bytes, at as u64)?;
    }
    Ok(result)
}
