// SPDX-License-Identifier: GPL-2.0

//! `modules`: iomap_rs.ko for a cached kernel or for a person's own.

use std::path::Path;

use anyhow::Result;

use super::cached_kernel;
use crate::kernel::KernelTree;
use crate::modules::{self, Modules, ENGINE};
use crate::paths::Paths;
use crate::toolchain::Toolchain;

pub fn run(paths: &Paths, tools: &Toolchain, kdir: Option<&Path>) -> Result<()> {
    if let Some(dir) = kdir {
        let kernel = KernelTree::examine(dir, tools)?;
        let file = modules::build_engine(paths, tools, &kernel)?;
        println!("{} for Linux {}", file.display(), kernel.release()?);
        return Ok(());
    }
    let kernel = cached_kernel(paths, tools)?;
    let key = kernel.dir.file_name().unwrap_or_default();
    let into = paths.checkout.join("target/modules").join(key);
    let modules = Modules::build(paths, tools, &kernel, &into)?;
    for name in [ENGINE, "script_fs"] {
        let file = modules.path(name)?.display();
        println!("{file} for Linux {}", kernel.release()?);
    }
    Ok(())
}
