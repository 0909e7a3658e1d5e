// SPDX-License-Identifier: GPL-2.0

//! Little memory for a while: the agent in a memory control group.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result};

use crate::sys::mount;

const ROOT: &str = "/tmp/cgroup";

/// The agent is in a group with little memory until this is left or dropped.
pub struct MemoryLimit {
    group: PathBuf,
}

impl MemoryLimit {
    /// Beyond `bytes` whoever asks for memory has to reclaim some first.
    pub fn enter(bytes: usize) -> Result<Self> {
        let root = Path::new(ROOT);
        if !root.exists() {
            fs::create_dir(root).with_context(|| format!("cannot make {ROOT}"))?;
            mount::mount(Path::new("cgroup2"), root, "cgroup2", "")?;
        }
        put(&root.join("cgroup.subtree_control"), "+memory")?;
        let group = root.join("limited");
        fs::create_dir(&group).context("cannot make a control group")?;
        let limit = Self { group };
        put(&limit.group.join("memory.high"), &bytes.to_string())?;
        put(
            &limit.group.join("cgroup.procs"),
            &process::id().to_string(),
        )?;
        Ok(limit)
    }

    /// Pages that the group has had to give up so far.
    pub fn reclaimed(&self) -> Result<u64> {
        let text = fs::read_to_string(self.group.join("memory.stat")).context("no memory.stat")?;
        text.lines()
            .find_map(|line| line.strip_prefix("pgsteal ")?.parse().ok())
            .context("no pgsteal in memory.stat")
    }

    pub fn leave(self) -> Result<()> {
        self.back_to_root()
    }

    fn back_to_root(&self) -> Result<()> {
        put(
            &Path::new(ROOT).join("cgroup.procs"),
            &process::id().to_string(),
        )
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = self.back_to_root();
        let _ = fs::remove_dir(&self.group);
    }
}

fn put(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {text:?} to {}", file.display()))
}
