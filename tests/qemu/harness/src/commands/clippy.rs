// SPDX-License-Identifier: GPL-2.0

//! `clippy`: the kernel's lints over the engine, by Kbuild.

use anyhow::{bail, Context, Result};

use crate::kernel::KernelTree;
use crate::modules;
use crate::paths::Paths;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain, kernel: &KernelTree) -> Result<()> {
    let status = modules::make(tools, kernel, &paths.checkout)
        .args(["CLIPPY=1", "KRUSTFLAGS=-Dwarnings", "modules"])
        .status()
        .context("cannot run make")?;
    if !status.success() {
        bail!("clippy complains");
    }
    Ok(())
}
