// SPDX-License-Identifier: GPL-2.0

//! A crowd on one file: buffered writers, stores, holes, truncates and direct writes,
//! each in sectors of its own that share blocks and folios with others', while
//! others read it in all ways, write it back and drop it, in little memory. Every
//! read sees what was written last to each sector, and so does the disk in the end.

mod ledger;
mod work;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, Context as _, Result};

use super::early_blocks::fill_holes;
use super::{KIB, MIB};
use crate::case::Case;
use crate::cgroup::MemoryLimit;
use crate::context::Context;
use crate::data::mirror::{drop_cache, open};
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use ledger::Ledger;
use work::Role;

pub const CASES: &[Case] = &[Case::new("crowd", suites::CROWD, crowd)
    .doc("Writers of all kinds, truncates, writeback and reclaim at once: each read returns the last write.")
    .holds(&["BW-3", "DR-4", "WB-7", "DIO-6", "DIO-33", "MK-2", "ZR-1"])
    .timeout(Duration::from_secs(300))];

const SEEDS: [u64; 3] = [11, 12, 13];

/// Where sectors of several writers alternate.
const MIXED: usize = MIB;
/// Where direct writes are: nothing dirty shares a folio with them.
const DIRECT: usize = 2 * MIB;
/// Where the file ends, now here, now there.
const END: usize = DIRECT + 256 * KIB;

/// What all have in common.
struct Crowd {
    path: PathBuf,
    ledger: Ledger,
    allocates: bool,
    zeroes: bool,
    /// How many writers are still at it.
    writing: AtomicUsize,
}

const WRITERS: &[Role] = &[
    Role::Buffered(0),
    Role::Buffered(1),
    Role::Stores,
    Role::Zeros,
    Role::Direct,
    Role::Truncates,
];
const OTHERS: &[Role] = &[Role::Reader, Role::Reader, Role::Flusher];

fn crowd(context: &Context) -> Result<()> {
    let limit = MemoryLimit::enter(8 * MIB)?;
    for seed in SEEDS {
        context.note(format!("seed {seed}"));
        one_seed(context, seed).with_context(|| format!("seed {seed}"))?;
    }
    limit.leave()
}

fn one_seed(context: &Context, seed: u64) -> Result<()> {
    let path = context.path(&format!("file-{seed}"))?;
    let file = File::create_new(&path)?;
    fill_holes(context, &file, MIXED)?;
    file.set_len(END as u64)?;
    let crowd = Crowd {
        path,
        ledger: Ledger::new(END),
        allocates: !context.is_ext2(),
        zeroes: !context.is_ext2(),
        writing: AtomicUsize::new(WRITERS.len()),
    };
    thread::scope(|scope| {
        let roles = WRITERS.iter().chain(OTHERS).enumerate();
        let workers: Vec<_> = roles
            .map(|(index, role)| {
                let crowd = &crowd;
                let seed = 100 * seed + index as u64;
                scope.spawn(move || {
                    let result = work::run(crowd, *role, seed);
                    if WRITERS.contains(role) {
                        crowd.writing.fetch_sub(1, Ordering::SeqCst);
                    }
                    result.with_context(|| format!("{role:?}"))
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    settle(&crowd)
}

/// All ways to the file agree with the ledger.
fn settle(crowd: &Crowd) -> Result<()> {
    let buffered = open(&crowd.path, 0)?;
    let mut bytes = AlignedBuf::new(END)?;
    let whole = |file: &File, bytes: &mut [u8]| {
        crowd
            .ledger
            .check(bytes, 0, |bytes| work::read(file, bytes, 0))
    };
    whole(&buffered, &mut bytes).context("in the page cache")?;
    buffered.sync_all().context("fsync")?;
    whole(&open(&crowd.path, libc::O_DIRECT)?, &mut bytes).context("on the disk")?;
    drop_cache(&buffered)?;
    whole(&buffered, &mut bytes).context("in a cold page cache")
}
