// SPDX-License-Identifier: GPL-2.0

//! What the engine's module holds while it is loaded, and gives back.

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
use crate::memory;
use crate::sanitizers;
use crate::suites::SCRIPT;
use crate::sys::module;

use super::cached::Cached;
use super::scripted::Scripted;

pub const CASES: &[Case] = &[
    Case::new("module_gives_memory_back", SCRIPT, gives_memory_back)
        .doc("Loading and unloading the engine again and again does not use memory up.")
        .holds(&["IN-1", "IN-3"]),
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
    module::unload(FILESYSTEM).context("cannot unload script_fs")?;
    module::unload(ENGINE).context("cannot unload the engine")?;
    for name in [ENGINE, FILESYSTEM] {
        let file = format!("{name}.ko");
        let path = context
            .spec()
            .modules
            .iter()
            .find(|path| path.ends_with(&file));
        module::load(path.with_context(|| format!("no {file}"))?.as_ref(), "")?;
    }
    Ok(())
}
