// SPDX-License-Identifier: GPL-2.0

//! Soak: the usual exercisers on several filesystems at once, in little memory, for as
//! long as one likes. The host checks the disks afterwards.

mod jobs;
mod programs;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Result};

use crate::case::Case;
use crate::cgroup::MemoryLimit;
use crate::context::Context;
use crate::data::random::fresh_seed;
use crate::disk::Disk;
use crate::fs::MIB;
use crate::mounts::Mount;
use crate::suites;
pub use jobs::{jobs, Done, Job};
pub use programs::{Program, Work};

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[&[Case::new("everything", suites::SOAK, everything)
    .doc("fsx, fio, dbench and stress-ng on XFS, ext4, ext2 and ext2_rs at once find no fault.")
    .timeout(Duration::from_secs(180))]];

/// The disks besides the main one, by the filesystem on them, which is their role.
const OTHERS: &[&str] = &["ext4", "ext2", "ext2_rs"];

/// What all programs together may use, page cache included.
const MEMORY: usize = 128 * MIB;

/// How often the host hears that all goes well.
const REPORT: Duration = Duration::from_secs(30);

fn everything(context: &Context) -> Result<()> {
    let soak = context.soak();
    let time = Duration::from_secs(soak.seconds);
    let base = soak.seed.map_or_else(fresh_seed, Ok)?;
    context.note(format!("the seeds again: SOAK_SEED={base}"));
    let others = OTHERS
        .iter()
        .map(|role| Mount::disk(context, role))
        .collect::<Result<Vec<_>>>()?;
    let main = (context.fs(), context.dir()?);
    let disks = disks(context)?;
    let before = disks.iter().map(Traffic::of).collect::<Result<Vec<_>>>()?;

    let roots = OTHERS.iter().zip(&others).map(|(kind, mount)| {
        let root: &Path = mount.path();
        (*kind, root.to_owned())
    });
    let jobs = jobs(&Program::ALL, [main].into_iter().chain(roots))?;
    let limit = MemoryLimit::enter(MEMORY)?;
    let done = work_for(time, base, &jobs, context);
    let faults = tell_work(context, &jobs, &done);
    let reclaimed = limit.reclaimed()?;
    context.metric("pages_reclaimed", reclaimed as f64);
    let told = limit
        .leave()
        .and_then(|()| tell_traffic(context, &disks, &before));
    drop(others);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    ensure!(reclaimed > 0, "there was memory enough for everything");
    told
}

/// Tells what the jobs did, and how many have found a fault; what these say.
fn tell_work(context: &Context, jobs: &[Job], done: &[Done]) -> Vec<String> {
    for (job, done) in jobs.iter().zip(done) {
        let name = job.name();
        context.metric(&format!("{name}.runs"), done.work.runs as f64);
        context.metric(&format!("{name}.operations"), done.work.operations as f64);
    }
    let faults = faults(jobs, done);
    context.metric("errors", faults.len() as f64);
    faults
}

/// What the jobs have found, or else those that have been too slow to find anything.
fn faults(jobs: &[Job], done: &[Done]) -> Vec<String> {
    let found: Vec<String> = done
        .iter()
        .filter_map(|done| done.fault.as_ref())
        .map(|fault| format!("{fault:#}"))
        .collect();
    if !found.is_empty() {
        // It has ended the others before their time.
        return found;
    }
    jobs.iter()
        .zip(done)
        .filter(|(_, done)| done.work.runs == 0)
        .map(|(job, _)| format!("{} has not come to an end once", job.name()))
        .collect()
}

/// Tells what has gone to the disks and come from them.
fn tell_traffic(context: &Context, disks: &[Disk], before: &[Traffic]) -> Result<()> {
    rustix::fs::sync();
    for (disk, before) in disks.iter().zip(before) {
        let now = Traffic::of(disk)?;
        let mib = |sectors: u64| (sectors / 2048) as f64;
        let name = disk.name();
        context.metric(&format!("{name}.mib_read"), mib(now.read - before.read));
        context.metric(
            &format!("{name}.mib_written"),
            mib(now.written - before.written),
        );
    }
    Ok(())
}

fn disks(context: &Context) -> Result<Vec<Disk>> {
    let roles = ["main"].iter().chain(OTHERS);
    roles.map(|role| context.disk(role)).collect()
}

/// Each job again and again, all at once, until the time is up or one finds a fault.
fn work_for(time: Duration, base: u32, jobs: &[Job], context: &Context) -> Vec<Done> {
    let end = Instant::now() + time;
    let failed = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = jobs
            .iter()
            .zip(0..)
            .map(|(job, number)| {
                let failed = &failed;
                scope.spawn(move || {
                    let over = || Instant::now() >= end || failed.load(Ordering::Relaxed);
                    let done = job.repeat(base, number, over);
                    if done.fault.is_some() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    done
                })
            })
            .collect();
        let mut next = Instant::now() + REPORT;
        while !workers.iter().all(|worker| worker.is_finished()) {
            thread::sleep(Duration::from_millis(100));
            let left = end.saturating_duration_since(Instant::now());
            // Once the time is up, silence is how the host finds out that somebody hangs.
            if Instant::now() > next && !left.is_zero() {
                context.note(format!("{} s left", left.as_secs()));
                next += REPORT;
            }
        }
        let workers = jobs.iter().zip(workers);
        workers.map(|(job, worker)| Done::of(job, worker)).collect()
    })
}

/// What a disk has read and written so far, in sectors of 512 bytes.
struct Traffic {
    read: u64,
    written: u64,
}

impl Traffic {
    fn of(disk: &Disk) -> Result<Self> {
        Ok(Self {
            read: disk.sectors_read()?,
            written: disk.sectors_written()?,
        })
    }
}
