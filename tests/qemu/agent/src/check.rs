// SPDX-License-Identifier: GPL-2.0

//! What tests say of one call's result, and of what should come about.

use std::fmt::Debug;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context as _, Result};

use crate::sanitizers::slowness;

/// How often [`wait_until`] asks.
const PAUSE: Duration = Duration::from_millis(2);

/// The call must fail, with that errno.
pub fn fails_with<T: Debug>(result: io::Result<T>, errno: i32, what: &str) -> Result<()> {
    let expected = io::Error::from_raw_os_error(errno);
    match result {
        Err(error) if error.raw_os_error() == Some(errno) => Ok(()),
        Err(error) => bail!("{what}: {error} instead of {expected}"),
        Ok(value) => bail!("{what}: worked ({value:?}) instead of {expected}"),
    }
}

/// The call must transfer exactly that many bytes.
pub fn transfers(result: io::Result<usize>, bytes: usize, what: &str) -> Result<()> {
    let count = result.with_context(|| what.to_owned())?;
    ensure!(count == bytes, "{what}: {count} bytes instead of {bytes}");
    Ok(())
}

/// How long to wait on this kernel for what takes no longer than `usual` on others.
pub fn patience(usual: Duration) -> Duration {
    usual * slowness()
}

/// `done` must come about within the [`patience`]; asks again and again.
pub fn wait_until(usual: Duration, what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let patience = patience(usual);
    let end = Instant::now() + patience;
    while !done() {
        ensure!(Instant::now() < end, "{what} takes more than {patience:?}");
        sleep(PAUSE);
    }
    Ok(())
}
