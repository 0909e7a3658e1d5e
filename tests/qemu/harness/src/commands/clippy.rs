// SPDX-License-Identifier: GPL-2.0

//! `clippy`: the kernel's lints over the engine, by Kbuild, for each way to link it.

use anyhow::{bail, Context, Result};

use crate::kernel::KernelTree;
use crate::modules;
use crate::paths::Paths;
use crate::toolchain::Toolchain;

/// The engine's crate alone.
const CRATE: &str = "iomap-rs/iomap_rs.o";

/// What make gets for each way. One kernel does for all, as what differs in the
/// Rust files hangs on `MODULE` and `iomap_rs_live` alone.
const WAYS: &[(&str, &[&str])] = &[
    (
        "built in",
        &["KBUILD_RUSTFLAGS_MODULE=", "KBUILD_CFLAGS_MODULE=", CRATE],
    ),
    ("hot-swapped", &["iomap-rs-live=y", CRATE]),
    // The last, so that the checkout has what is built most.
    ("as a module", &["modules"]),
];

pub fn run(paths: &Paths, tools: &Toolchain, kernel: &KernelTree) -> Result<()> {
    for (way, arguments) in WAYS {
        println!("the engine {way}:");
        let status = modules::make(tools, kernel, &paths.checkout)
            .args(["CLIPPY=1", "KRUSTFLAGS=-Dwarnings"])
            .args(*arguments)
            .status()
            .context("cannot run make")?;
        if !status.success() {
            bail!("clippy complains of the engine {way}");
        }
    }
    Ok(())
}
