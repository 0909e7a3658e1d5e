// SPDX-License-Identifier: GPL-2.0

//! Several threads at once, on one file or each on its own.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;

use anyhow::{anyhow, Result};

use super::files::{whole, written, written_directly, PAGE};
use super::measure::Bench;
use super::{workload, Needs, Workload};
use crate::data::random::Random;

pub const WORKLOADS: &[Workload] = &[
    workload("overwrite_one_file_1", Needs::Cached, |b| cached(b, 1, 1)),
    workload("overwrite_one_file_2", Needs::Cached, |b| cached(b, 2, 1)),
    workload("overwrite_one_file_4", Needs::Cached, |b| cached(b, 4, 1)),
    workload("overwrite_own_files_1", Needs::Cached, |b| cached(b, 1, 1)),
    workload("overwrite_own_files_2", Needs::Cached, |b| cached(b, 2, 2)),
    workload("overwrite_own_files_4", Needs::Cached, |b| cached(b, 4, 4)),
    workload("dio_read_one_file_1", Needs::Direct, |b| direct(b, 1, 1)),
    workload("dio_read_one_file_2", Needs::Direct, |b| direct(b, 2, 1)),
    workload("dio_read_one_file_4", Needs::Direct, |b| direct(b, 4, 1)),
    workload("dio_read_own_files_1", Needs::Direct, |b| direct(b, 1, 1)),
    workload("dio_read_own_files_2", Needs::Direct, |b| direct(b, 2, 2)),
    workload("dio_read_own_files_4", Needs::Direct, |b| direct(b, 4, 4)),
];

const FILE: usize = 8 << 20;

/// Operations of each thread in a batch.
const OPS: u64 = 4096;

/// Overwrites of cached pages.
fn cached(bench: &mut Bench<'_>, threads: usize, files: usize) -> Result<()> {
    let files = (0..files)
        .map(|number| written(bench, &number.to_string(), FILE))
        .collect::<Result<Vec<_>>>()?;
    run(bench, threads, &files, |file, page, offset| {
        file.write_at(page, offset)
    })
}

/// Direct reads, which may go on side by side.
fn direct(bench: &mut Bench<'_>, threads: usize, files: usize) -> Result<()> {
    let files = (0..files)
        .map(|number| written_directly(bench, &bench.path(&number.to_string()), FILE))
        .collect::<Result<Vec<_>>>()?;
    run(bench, threads, &files, |file, page, offset| {
        file.read_at(page, offset)
    })
}

/// Does `work` to random pages, in all threads.
fn run(
    bench: &mut Bench<'_>,
    threads: usize,
    files: &[File],
    work: fn(&File, &mut [u8], u64) -> std::io::Result<usize>,
) -> Result<()> {
    let mut memory = bench.data(threads * PAGE)?;
    for _ in bench.rounds() {
        bench.time_all(threads as u64 * OPS, || {
            // A thread takes far less to start than its operations do.
            thread::scope(|scope| {
                let running: Vec<_> = memory
                    .chunks_mut(PAGE)
                    .zip(files.iter().cycle())
                    .zip(1u64..)
                    .map(|((page, file), seed)| {
                        scope.spawn(move || {
                            let mut numbers = Random::new(seed);
                            (0..OPS).try_for_each(|_| {
                                let offset = numbers.below(FILE / PAGE) * PAGE;
                                whole(work(file, page, offset as u64), PAGE)
                            })
                        })
                    })
                    .collect();
                running.into_iter().try_for_each(|one| match one.join() {
                    Ok(result) => Ok(result?),
                    Err(_) => Err(anyhow!("a thread has panicked")),
                })
            })
        })?;
    }
    Ok(())
}
