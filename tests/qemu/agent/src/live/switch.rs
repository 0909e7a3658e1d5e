// SPDX-License-Identifier: GPL-2.0

//! Switching back and forth while everything is in use.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context as _, Result};

use super::engine::{calls, Live};
use super::{KIB, LONG, MIB};
use crate::case::{skip, Case};
use crate::cgroup::MemoryLimit;
use crate::context::Context;
use crate::load::{Kind, Load};
use crate::memory;
use crate::mounts::Mount;
use crate::sanitizers;
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("back_and_forth", suites::LIVE, back_and_forth)
    .doc(
        "Engines are switched many times while XFS, ext4, ext2, btrfs, f2fs and a bare disk are \
         read and written in all ways with little memory: every byte stays right.",
    )
    .timeout(LONG),
    Case::new("nothing_left_behind", suites::LIVE, nothing_left_behind)
        .doc("Memory that the kernel uses does not grow by loading and unloading.")
        .timeout(LONG),
];

/// How often the host hears how far this is.
const REPORT: Duration = Duration::from_secs(60);

/// The disks besides the main one, by the filesystem on them, which is their role.
const OTHERS: &[&str] = &["ext4", "ext2", "btrfs", "f2fs"];

/// What the threads, their files in memory and the page cache may take: less than they
/// would like to.
const MEMORY: usize = 64 * MIB;

/// From the usual to the least urgent.
const LEAST: i32 = 19;

/// What a round would leave behind if it forgot anything of the module.
const FORGOTTEN: usize = 16 * KIB;
/// What may come and go under load without the module.
const NOISE: usize = 4 * MIB;
/// What so many rounds forget under load is more than that.
const MANY_ROUNDS: usize = 500;
const QUIET_ROUNDS: usize = 16;

fn back_and_forth(context: &Context) -> Result<()> {
    let switches = context.switches();
    // The first of all rounds warms up caches of the kernel.
    Live::load()?.remove()?;
    let before = memory::used(memory::KERNELS_OWN)?;
    let mounts = OTHERS
        .iter()
        .map(|role| Mount::disk(context, role))
        .collect::<Result<Vec<_>>>()?;
    under_load(context, switches, &mounts)?;
    drop(mounts);
    let rounds = usize::try_from(switches / 2)?;
    let grown = grown_since(context, before)?;
    let no_verdict = match rounds {
        ..MANY_ROUNDS => Some("after so few rounds"),
        _ if sanitizers::look_for_leaks() => Some(sanitizers::KEPT),
        _ => None,
    };
    if let Some(why) = no_verdict {
        context.note(format!(
            "{} KiB more are in use after {rounds} rounds, no verdict: {why}",
            grown / KIB
        ));
        return Ok(());
    }
    ensure_small(grown, NOISE, rounds)
}

/// Without load, what the kernel uses hardly changes by itself.
fn nothing_left_behind(context: &Context) -> Result<()> {
    if sanitizers::look_for_leaks() {
        return skip(sanitizers::KEPT);
    }
    Live::load()?.remove()?;
    let before = memory::used(memory::KERNELS_OWN)?;
    for _ in 0..QUIET_ROUNDS {
        Live::load()?.remove()?;
    }
    ensure_small(grown_since(context, before)?, 0, QUIET_ROUNDS)
}

/// By how many bytes the kernel uses more for itself than then.
fn grown_since(context: &Context, before: usize) -> Result<usize> {
    let grown = memory::used(memory::KERNELS_OWN)?.saturating_sub(before);
    context.metric("kib_more_in_use", (grown / KIB) as f64);
    Ok(grown)
}

fn ensure_small(grown: usize, noise: usize, rounds: usize) -> Result<()> {
    ensure!(
        grown < noise + rounds * FORGOTTEN / 2,
        "{grown} bytes more are in use after {rounds} rounds"
    );
    Ok(())
}

/// Everything is in use while engines are switched.
fn under_load(context: &Context, switches: u64, mounts: &[Mount]) -> Result<()> {
    let main = context.dir()?;
    let bare = context.disk("bare")?;
    let bytes = bare.number::<usize>("size")? * 512;
    let limit = MemoryLimit::enter(MEMORY)?;
    let load = Load::default();
    let start = Instant::now();
    let served = thread::scope(|scope| {
        // The load steps aside for whoever switches.
        rustix::process::nice(LEAST)?;
        let mut workers = Vec::new();
        let directories = mounts.iter().map(Mount::path).chain([main.as_path()]);
        for (number, directory) in (0_u8..).step_by(2).zip(directories) {
            workers.push(load.start(scope, directory, Kind::Cached, number + 1));
            workers.push(load.start(scope, directory, Kind::Direct, number + 2));
        }
        workers.push(load.start_on_device(scope, bare.path(), bytes, 99));
        rustix::process::nice(-LEAST)?;
        let switched = switch(context, switches, &load);
        load.stop();
        // All threads are heard, even if switching has failed.
        let joined: Vec<Result<()>> = workers.into_iter().map(|worker| worker.join()).collect();
        for result in joined {
            result?;
        }
        switched
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let reclaimed = limit.reclaimed()?;
    limit.leave()?;
    context.metric("pages_reclaimed", reclaimed as f64);
    ensure!(reclaimed > 0, "there was memory enough for everything");
    context.note(format!(
        "{switches} switches and {} steps in {seconds:.0} s; {served} calls of the Rust engine",
        load.steps()
    ));
    for mount in mounts {
        for entry in std::fs::read_dir(mount.path()).context("cannot list")? {
            let path = entry.context("cannot list")?.path();
            if path.is_file() {
                std::fs::remove_file(&path).context("cannot remove")?;
            }
        }
    }
    ensure!(served > 0, "the Rust engine was never called");
    Ok(())
}

/// Switches that many times; how often the Rust engine was called.
pub fn switch(context: &Context, switches: u64, load: &Load) -> Result<u64> {
    let mut served = 0;
    let mut report = Instant::now() + REPORT;
    for number in 0..switches.div_ceil(2) {
        if Instant::now() > report {
            context.note(format!("{} switches so far", 2 * number));
            report += REPORT;
        }
        let live = Live::load().with_context(|| format!("round {number}"))?;
        // At times the next switch comes at once, at times when work was done.
        if number % 2 == 0 {
            let before = load.steps();
            let end = Instant::now() + Duration::from_secs(20);
            while load.steps() < before + 10 && Instant::now() < end {
                thread::sleep(Duration::from_millis(2));
            }
        }
        served += calls()?;
        live.remove().with_context(|| format!("round {number}"))?;
    }
    Ok(served)
}
