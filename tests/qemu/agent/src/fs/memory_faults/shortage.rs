// SPDX-License-Identifier: GPL-2.0

//! Threads that read and write at once while there are no bios: those that the kernel and
//! the engine keep for such times have to do for all of them.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context as _, Result};

use super::call::Call;
use super::{buffered, direct, once, Subject, SIZE};
use crate::case::Case;
use crate::check::wait_until;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::buffer::PAGE_SIZE;
use crate::sys::fiemap;
use crate::sys::memory_faults::{MemoryFaults, Shortage};

pub const CASES: &[Case] = &[Case::new("nomem_bios", suites::XFS, crowd)
    .doc(
        "Reads, writeback and direct I/O at once get along with the few bios that are kept for \
         such times: none fails, none waits for ever.",
    )
    .holds(&["RD-15", "WB-7", "DIO-2"])];

/// How long a call may take, while others are made.
const PATIENCE: Duration = Duration::from_secs(20);

const THREADS: u8 = 3;

/// How often each thread makes each call: every other time all make the same at once.
const LAPS: usize = 8;

const CALLS: &[(&str, Call)] = &[
    ("reading", buffered::read),
    ("writing", buffered::write_over),
    ("fsync", buffered::fsync),
    ("reading directly", direct::read),
    ("writing directly", direct::write),
];

fn crowd(context: &Context) -> Result<()> {
    let mut subjects = (1..=THREADS)
        .map(|id| scattered(context, id))
        .collect::<Result<Vec<_>>>()?;
    let mut failed = 0;
    for turn in 0..LAPS * CALLS.len() {
        let apart = turn / CALLS.len() % 2;
        let calls = CALLS.iter().cycle().skip(turn).step_by(1 + apart);
        failed += at_once(&mut subjects, calls).with_context(|| format!("turn {turn}"))?;
    }
    context.note(format!("{failed} bios could not be allocated"));
    ensure!(failed > 0, "there was no allocation to fail");
    Ok(())
}

/// A file each page of which lies between two of another on the disk: it takes a bio each.
fn scattered(context: &Context, id: u8) -> Result<Subject> {
    let mut mirrors = [
        Mirror::create(context.path(&format!("file-{id}"))?, id)?,
        Mirror::create(context.path(&format!("between-{id}"))?, id)?,
    ];
    for offset in (0..SIZE).step_by(PAGE_SIZE) {
        for mirror in &mut mirrors {
            let file = mirror.direct()?;
            mirror.write(&file, offset as u64, PAGE_SIZE)?;
        }
    }
    let [mirror, _] = mirrors;
    let extents = fiemap::extents(&mirror.buffered()?)?.len();
    ensure!(
        extents >= SIZE / PAGE_SIZE,
        "the file has {extents} extents only"
    );
    Subject::new(context, mirror)
}

/// Makes a call on each file, all at once. How many allocations failed.
fn at_once(
    subjects: &mut [Subject],
    calls: impl Iterator<Item = &'static (&'static str, Call)>,
) -> Result<u32> {
    let shortage = Shortage::begin()?;
    let start = Barrier::new(subjects.len());
    thread::scope(|scope| {
        let (shortage, start) = (&shortage, &start);
        let threads: Vec<_> = subjects
            .iter_mut()
            .zip(calls)
            .map(|(subject, &(what, call))| {
                scope.spawn(move || make(shortage, start, subject, call).context(what))
            })
            .collect();
        let ended = wait_until(PATIENCE, "a call", || {
            threads.iter().all(|thread| thread.is_finished())
        });
        // Whoever still waits for a bio gets one now.
        let there_again = shortage.end();
        let made = threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?);
        ended.and(there_again).and(made)
    })?;
    shortage.failed()
}

/// Makes a call when all are ready; it must work.
fn make(shortage: &Shortage, start: &Barrier, subject: &mut Subject, call: Call) -> Result<()> {
    let ready = MemoryFaults::new().and_then(|faults| Ok((faults, call(subject)?)));
    start.wait();
    let (faults, attempt) = ready.context("preparation")?;
    once(subject, attempt, |call| {
        Ok((faults.run_short(shortage, call)?, false))
    })?;
    Ok(())
}
