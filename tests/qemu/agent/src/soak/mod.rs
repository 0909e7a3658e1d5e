// SPDX-License-Identifier: GPL-2.0

//! Soak: the usual exercisers on several filesystems at once, in little memory, for as
//! long as one likes. The host checks the disks afterwards.

mod jobs;
mod programs;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure, Result};

use crate::case::Case;
use crate::cgroup::MemoryLimit;
use crate::context::Context;
use crate::disk::Disk;
use crate::fs::MIB;
use crate::mounts::Mount;
use crate::suites;
pub use jobs::{jobs, Job};
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
    let time = Duration::from_secs(context.soak_seconds());
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
    let done = work_for(time, &jobs, context);
    limit.leave()?;
    for (job, done) in jobs.iter().zip(done?) {
        let name = job.name();
        context.metric(&format!("{name}.runs"), done.runs as f64);
        context.metric(&format!("{name}.operations"), done.operations as f64);
        ensure!(done.runs > 0, "{name} has not come to an end once");
    }
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
    drop(others);
    Ok(())
}

fn disks(context: &Context) -> Result<Vec<Disk>> {
    let roles = ["main"].iter().chain(OTHERS);
    roles.map(|role| context.disk(role)).collect()
}

/// Each job again and again, all at once, until the time is up or one finds a fault.
fn work_for(time: Duration, jobs: &[Job], context: &Context) -> Result<Vec<Work>> {
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
                    let result = job.repeat(number, over);
                    if result.is_err() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    result
                })
            })
            .collect();
        let mut next = Instant::now() + REPORT;
        while !workers.iter().all(|worker| worker.is_finished()) {
            thread::sleep(Duration::from_millis(100));
            if Instant::now() > next {
                let left = end.saturating_duration_since(Instant::now());
                context.note(format!("{} s left", left.as_secs()));
                next += REPORT;
            }
        }
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect()
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
