// SPDX-License-Identifier: GPL-2.0

//! What the engine's module holds while it is loaded, and gives back, also if there is
//! too little memory for all of it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
use crate::memory;
use crate::module_faults::Loading;
use crate::sanitizers;
use crate::suites::SCRIPT;
use crate::sys::module;

use super::cached::Cached;
use super::scripted::Scripted;

pub const CASES: &[Case] = &[
    Case::new("module_gives_memory_back", SCRIPT, gives_memory_back)
        .doc("Loading and unloading the engine again and again does not use memory up.")
        .holds(&["IN-1", "IN-3"]),
    Case::new("nomem_module", SCRIPT, without_memory)
        .doc(
            "Without memory for its pool of ioends or its zeros the engine is not loaded, and \
             keeps nothing; with memory it is.",
        )
        .holds(&["IN-1", "IN-2", "IN-3"])
        .timeout(Duration::from_secs(300)),
];

const ENGINE: &str = "iomap_rs";
const FILESYSTEM: &str = "script_fs";

fn gives_memory_back(context: &Context) -> Result<()> {
    /// The buffers of the pool of ioends alone are 128 KiB.
    const FORGOTTEN: usize = 128 * 1024;
    const ROUNDS: usize = 32;

    context.needs_module()?;
    // The first round warms up caches of the kernel.
    reload(context)?;
    // Not how much is free: pages that a processor keeps at hand are not.
    let before = memory::used(memory::KERNELS_OWN)?;
    for _ in 0..ROUNDS {
        reload(context)?;
    }
    let grown = memory::used(memory::KERNELS_OWN)?.saturating_sub(before);
    context.metric("bytes_more_in_use", grown as f64);
    if sanitizers::look_for_leaks() {
        context.note(format!("no verdict: {}", sanitizers::KEPT));
    } else {
        ensure!(
            grown < ROUNDS * FORGOTTEN / 2,
            "{grown} bytes more are in use after {ROUNDS} rounds"
        );
    }
    works(context)
}

fn without_memory(context: &Context) -> Result<()> {
    /// Both mempools of the pool have so many elements; the pages of zeros are one more.
    const ELEMENTS: usize = 32;

    context.needs_module()?;
    unload()?;
    let refused = refused_without_memory(context, 2 * ELEMENTS + 1);
    // For other tests, too.
    load(context)?;
    refused?;
    works(context)
}

fn refused_without_memory(context: &Context, least: usize) -> Result<()> {
    let image = fs::read(path(context, ENGINE)?).context("cannot read the engine's module")?;
    let unload_it = |result: io::Result<()>| {
        result.context("cannot load the engine")?;
        module::unload(ENGINE).context("cannot unload the engine")
    };
    Loading::new(&image, &unload_it)?.exhaust(context, least)
}

fn works(context: &Context) -> Result<()> {
    wrote_back(context)?;
    let script = "inode size=4096\nextent offset=0 length=4096 addr=65536";
    ensure!(Scripted::new(context, script)?.read(0, 4096)?.0 == 4096);
    Ok(())
}

/// Writeback works at once, too: its pool of bios is there.
fn wrote_back(context: &Context) -> Result<()> {
    let script = "inode size=4096\nextent offset=0 length=4096 addr=65536\nbuffered";
    let fs = Cached::new(context, script)?;
    fs.put_all(0, 4096, 0xCC)?;
    fs.expect_bios(&["WS 128+8"], || Ok(fs.cache().sync_all()?))?;
    fs.expect_stored(65536, &[0xCC; 4096])
}

fn reload(context: &Context) -> Result<()> {
    unload()?;
    load(context)
}

fn unload() -> Result<()> {
    module::unload(FILESYSTEM).context("cannot unload script_fs")?;
    module::unload(ENGINE).context("cannot unload the engine")
}

fn load(context: &Context) -> Result<()> {
    for name in [ENGINE, FILESYSTEM] {
        module::load(path(context, name)?, "")?;
    }
    Ok(())
}

/// Where the module stands in the initramfs.
fn path<'a>(context: &'a Context, name: &str) -> Result<&'a Path> {
    let file = format!("{name}.ko");
    let mut paths = context.spec().modules.iter().map(Path::new);
    paths
        .find(|path| path.ends_with(&file))
        .with_context(|| format!("the run has no module {file}"))
}
