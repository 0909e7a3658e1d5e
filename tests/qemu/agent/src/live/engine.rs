// SPDX-License-Identifier: GPL-2.0

//! The module that patches the kernel: in, off, out.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::check::wait_until;
use crate::sys::module;

/// Its name; the file is of the same name.
pub const NAME: &str = "iomap_rs_live";

/// How long a switch may take: livepatch nudges tasks that hold it up after 15 s, and
/// waits long for each function that it gives back if the machine is busy.
pub const PATIENCE: Duration = Duration::from_secs(200);

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

    /// Waits until everybody is on the Rust engine.
    pub fn settle(&self) -> Result<()> {
        wait_until(PATIENCE, "the switch to Rust", || !in_transition())
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
        wait_until(PATIENCE, "the switch to C", || !state("").exists())
    }

    /// Waits until everybody is on C, and unloads.
    pub fn remove(self) -> Result<()> {
        self.settle()?;
        self.unload()
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

/// Brings the kernel back to C if a test that failed has not.
fn remove_leftover() -> Result<()> {
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

/// A file of livepatch's directory for the module.
fn state(file: &str) -> PathBuf {
    Path::new("/sys/kernel/livepatch").join(NAME).join(file)
}
