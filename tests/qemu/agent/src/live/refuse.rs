// SPDX-License-Identifier: GPL-2.0

//! Kernels that the module must not patch.

use std::fs;
use std::path::Path;

use anyhow::{bail, ensure, Context as _, Result};

use super::engine::{file, Live, NAME};
use super::LONG;
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::kallsyms;
use crate::module_faults::Loading;
use crate::restore::Restore;
use crate::script::scripted::Scripted;
use crate::suites;
use crate::sys::module;

pub const CASES: &[Case] = &[
    Case::new("refuses_another_build", suites::LIVE, another_build)
        .doc("A module for another build of the kernel says so, and is not loaded.")
        .logs(&["iomap_rs_live: built for Linux .*: build it for this kernel"]),
    Case::new("refuses_another_build_id", suites::LIVE, another_build_id)
        .doc("So it is if just the build ID differs.")
        .logs(&["iomap_rs_live: built for the kernel with build ID .*: build it for this"]),
    Case::new("refuses_another_release", suites::LIVE, another_release)
        .doc("A module for another release of the kernel is not loaded.")
        .logs(&["version magic '9.12.*' should be '6.12"]),
    Case::new("refuses_another_livepatch", suites::LIVE, another_livepatch)
        .doc("Functions that a livepatch has taken already are not taken again.")
        .logs(&["another livepatch has taken functions of iomap"])
        .timeout(LONG),
    Case::new("refuses_without_ftrace", suites::LIVE, without_ftrace)
        .doc("Where functions cannot be redirected as ftrace is off, the module says so.")
        .logs(&["ftrace is off, .*: switch it on first"])
        .timeout(LONG),
    Case::new("nomem_module", suites::LIVE, without_memory)
        .doc("Without memory for its pool of ioends the module is not loaded, and keeps nothing.")
        .logs(&["iomap_rs_live: built for Linux .*: build it for this kernel"])
        .timeout(LONG),
];

fn another_build(_context: &Context) -> Result<()> {
    refused(&for_another_build()?, libc::EINVAL)
}

/// The module for another build of the kernel.
fn for_another_build() -> Result<Vec<u8>> {
    let kernel = rustix::system::uname();
    let version = kernel.version().to_str().context("the version")?;
    // The last letter of the zone or year.
    let mut other = version.to_owned();
    other.pop();
    other.push('?');
    changed(version.as_bytes(), other.as_bytes())
}

fn another_build_id(_context: &Context) -> Result<()> {
    let notes = fs::read("/sys/kernel/notes").context("cannot read the kernel's notes")?;
    let name = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
    let at = notes
        .windows(name.len())
        .position(|window| window == name)
        .context("the kernel has no build ID of 20 bytes")?;
    let id = notes
        .get(at + name.len()..)
        .and_then(|rest| rest.get(..20))
        .context("the build ID ends early")?;
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let other: String = hex.chars().rev().collect();
    ensure!(other != hex, "the build ID is the same backwards");
    refused(&changed(hex.as_bytes(), other.as_bytes())?, libc::EINVAL)
}

fn another_release(_context: &Context) -> Result<()> {
    refused(&changed(b"vermagic=6.12", b"vermagic=9.12")?, libc::ENOEXEC)
}

fn another_livepatch(_context: &Context) -> Result<()> {
    let live = Live::load()?;
    // The same under another name: to the kernel that is another livepatch.
    let other = NAME.replace("live", "mine");
    let result =
        changed(NAME.as_bytes(), other.as_bytes()).and_then(|module| refused(&module, libc::EBUSY));
    live.remove()?;
    result
}

fn without_ftrace(context: &Context) -> Result<()> {
    let fs = Scripted::new(context, "")?;
    let at = kallsyms::address("ftrace_enabled")?;
    let set = |value| fs.run(&format!("ftrace_enabled at={at} value={value}"));
    let module = fs::read(file()).context("cannot read the module")?;
    let restore = Restore::new(|| set(1));
    set(0)?;
    let result = refused(&module, libc::EBUSY);
    restore.now()?;
    result?;
    Live::load()?.remove()
}

fn without_memory(context: &Context) -> Result<()> {
    /// The mempools of the pool have so many elements. That of ioends is made twice.
    const ELEMENTS: usize = 32;

    Live::load()?.remove()?;
    // When it has its pool it looks at the kernel, and must not go on to patch it: that
    // takes much more memory, in the kernel's hands.
    let image = for_another_build()?;
    let is_refused = |result| fails_with(result, libc::EINVAL, "loading it");
    Loading::new(&image, &is_refused)?.exhaust(context, 3 * ELEMENTS)?;
    Live::load()?.remove()
}

/// The module's file with all places changed where `from` stands.
fn changed(from: &[u8], to: &[u8]) -> Result<Vec<u8>> {
    ensure!(from.len() == to.len(), "not of one length");
    let mut bytes = fs::read(file()).context("cannot read the module")?;
    let mut at = 0;
    let mut places = 0;
    while let Some(window) = bytes.get_mut(at..at + from.len()) {
        if window == from {
            window.copy_from_slice(to);
            places += 1;
        }
        at += 1;
    }
    ensure!(places > 0, "the module does not have what is to be changed");
    Ok(bytes)
}

/// Loading the module must fail with that error.
fn refused(module: &[u8], errno: i32) -> Result<()> {
    let path = Path::new("/tmp/changed.ko");
    fs::write(path, module).context("cannot write the changed module")?;
    match module::load(path, "") {
        Ok(()) => bail!("the module was loaded"),
        Err(error) => {
            let found = error
                .downcast_ref::<rustix::io::Errno>()
                .map(|errno| errno.raw_os_error());
            ensure!(found == Some(errno), "wrong error: {error:#}");
            Ok(())
        }
    }
}
