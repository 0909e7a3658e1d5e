// SPDX-License-Identifier: GPL-2.0

//! A switch in either direction, for tests of what is under way meanwhile.

use std::thread::{self, sleep, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{anyhow, ensure, Result};

use super::engine::{remove_leftover, Live, Released, NAME, PATIENCE};
use crate::check::wait_until;
use crate::sys::module;

/// Long enough for what should not happen to happen.
pub const A_WHILE: Duration = Duration::from_millis(300);
/// More than the module takes to leave when nothing leads into it.
const A_SECOND: Duration = Duration::from_secs(1);

/// Which engine ends what the other began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    Rust,
    C,
}

/// What there is of the module after a switch.
pub enum After {
    Serving(Live),
    Off(Released),
}

/// The engine that serves first.
pub fn first(towards: Towards) -> Result<Option<Live>> {
    Ok(match towards {
        Towards::Rust => {
            remove_leftover()?;
            None
        }
        Towards::C => Some(Live::load()?),
    })
}

/// Switches to the other engine; tasks are still being switched when this returns.
pub fn switch(first: Option<Live>) -> Result<After> {
    Ok(match first {
        None => After::Serving(Live::begin()?),
        Some(live) => After::Off(live.release()?),
    })
}

impl After {
    /// Waits until everybody is on the other engine.
    pub fn settle(&self) -> Result<()> {
        match self {
            Self::Serving(live) => live.settle(),
            Self::Off(released) => released.settle(),
        }
    }

    /// Brings the kernel back to C alone.
    pub fn remove(self) -> Result<()> {
        match self {
            Self::Serving(live) => live.remove(),
            Self::Off(released) => released.unload(),
        }
    }

    /// Starts to switch back, maybe before everybody is on the other engine.
    pub fn turn_back(self) -> Result<Self> {
        Ok(match self {
            Self::Serving(live) => Self::Off(live.release()?),
            Self::Off(released) => Self::Serving(released.resume()?),
        })
    }

    /// Unloads the module if it is off; nothing leads into it.
    pub fn unload(self) -> Result<Option<Live>> {
        match self {
            Self::Serving(live) => Ok(Some(live)),
            Self::Off(released) => released.unload().map(|()| None),
        }
    }

    /// Unloads in a thread, if it can be done yet.
    pub fn start_unloading<'scope>(
        self,
        scope: &'scope thread::Scope<'scope, '_>,
    ) -> Result<Unloading<'scope>> {
        match self {
            Self::Serving(live) => Ok(Unloading::Not(live)),
            Self::Off(released) => {
                let thread = scope.spawn(|| released.unload());
                wait_until(PATIENCE, "unloading to begin", || {
                    thread.is_finished() || module::is_going(NAME)
                })?;
                sleep(A_SECOND);
                ensure!(
                    !thread.is_finished(),
                    "the engine was unloaded although I/O leads into it"
                );
                Ok(Unloading::Waits(thread))
            }
        }
    }
}

/// The module on its way out, if it has served.
pub enum Unloading<'scope> {
    Not(Live),
    Waits(ScopedJoinHandle<'scope, Result<()>>),
}

impl Unloading<'_> {
    /// Brings the kernel back to C alone; nothing leads into the module any more.
    pub fn finish(self) -> Result<()> {
        match self {
            Self::Not(live) => live.remove(),
            Self::Waits(thread) => joined(thread),
        }
    }
}

/// The result of a thread.
pub fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))?
}
