// SPDX-License-Identifier: GPL-2.0

//! A copy of the engine's sources to break, one mutant at a time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use iomap_qemu_protocol::Link;

use super::list::Mutant;
use crate::kernel::{Engine, KernelTree};
use crate::modules;
use crate::paths::{read_text, Paths};
use crate::process::run_logged;
use crate::toolchain::Toolchain;

/// For who has the lock in [`directory`] alone.
pub struct Workshop {
    name: &'static str,
    dir: PathBuf,
    log: PathBuf,
}

impl Workshop {
    /// Copies the sources as they are now, for an engine that is linked so.
    pub fn open(paths: &Paths, link: Link) -> Result<Self> {
        let root = directory(paths);
        let name = modules::engine(link).context("there is no module to break")?;
        // What one module leaves behind is not for the other.
        let dir = root.join("source").join(name);
        Engine::read(&paths.checkout)?.copy_to(&dir)?;
        Ok(Self {
            name,
            dir,
            log: root.join("build.log"),
        })
    }

    /// The engine's module of the sources as they are. The file is there until the next build.
    pub fn build(&self, tools: &Toolchain, kernel: &KernelTree) -> Result<PathBuf> {
        // By its own name: what uses the engine need not be built with it.
        let file = format!("{}.ko", self.name);
        let mut make = modules::make(tools, kernel, &self.dir);
        make.arg(&file);
        run_logged(&mut make, &self.log).with_context(|| format!("cannot build {file}"))?;
        Ok(self.dir.join(file))
    }

    /// The same of a mutant's sources, which are as they were again in the end.
    pub fn build_mutant(
        &self,
        tools: &Toolchain,
        kernel: &KernelTree,
        mutant: &Mutant,
    ) -> Result<PathBuf> {
        let path = self.dir.join(&mutant.file);
        let source = read_text(&path)?;
        write(&path, &mutant.apply(&source)?)?;
        let built = self.build(tools, kernel);
        write(&path, &source)?;
        built
    }
}

/// Where the copy, the logs and the results are, and their lock.
pub fn directory(paths: &Paths) -> PathBuf {
    paths.checkout.join("target/mutants")
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
