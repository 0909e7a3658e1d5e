// SPDX-License-Identifier: GPL-2.0

//! The kernel module.

use crate::vfs::{IoendPool, ZeroPages};
use kernel::prelude::*;

module! {
    type: Engine,
    name: "iomap_rs",
    author: "The iomap-rs authors",
    description: "iomap, the file range mapping engine, in Rust",
    license: "GPL",
}

/// What the engine holds while it is loaded. The pool of ioends goes first: that
/// waits for completions on their way.
struct Engine {
    _ioends: IoendPool,
    _zeros: ZeroPages,
}

impl kernel::Module for Engine {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _ioends: IoendPool::new()?,
            _zeros: ZeroPages::new()?,
        })
    }
}
