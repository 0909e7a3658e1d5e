// SPDX-License-Identifier: GPL-2.0

//! Programs at work on filesystems.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::programs::{Program, Work};

/// A program at work on a filesystem.
pub struct Job {
    pub program: Program,
    pub kind: String,
    dir: PathBuf,
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
            jobs.push(Job {
                program,
                kind: kind.to_owned(),
                dir,
            });
        }
    }
    Ok(jobs)
}

impl Job {
    /// Again and again until it is over, or a fault is found. Jobs that run at the same
    /// time have different numbers.
    pub fn repeat(&self, number: u64, over: impl Fn() -> bool) -> Result<Work> {
        let mut sum = Work::default();
        while !over() {
            // Of any two runs the seeds differ.
            let seed = number << 32 | sum.runs;
            let operations = self
                .program
                .run(&self.kind, &self.dir, seed)
                .with_context(|| self.name())?;
            sum.operations += operations;
            sum.runs += 1;
        }
        Ok(sum)
    }

    /// `xfs.fsx`
    pub fn name(&self) -> String {
        format!("{}.{}", self.kind, self.program.name())
    }
}
