// SPDX-License-Identifier: GPL-2.0

//! Loading and unloading kernel modules.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Loads a module with parameters like `queue_mode=2 gb=1`.
pub fn load(path: &Path, parameters: &str) -> Result<()> {
    let what = || format!("cannot load {}", path.display());
    let file = File::open(path).with_context(what)?;
    load_file(&file, parameters).with_context(what)
}

/// Loads a module from a file that may be out of sight by now.
pub fn load_file(file: &File, parameters: &str) -> Result<()> {
    let parameters = CString::new(parameters).context("module parameters with a NUL")?;
    rustix::system::finit_module(file, &parameters, 0).context("the kernel refuses the module")
}

/// Loads a module from what its file holds; the plain error, since tests look at it.
/// The kernel asks for little memory of its own, and does not warn if there is none.
pub fn load_image(image: &[u8]) -> io::Result<()> {
    Ok(rustix::system::init_module(image, c"")?)
}

/// Unloads a module by its name; the plain error, since tests look at it.
pub fn unload(name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    rustix::system::delete_module(&name, libc::O_NONBLOCK)?;
    Ok(())
}

/// True if a module of that name is being unloaded.
pub fn is_going(name: &str) -> bool {
    let state = Path::new("/sys/module").join(name).join("initstate");
    fs::read_to_string(state).is_ok_and(|text| text.trim() == "going")
}

/// True if a module of that name is loaded.
pub fn is_loaded(name: &str) -> bool {
    Path::new("/sys/module").join(name).join("refcnt").exists()
}
