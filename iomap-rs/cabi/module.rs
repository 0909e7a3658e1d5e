// SPDX-License-Identifier: GPL-2.0

//! The kernel module.

#[cfg(iomap_rs_live)]
use super::live::Patch;
use crate::vfs::{IoendPool, ZeroPages};
use kernel::prelude::*;

#[cfg(not(iomap_rs_live))]
module! {
    type: Engine,
    name: "iomap_rs",
    author: "The iomap-rs authors",
    description: "iomap, the file range mapping engine, in Rust",
    license: "GPL",
}

#[cfg(iomap_rs_live)]
module! {
    type: Engine,
    name: "iomap_rs_live",
    author: "The iomap-rs authors",
    description: "iomap, the file range mapping engine, in Rust, in place of C's",
    license: "GPL",
}

/// What the engine holds while it is loaded, in the order in which it is given
/// back. The pool of ioends waits for completions on their way, so that it goes
/// before the zeros.
struct Engine {
    #[cfg(iomap_rs_live)]
    _patch: Patch,
    _ioends: IoendPool,
    _zeros: ZeroPages,
}

impl kernel::Module for Engine {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let ioends = IoendPool::new()?;
        let zeros = ZeroPages::new()?;
        Ok(Self {
            // Last: from here on the engine is called.
            #[cfg(iomap_rs_live)]
            _patch: Patch::apply()?,
            _ioends: ioends,
            _zeros: zeros,
        })
    }
}
