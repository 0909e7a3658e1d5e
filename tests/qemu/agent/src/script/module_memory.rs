// SPDX-License-Identifier: GPL-2.0

//! What the engine's module holds while it is loaded, and gives back.

use std::fs;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::context::Context;
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
    /// Each round would leave a buffer of 64 KiB behind, if it were forgotten.
    const ROUNDS: u64 = 64;
    const FORGOTTEN_KIB: u64 = ROUNDS * 64;

    context.needs_module()?;
    // The first round warms up caches of the kernel.
    reload(context)?;
    let before = free_kib()?;
    for _ in 0..ROUNDS {
        reload(context)?;
    }
    let used = before.saturating_sub(free_kib()?);
    ensure!(
        used < FORGOTTEN_KIB * 3 / 4,
        "{used} KiB less are free after {ROUNDS} rounds"
    );
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

fn free_kib() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("no /proc/meminfo")?;
    text.lines()
        .find_map(|line| line.strip_prefix("MemFree:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse().ok())
        .context("no MemFree in /proc/meminfo")
}
