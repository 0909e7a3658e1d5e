// SPDX-License-Identifier: GPL-2.0

//! Programs at work on filesystems.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;

use anyhow::{anyhow, Context as _, Result};

use super::programs::{Program, Work};

/// A program at work on a filesystem.
pub struct Job {
    pub program: Program,
    pub kind: String,
    dir: PathBuf,
    runs: AtomicU64,
    operations: AtomicU64,
}

/// Every program in a directory of its own on every filesystem, of which there are the
/// kind and the root.
pub fn jobs<'a>(
    programs: &[Program],
    roots: impl Iterator<Item = (&'a str, PathBuf)>,
) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for (kind, root) in roots {
        for &program in programs {
            let dir = root.join(program.name());
            fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            jobs.push(Job::new(program, kind, dir));
        }
    }
    Ok(jobs)
}

impl Job {
    fn new(program: Program, kind: &str, dir: PathBuf) -> Self {
        Self {
            program,
            kind: kind.to_owned(),
            dir,
            runs: AtomicU64::new(0),
            operations: AtomicU64::new(0),
        }
    }

    /// Again and again until it is over; the error is the fault that it finds. Jobs that run
    /// at the same time have different numbers; seeds come from `base`.
    pub fn repeat(&self, base: u32, number: u64, over: impl Fn() -> bool) -> Result<()> {
        while !over() {
            let seed = seed(base, number, self.work().runs);
            let operations = self
                .program
                .run(&self.kind, &self.dir, seed)
                .with_context(|| self.name())?;
            self.operations.fetch_add(operations, Ordering::Relaxed);
            self.runs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits for the thread that does the job.
    pub fn join(&self, thread: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
        let panicked = || Err(anyhow!("its thread panicked").context(self.name()));
        thread.join().unwrap_or_else(|_| panicked())
    }

    /// What it has done so far.
    pub fn work(&self) -> Work {
        Work {
            runs: self.runs.load(Ordering::Relaxed),
            operations: self.operations.load(Ordering::Relaxed),
        }
    }

    /// `xfs.fsx`
    pub fn name(&self) -> String {
        format!("{}.{}", self.kind, self.program.name())
    }
}

/// The seed of a job's run: no two are the same, with whatever bases, as long as there are no
/// more than 32 jobs of 2^26 runs each. It fits the 63 bits that fio takes.
fn seed(base: u32, job: u64, run: u64) -> u64 {
    u64::from(base) << 31 | job << 26 | run
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::{panic, thread};

    use super::*;

    #[test]
    fn no_two_runs_have_the_same_seed() {
        let bases = [4, 5, u32::MAX];
        let runs = bases
            .iter()
            .flat_map(|&base| (0..20).map(move |job| (base, job)))
            .flat_map(|(base, job)| (0..500).map(move |run| seed(base, job, run)));
        let all: Vec<u64> = runs.collect();
        let different: BTreeSet<u64> = all.iter().copied().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|seed| seed >> 63 == 0));
    }

    #[test]
    fn a_thread_that_panicked_says_which_job_it_had() {
        let job = Job::new(Program::Fsx, "xfs", PathBuf::new());
        // As a panic, without its words on the terminal.
        let done =
            thread::scope(|scope| job.join(scope.spawn(|| panic::resume_unwind(Box::new(())))));
        let fault = done.err().map(|fault| format!("{fault:#}"));
        assert_eq!(fault.as_deref(), Some("xfs.fsx: its thread panicked"));
    }
}
