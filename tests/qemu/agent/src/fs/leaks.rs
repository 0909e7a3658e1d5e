// SPDX-License-Identifier: GPL-2.0

//! What the engine allocates for files comes back when they are gone.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};

use super::{KIB, MIB};
use crate::case::{skip, Case};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::init::mount_main;
use crate::memory;
use crate::sanitizers;
use crate::suites;
use crate::sys::buffer::{AlignedBuf, PAGE_SIZE};
use crate::sys::mount;

pub const CASES: &[Case] = &[Case::new("no_leak", suites::LEAKS, no_leak)
    .doc("Mounting, working and unmounting again and again uses no memory of the kernel up.")
    .holds(&["RL-1", "IN-3"])
    .timeout(Duration::from_secs(300))];

const WARM_UP: usize = 10;
const ROUNDS: usize = 40;
/// Folios that a round writes, at the least; and direct requests.
const FOLIOS: usize = 512;
const REQUESTS: usize = 64;
/// What a round would leave behind if it forgot the states of the folios (32 bytes
/// each), or the requests and their bios (256 bytes each).
const FORGOTTEN: usize = 16 * KIB;

fn no_leak(context: &Context) -> Result<()> {
    if sanitizers::look_for_leaks() {
        return skip(sanitizers::KEPT);
    }
    rounds(context, WARM_UP)?;
    let before = memory::used(&["SUnreclaim"])?;
    rounds(context, ROUNDS)?;
    let grown = memory::used(&["SUnreclaim"])?.saturating_sub(before);
    context.metric("bytes_per_round", (grown / ROUNDS) as f64);
    ensure!(
        grown < ROUNDS * FORGOTTEN / 2,
        "{grown} bytes more are in use after {ROUNDS} rounds"
    );
    Ok(())
}

fn rounds(context: &Context, count: usize) -> Result<()> {
    for number in 0..count {
        work(context, number).with_context(|| format!("round {number}"))?;
        mount::unmount(context.mount_point())?;
        mount_main(context.spec())?;
    }
    Ok(())
}

/// Folios of all kinds: written, read, partly uptodate, dirty at the unmount; and
/// direct I/O that ends well and badly.
fn work(context: &Context, number: usize) -> Result<()> {
    let path = context.path(&format!("file-{}", number % 2))?;
    let _ = fs::remove_file(&path);
    let mut mirror = Mirror::create(path, 1)?;
    let file = mirror.buffered()?;
    // Single pages, so that there are many folios.
    for page in 0..FOLIOS {
        mirror.write(&file, (page * PAGE_SIZE + 100) as u64, 1000)?;
    }
    file.sync_all().context("fsync")?;
    mirror.drop_cache()?;
    let mut part = [0; 100];
    for page in 0..REQUESTS {
        file.read_exact_at(&mut part, (page * PAGE_SIZE) as u64)?;
    }
    let direct = mirror.direct()?;
    let mut buffer = AlignedBuf::new(4 * KIB)?;
    for page in 0..REQUESTS {
        direct.read_exact_at(&mut buffer, (page * PAGE_SIZE) as u64)?;
        mirror.write(&direct, (page * PAGE_SIZE) as u64, PAGE_SIZE)?;
        let odd = buffer.get_mut(..100).unwrap_or_default();
        ensure!(
            direct.read_at(odd, 0).is_err(),
            "a direct read of 100 bytes"
        );
    }
    // Dirty when the filesystem goes.
    for page in 0..REQUESTS {
        mirror.write(&file, (page * PAGE_SIZE + 2000) as u64, 500)?;
    }
    file.set_len(4 * MIB as u64)?;
    Ok(())
}
