// SPDX-License-Identifier: GPL-2.0

//! The engine as a module that others depend on.

use std::path::Path;

use anyhow::{ensure, Context as _, Result};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::init::mount_main;
use crate::suites;
use crate::sys::{module, mount};

pub const CASES: &[Case] = &[Case::new("module_in_use", suites::ALL, in_use)
    .doc("The engine cannot be unloaded while a filesystem depends on it, and can afterwards.")
    .holds(&["IN-2"])];

const ENGINE: &str = "iomap_rs";

fn in_use(context: &Context) -> Result<()> {
    context.needs_module()?;
    let filesystem = context.fs();
    fails_with(
        module::unload(ENGINE),
        libc::EWOULDBLOCK,
        "unloading the engine",
    )?;
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
    Mirror::filled(context.path("file")?, 1, 100_000)?.verify()
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
