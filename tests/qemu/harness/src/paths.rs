// SPDX-License-Identifier: GPL-2.0

//! Where things are: the checkout, and the cache outside of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use walkdir::WalkDir;

use crate::lock::Lock;

/// The two directories everything is found under.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The root of the checkout.
    pub checkout: PathBuf,
    /// `${XDG_CACHE_HOME:-~/.cache}/iomap-rs`
    pub cache: PathBuf,
}

impl Paths {
    /// Finds the checkout around the current directory, and the cache.
    pub fn discover() -> Result<Self> {
        let here = env::current_dir().context("cannot tell the current directory")?;
        let Some(checkout) = here
            .ancestors()
            .find(|dir| dir.join("tests/qemu/harness").is_dir())
        else {
            bail!(
                "{} is not in a checkout of iomap-rs; change into one",
                here.display()
            );
        };
        Ok(Self {
            checkout: checkout.to_owned(),
            cache: cache_home()?.join("iomap-rs"),
        })
    }

    pub fn patches(&self) -> PathBuf {
        self.checkout.join("patches/linux-6.12")
    }

    pub fn qemu_tests(&self) -> PathBuf {
        self.checkout.join("tests/qemu")
    }

    pub fn results(&self) -> PathBuf {
        self.checkout.join("target/test-results")
    }

    /// Has all of [`Self::results`] to itself, which the next run removes.
    pub fn lock_results(&self) -> Result<Lock> {
        Lock::take(&beside(&self.results(), ".lock"))
    }

    /// Static programs that set-up built for the guest.
    pub fn guest_programs(&self) -> PathBuf {
        self.cache.join("tools/guest/bin")
    }

    /// What is said while something is built: not in the cache, since other checkouts may
    /// build the same kind of thing at the same time.
    pub fn logs(&self) -> PathBuf {
        self.checkout.join("target/logs")
    }
}

fn cache_home() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        return Ok(dir.into());
    }
    match env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".cache")),
        None => bail!("neither XDG_CACHE_HOME nor HOME is set; set one of them"),
    }
}

/// A path next to another one, named after it.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// `fs::read_to_string` that names the file when it fails.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// `fs::create_dir_all` that names the directory when it fails.
pub fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// All files in a directory and in those in it, in no order; a file is its own.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(dir) {
        let entry = entry.with_context(|| format!("cannot walk through {}", dir.display()))?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}
