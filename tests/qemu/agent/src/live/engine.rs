// SPDX-License-Identifier: GPL-2.0

//! The module that patches the kernel: in, off, out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::check::wait_until;
use crate::sys::module;

/// Its name; the file is of the same name.
pub const NAME: &str = "iomap_rs_live";

/// How long nothing may happen: livepatch nudges tasks that hold it up after 15 s.
pub const PATIENCE: Duration = Duration::from_secs(100);

/// What livepatch says of a task during a transition: which functions it is on.
const ON_C: &str = "0";
const ON_RUST: &str = "1";

/// The module's file in the guest.
pub fn file() -> PathBuf {
    Path::new("/modules").join(NAME).with_extension("ko")
}

/// The Rust engine in the place of C's, to be given back.
#[must_use = "the kernel stays patched"]
pub struct Live(());

impl Live {
    /// Loads the module; tasks are still being switched when this returns.
    pub fn begin() -> Result<Self> {
        remove_leftover()?;
        module::load(&file(), "")?;
        Ok(Self(()))
    }

    /// Loads the module and waits until everybody is on it.
    pub fn load() -> Result<Self> {
        let live = Self::begin()?;
        live.settle()?;
        Ok(live)
    }

    /// The same from the module's file, opened while it was in sight.
    pub fn load_from(module: &File) -> Result<Self> {
        module::load_file(module, "").context("cannot load the engine")?;
        let live = Self(());
        live.settle()?;
        Ok(live)
    }

    /// The engine that was loaded before, if one was.
    pub fn loaded() -> Option<Self> {
        module::is_loaded(NAME).then_some(Self(()))
    }

    /// Whether everybody is on the Rust engine, and is to stay there.
    pub fn serves_all(&self) -> bool {
        let enabled = fs::read_to_string(state("enabled"));
        enabled.is_ok_and(|text| text.trim() == "1") && !in_transition()
    }

    /// Waits until everybody is on the Rust engine.
    pub fn settle(&self) -> Result<()> {
        settle()
    }

    /// Starts to give back; tasks are still being switched when this returns.
    pub fn release(self) -> Result<Released> {
        fs::write(state("enabled"), "0").context("cannot switch the engine off")?;
        Ok(Released(()))
    }

    /// Gives back, waits until everybody is on C, and unloads.
    pub fn remove(self) -> Result<()> {
        self.release()?.remove()
    }
}

/// The module when it is switched off, not unloaded.
#[must_use = "the module stays loaded"]
pub struct Released(());

impl Released {
    /// Waits until everybody is on the C engine.
    pub fn settle(&self) -> Result<()> {
        wait_for_switch("the switch to C", ON_RUST, || !state("").exists())
    }

    /// Waits until everybody is on C, and unloads.
    pub fn remove(self) -> Result<()> {
        self.settle()?;
        self.unload()
    }

    /// Takes the service up again, which can be done while tasks are being switched.
    pub fn resume(self) -> Result<Live> {
        fs::write(state("enabled"), "1").context("cannot switch the engine on again")?;
        Ok(Live(()))
    }

    /// Unloads the module, which waits for what leads into it.
    pub fn unload(self) -> Result<()> {
        // Livepatch drops its reference to the module a little after it is done.
        let end = Instant::now() + PATIENCE;
        loop {
            match module::unload(NAME) {
                Ok(()) => return Ok(()),
                Err(error)
                    if error.raw_os_error() == Some(libc::EWOULDBLOCK) && Instant::now() < end =>
                {
                    sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error).context("cannot unload the engine"),
            }
        }
    }
}

/// Waits until everybody is on the Rust engine, if that was loaded.
pub fn settle() -> Result<()> {
    wait_for_switch("the switch to Rust", ON_C, || !in_transition())
}

/// Brings the kernel back to C if a test that failed has not.
pub fn remove_leftover() -> Result<()> {
    if !module::is_loaded(NAME) {
        return Ok(());
    }
    match Live(()).release() {
        Ok(released) => released,
        // It is off, or on its way.
        Err(_) => Released(()),
    }
    .remove()
}

/// How often the kernel has called the Rust engine since it was loaded.
pub fn calls() -> Result<u64> {
    let path = Path::new("/sys/module").join(NAME).join("parameters/calls");
    let text = fs::read_to_string(path).context("no count of calls")?;
    text.trim().parse().context("the count of calls")
}

/// Whether tasks are still being switched.
pub fn in_transition() -> bool {
    let text = fs::read_to_string(state("transition"));
    text.is_ok_and(|text| text.trim() == "1")
}

/// Waits for a switch. On a busy machine it may take any time, as long as it gets on.
fn wait_for_switch(what: &str, old: &str, done: impl Fn() -> bool) -> Result<()> {
    let mut left = left_to_do(old)?;
    loop {
        let Err(error) = wait_until(PATIENCE, what, &done) else {
            return Ok(());
        };
        let now = left_to_do(old)?;
        if now >= left {
            return Err(error.context(format!("stuck: {now} tasks and functions are left")));
        }
        left = now;
    }
}

/// How many tasks are still on the old functions, and how many functions are still
/// redirected, which livepatch undoes one after the other.
fn left_to_do(old: &str) -> Result<usize> {
    let mut tasks = 0;
    for process in fs::read_dir("/proc").context("cannot list /proc")? {
        // What is no process, or has ended meanwhile, has no threads.
        let threads = process.map(|process| fs::read_dir(process.path().join("task")));
        for thread in threads.into_iter().flatten().flatten().flatten() {
            let state = fs::read_to_string(thread.path().join("patch_state"));
            tasks += usize::from(state.is_ok_and(|state| state.trim() == old));
        }
    }
    let redirected = fs::read_to_string("/sys/kernel/tracing/enabled_functions")
        .context("cannot read which functions are redirected")?;
    Ok(tasks + redirected.lines().count())
}

/// A file of livepatch's directory for the module.
fn state(file: &str) -> PathBuf {
    Path::new("/sys/kernel/livepatch").join(NAME).join(file)
}
