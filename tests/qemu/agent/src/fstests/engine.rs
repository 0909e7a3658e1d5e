// SPDX-License-Identifier: GPL-2.0

//! Who serves the tests: the engine that the guest was booted with, or in turns the C
//! engine and the one that takes its place.

use std::fs::File;

use anyhow::{ensure, Context as _, Result};
use iomap_qemu_protocol::Link;

use crate::live::engine::{self, Live};
use crate::sys::module;

/// The engine that serves, and how to get at the other one.
pub struct Engine {
    /// How the kernel that was booted has the Rust engine.
    boot: Link,
    /// The module for a kernel that has it at run time: the tests' root hides its path.
    module: Option<File>,
    live: Option<Live>,
}

impl Engine {
    /// The one that the guest has come up with.
    pub fn of_boot(boot: Link) -> Result<Self> {
        let open = || File::open(engine::file()).context("cannot open the engine's module");
        Ok(Self {
            boot,
            module: (boot == Link::Live).then(open).transpose()?,
            live: Live::loaded(),
        })
    }

    fn serving(&self) -> Link {
        match (self.boot, &self.live) {
            (Link::Live, None) => Link::C,
            (boot, _) => boot,
        }
    }

    /// Lets that engine serve, everybody, before this returns.
    pub fn switch_to(&mut self, wanted: Link) -> Result<()> {
        match (self.serving(), wanted) {
            (Link::C, Link::Live) => {
                let module = self.module.as_ref().context("no module to switch to")?;
                self.live = Some(Live::load_from(module)?);
            }
            (Link::Live, Link::C) => {
                if let Some(live) = self.live.take() {
                    live.remove()?;
                }
            }
            _ => {}
        }
        ensure!(
            self.serving() == wanted,
            "the guest has the {}, not the {}",
            self.serving().engine(),
            wanted.engine()
        );
        Ok(())
    }

    /// How often the Rust engine was called since it was loaded, by its own count; an error
    /// if it is not the engine that should serve that does. `None` where there is no choice.
    pub fn calls(&self) -> Result<Option<u64>> {
        match (self.boot, &self.live) {
            (Link::Live, Some(live)) => {
                ensure!(live.serves_all(), "the Rust engine does not serve");
                engine::calls().map(Some)
            }
            (Link::Live, None) => {
                ensure!(
                    !module::is_loaded(engine::NAME),
                    "the C engine does not serve"
                );
                Ok(Some(0))
            }
            _ => Ok(None),
        }
    }
}
