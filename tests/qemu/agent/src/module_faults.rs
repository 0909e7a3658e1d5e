// SPDX-License-Identifier: GPL-2.0

//! Loading a module without memory for what its initialisation asks for.

use std::io;

use anyhow::{ensure, Context as _, Result};
use rustix::thread::gettid;

use crate::context::Context;
use crate::memory;
use crate::sanitizers;
use crate::sys::memory_faults::{Fault, MemoryFaults};
use crate::sys::module;
use crate::trace;

/// The kernel's last words before a module's initialisation.
const LOADED: &str = "module_load";

/// How often loading fails at the end, when there is the most to be given back.
const ROUNDS: usize = 8;
/// The allocation that fails then is not always of the same number: there may be fewer
/// before it, or more where the kernel lacks what was kept before.
const FEWER: u32 = 8;
const MORE: u32 = 32;
/// The buffers of the pool of ioends alone.
const FORGOTTEN: usize = 128 * 1024;

/// What came of an attempt to load the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Its initialisation was not even called.
    NotCalled,
    /// It was refused for lack of memory.
    Refused,
    /// What `with_memory` is content with.
    AsEver,
}

/// A module, in the form of its file, that is to be loaded.
pub struct Loading<'a> {
    image: &'a [u8],
    /// Judges what comes of loading with all the memory that it takes, and unloads.
    with_memory: &'a dyn Fn(io::Result<()>) -> Result<()>,
    faults: MemoryFaults,
}

impl<'a> Loading<'a> {
    pub fn new(
        image: &'a [u8],
        with_memory: &'a dyn Fn(io::Result<()>) -> Result<()>,
    ) -> Result<Self> {
        Ok(Self {
            image,
            with_memory,
            faults: MemoryFaults::new()?,
        })
    }

    /// Has each of the initialisation's allocations fail, at least `least` of them, one
    /// at a time: it must be refused, and keep nothing.
    pub fn exhaust(&self, context: &Context, least: usize) -> Result<()> {
        // The first time warms up caches of the kernel.
        (self.with_memory)(module::load_image(self.image))?;
        let (result, total) = self.faults.count(|| module::load_image(self.image))?;
        (self.with_memory)(result)?;

        let mut refused = Vec::new();
        // From the end: where it begins is not known, and before that there is the
        // kernel's own part, which warns of lack of memory.
        for nth in (1..=total).rev() {
            match self.attempt(nth)? {
                Outcome::Refused => refused.push(nth),
                Outcome::AsEver => {}
                Outcome::NotCalled => break,
            }
        }
        let times = refused.len();
        context.note(format!("refused {times} times, of {total} allocations"));
        // The search for leaks asks for memory of its own with each allocation, and can do
        // without: the numbers in between are not met every time.
        let watched = sanitizers::look_for_leaks();
        let least = if watched { least / 2 } else { least };
        ensure!(
            times >= least,
            "refused {times} times only, instead of {least}"
        );
        if watched {
            context.note(format!("no verdict: {}", sanitizers::KEPT));
            return Ok(());
        }
        let last = refused.first().context("it has not been refused")?;
        self.keeps_nothing(context, *last)
    }

    /// Loads it without the allocation of that number.
    fn attempt(&self, nth: u32) -> Result<Outcome> {
        let fault = Fault::Nth(nth);
        let ((result, met), events) = trace::record(&["module/module_load"], || {
            self.faults.run(fault, || module::load_image(self.image))
        })?;
        let own = gettid().as_raw_nonzero().get();
        let called = events
            .iter()
            .any(|event| event.name == LOADED && event.task == own);
        match result {
            Err(_) if !called && met => Ok(Outcome::NotCalled),
            Err(error) if met && error.raw_os_error() == Some(libc::ENOMEM) => Ok(Outcome::Refused),
            result => {
                (self.with_memory)(result).with_context(|| fault.to_string())?;
                Ok(Outcome::AsEver)
            }
        }
    }

    /// Memory that is in use does not grow with refusals.
    fn keeps_nothing(&self, context: &Context, nth: u32) -> Result<()> {
        let before = memory::used(memory::KERNELS_OWN)?;
        let mut refused = 0;
        for _ in 0..ROUNDS {
            for near in nth.saturating_sub(FEWER).max(1)..nth + MORE {
                if self.attempt(near)? != Outcome::Refused {
                    break;
                }
                refused += 1;
            }
        }
        let grown = memory::used(memory::KERNELS_OWN)?.saturating_sub(before);
        context.metric("bytes_more_in_use", grown as f64);
        ensure!(
            refused >= ROUNDS,
            "refused {refused} times only in {ROUNDS} rounds"
        );
        ensure!(
            // It is not met in every round.
            grown < ROUNDS * FORGOTTEN / 4,
            "{grown} bytes more are in use after {ROUNDS} rounds"
        );
        Ok(())
    }
}
