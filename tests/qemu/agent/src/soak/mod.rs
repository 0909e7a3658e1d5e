// SPDX-License-Identifier: GPL-2.0

//! Soak: the usual exercisers on several filesystems at once, in little memory, for as
//! long as one likes. The host checks the disks afterwards.

mod jobs;
mod programs;
mod rounds;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::SoakSpec;

use crate::case::Case;
use crate::cgroup::MemoryLimit;
use crate::context::Context;
use crate::data::random::fresh_seed;
use crate::disk::Disk;
use crate::fs::MIB;
use crate::mounts::Mount;
use crate::suites;
pub use jobs::{jobs, Job};
pub use programs::{Program, Work};
use rounds::Round;

/// The tables of this directory's files.
pub const CASES: &[&[Case]] = &[&[Case::new("everything", suites::SOAK, everything)
    .doc(
        "fsx, fio, dbench and stress-ng on XFS, ext4, ext2 and ext2_rs at once find no fault, \
         and what earlier rounds have left is still there.",
    )
    .timeout(Duration::from_secs(180))]];

/// The disks besides the main one, by the filesystem on them, which is their role.
const OTHERS: &[&str] = &["ext4", "ext2", "ext2_rs"];

/// What all programs together may use, page cache included.
const MEMORY: usize = 128 * MIB;

/// How often the host hears that all goes well, and what has been done: the last it hears
/// counts if the guest dies.
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
    let main = (context.fs(), context.mount_point());
    let roots = OTHERS.iter().copied().zip(others.iter().map(Mount::path));
    let rounds = [main]
        .into_iter()
        .chain(roots)
        .map(|(kind, root)| {
            let round = Round::begin(root, soak.round).with_context(|| kind.to_owned())?;
            context.note(format!(
                "{kind} is as it should be before round {}",
                soak.round
            ));
            Ok((kind, round))
        })
        .collect::<Result<Vec<_>>>()?;
    let disks = disks(context)?;
    let before = disks.iter().map(Traffic::of).collect::<Result<Vec<_>>>()?;

    let dirs = rounds.iter().map(|(kind, round)| (*kind, round.dir()));
    let jobs = jobs(&Program::ALL, dirs)?;
    let limit = MemoryLimit::enter(MEMORY)?;
    let done = work_for(time, base, &jobs, |left| {
        context.note(format!("{} s left", left.as_secs()));
        tell_work(context, &jobs);
        // If it cannot be told now, it cannot be told in the end, and that is an error.
        let _ = tell_traffic(context, &disks, &before);
    });
    tell_work(context, &jobs);
    let faults = faults(&jobs, &done);
    context.metric(SoakSpec::FAULTS, faults.len() as f64);
    let reclaimed = limit.reclaimed()?;
    context.metric("pages_reclaimed", reclaimed as f64);
    let told = limit.leave().and_then(|()| {
        rustix::fs::sync();
        tell_traffic(context, &disks, &before)
    });
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    ensure!(reclaimed > 0, "there was memory enough for everything");
    told?;
    for (kind, round) in &rounds {
        round.end().with_context(|| (*kind).to_owned())?;
    }
    Ok(())
}

/// Tells what the jobs have done so far.
fn tell_work(context: &Context, jobs: &[Job]) {
    for job in jobs {
        let (name, work) = (job.name(), job.work());
        context.metric(&format!("{name}.runs"), work.runs as f64);
        context.metric(&format!("{name}.operations"), work.operations as f64);
    }
}

/// What the jobs have found, or else those that have been too slow to find anything.
fn faults(jobs: &[Job], done: &[Result<()>]) -> Vec<String> {
    let found = done.iter().filter_map(|done| done.as_ref().err());
    let found: Vec<String> = found.map(|fault| format!("{fault:#}")).collect();
    if !found.is_empty() {
        // It has ended the others before their time.
        return found;
    }
    jobs.iter()
        .filter(|job| job.work().runs == 0)
        .map(|job| format!("{} has not come to an end once", job.name()))
        .collect()
}

/// Tells what has gone to the disks and come from them so far.
fn tell_traffic(context: &Context, disks: &[Disk], before: &[Traffic]) -> Result<()> {
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

/// Each job again and again, all at once, until the time is up or one finds a fault. From time
/// to time `report` hears how much is left.
fn work_for(time: Duration, base: u32, jobs: &[Job], report: impl Fn(Duration)) -> Vec<Result<()>> {
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
                    if done.is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    done
                })
            })
            .collect();
        let mut next = Instant::now();
        while !workers.iter().all(|worker| worker.is_finished()) {
            thread::sleep(Duration::from_millis(100));
            let left = end.saturating_duration_since(Instant::now());
            // Once the time is up, silence is how the host finds out that somebody hangs.
            if Instant::now() > next && !left.is_zero() {
                report(left);
                next += REPORT;
            }
        }
        let workers = jobs.iter().zip(workers);
        workers.map(|(job, worker)| job.join(worker)).collect()
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
