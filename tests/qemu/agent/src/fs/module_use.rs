// SPDX-License-Identifier: GPL-2.0

//! The engine as a module that others depend on.

use std::fs;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::init::mount_main;
use crate::load::{Kind, Load};
use crate::suites;
use crate::sys::{module, mount};

pub const CASES: &[Case] = &[Case::new("module_in_use", suites::ALL, in_use)
    .doc(
        "The engine cannot be unloaded while a filesystem depends on it, at work or not, and can \
         afterwards; loaded again it works.",
    )
    .holds(&["IN-2", "IN-3"])];

const ENGINE: &str = "iomap_rs";

/// What is done to files each time, and how long it may take.
const STEPS: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(40);

fn in_use(context: &Context) -> Result<()> {
    context.needs_module()?;
    let filesystem = context.fs();
    work(context, "before")?;
    // A mounted filesystem is in use itself.
    fails_with(
        module::unload(filesystem),
        libc::EWOULDBLOCK,
        "unloading the filesystem",
    )?;

    mount::unmount(context.mount_point())?;
    // Not mounted, but still linked to the engine.
    fails_with(
        module::unload(ENGINE),
        libc::EWOULDBLOCK,
        "unloading the engine",
    )?;
    module::unload(filesystem).context("cannot unload the filesystem")?;
    module::unload(ENGINE).context("cannot unload the engine")?;
    ensure!(!module::is_loaded(ENGINE), "the engine is still there");

    for name in [ENGINE, filesystem] {
        module::load(path(context, name)?, "")?;
    }
    mount_main(context.spec())?;
    work(context, "after")?;
    Mirror::filled(context.path("file")?, 1, 100_000)?.verify()
}

/// Reads and writes files in all ways, and tries to unload the engine meanwhile.
fn work(context: &Context, name: &str) -> Result<()> {
    let directory = context.path(name)?;
    fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let load = Load::default();
    thread::scope(|scope| {
        let workers = [
            load.start(scope, &directory, Kind::Cached, 1),
            load.start(scope, &directory, Kind::Direct, 2),
        ];
        let refused = refuses_to_go(&load);
        load.stop();
        // Both are heard, even if the engine went.
        let results = workers.map(|worker| worker.join());
        results.into_iter().collect::<Result<Vec<()>>>()?;
        refused
    })
}

fn refuses_to_go(load: &Load) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while load.steps() < STEPS && Instant::now() < end {
        fails_with(
            module::unload(ENGINE),
            libc::EWOULDBLOCK,
            "unloading the engine",
        )?;
        sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Where the module stands in the initramfs.
fn path<'a>(context: &'a Context, name: &str) -> Result<&'a Path> {
    let file = format!("{name}.ko");
    context
        .spec()
        .modules
        .iter()
        .map(Path::new)
        .find(|path| path.ends_with(&file))
        .with_context(|| format!("the run has no module {file}"))
}
