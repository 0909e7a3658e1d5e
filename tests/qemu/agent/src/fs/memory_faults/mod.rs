// SPDX-License-Identifier: GPL-2.0

//! Each system call that runs on the engine, with its first allocation failing,
//! then its second, and so on until there is none left to fail; then with no page
//! to be had after the first, the second... Each time the call works or says
//! ENOMEM, nothing but its own range changes, and the same call works right after. Where there
//! is something to say ENOMEM for, it does at least once.
//! Without any bios for a while they work, several at once.

pub mod buffered;
mod call;
pub mod direct;
pub mod report;
pub mod shortage;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use anyhow::{ensure, Context as _, Result};

use super::KIB;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::sys::memory_faults::{Fault, MemoryFaults};
use call::{Attempt, Call};

const SIZE: usize = 256 * KIB;

/// No call makes as many allocations as this.
const LIMIT: u32 = 2_000;

/// The file that calls are tried on.
pub struct Subject {
    /// Where there is room for others.
    pub dir: PathBuf,
    pub mirror: Mirror,
    pub buffered: File,
    pub direct: File,
}

impl Subject {
    fn new(context: &Context, mirror: Mirror) -> Result<Self> {
        Ok(Self {
            dir: context.dir()?,
            buffered: mirror.buffered()?,
            direct: mirror.direct()?,
            mirror,
        })
    }
}

/// What a call is to fail without, at least once: where that never happens, some allocation
/// waits for memory that may never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// It waits for all that it cannot do without, or has it already.
    Nothing,
    /// Something small, such as the request itself.
    Objects,
    /// Pages, such as those of the page cache.
    Pages,
}

/// Runs `call` with each of its allocations failing once.
fn exhaust(context: &Context, needs: Needs, call: Call) -> Result<()> {
    context.fill_free_space()?;
    let faults = MemoryFaults::new()?;
    let mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
    let mut subject = Subject::new(context, mirror)?;
    let mut met = 0;
    for (what, lack, make) in [
        (
            "allocations",
            Needs::Objects,
            Fault::Nth as fn(u32) -> Fault,
        ),
        ("pages", Needs::Pages, |number| {
            Fault::PagesAfter(number - 1)
        }),
    ] {
        let mut failed = 0;
        let mut number = 0;
        loop {
            number += 1;
            ensure!(number < LIMIT, "no end after {LIMIT} {what}");
            let fault = make(number);
            let attempt = call(&mut subject).context("preparation")?;
            let outcome = once(&subject, attempt, |call| faults.run(fault, call));
            match outcome.with_context(|| fault.to_string())? {
                Outcome::Unharmed => break,
                Outcome::Worked => {}
                Outcome::Failed => failed += 1,
            }
            met += 1;
        }
        context.note(format!(
            "{} {what}: the call failed {failed} times",
            number - 1
        ));
        ensure!(
            failed > 0 || needs != lack,
            "the call has never failed for want of {what}"
        );
    }
    ensure!(met > 0, "there was no allocation to fail");
    Ok(())
}

/// What became of one call.
enum Outcome {
    /// It did not get as far as to the fault.
    Unharmed,
    /// The fault did not matter.
    Worked,
    Failed,
}

/// Has `run` make the call, and tell whether that met a fault.
fn once(
    subject: &Subject,
    mut attempt: Attempt,
    run: impl FnOnce(&mut dyn FnMut() -> io::Result<()>) -> Result<(io::Result<()>, bool)>,
) -> Result<Outcome> {
    let (result, injected) = run(&mut attempt.call)?;
    let outcome = match result {
        Ok(()) if injected => Outcome::Worked,
        Ok(()) => Outcome::Unharmed,
        Err(error) if injected && error.raw_os_error() == Some(libc::ENOMEM) => {
            let found = fs::read(subject.mirror.path()).context("reading after a failure")?;
            attempt.check_partial(&found, subject.mirror.bytes())?;
            (attempt.call)().context("the same call again")?;
            Outcome::Failed
        }
        Err(error) => return Err(error).context(if injected { "not ENOMEM" } else { "no fault" }),
    };
    attempt.undo()?;
    subject.mirror.verify().context("afterwards")?;
    Ok(outcome)
}
