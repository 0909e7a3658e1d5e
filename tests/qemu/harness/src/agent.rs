// SPDX-License-Identifier: GPL-2.0

//! The guest's `/init`: built as a static binary, asked for its tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use iomap_qemu_protocol::TestInfo;

use crate::lock::Lock;
use crate::paths::Paths;
use crate::process::{output_of, run_logged};
use crate::progress::Progress;
use crate::toolchain::Toolchain;
use crate::work_dir::WorkDir;

const TARGET: &str = "x86_64-unknown-linux-gnu";
const PACKAGE: &str = "iomap-qemu-agent";

/// The built agent: a copy, which stays as it is whatever is built meanwhile.
#[derive(Clone, Debug)]
pub struct Agent {
    pub binary: PathBuf,
    /// Where it is.
    _work: Arc<WorkDir>,
}

impl Agent {
    /// Builds the agent; cargo knows whether there is anything to do.
    pub fn build(paths: &Paths, tools: &Toolchain) -> Result<Self> {
        let _lock = Lock::take(&paths.checkout.join("target/agent.lock"))?;
        let progress = Progress::new("building the guest agent", None);
        let target_dir = paths.qemu_tests().join("target");
        let mut cargo = tools.command("cargo");
        cargo
            .current_dir(paths.qemu_tests())
            .args(["build", "--release", "--locked", "--package", PACKAGE])
            // With a target named, the flags below do not reach build scripts
            // and procedural macros, which cannot be static.
            .args(["--target", TARGET])
            // In this variable they take the place of those in a person's configuration,
            // whose target-cpu the guest may not have.
            .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
            .env("CARGO_TARGET_DIR", &target_dir)
            .env("RUSTC", &tools.rustc);
        run_logged(&mut cargo, &paths.logs().join("agent.log"))
            .context("cannot build the guest agent")?;
        progress.finish();
        let work = WorkDir::create(paths)?;
        Self::copy(&target_dir.join(TARGET).join("release").join(PACKAGE), work)
    }

    fn copy(built: &Path, work: WorkDir) -> Result<Self> {
        let binary = work.path().join(PACKAGE);
        fs::copy(built, &binary).with_context(|| format!("cannot copy {}", built.display()))?;
        Ok(Self {
            binary,
            _work: Arc::new(work),
        })
    }

    /// The tests that the agent has.
    pub fn tests(&self) -> Result<Vec<TestInfo>> {
        let text = output_of(Command::new(&self.binary).arg("list"))
            .context("cannot ask the agent for its tests")?;
        serde_json::from_str(&text).context("the agent's list of tests is not as agreed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_later_is_not_in_use() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let paths = Paths {
            checkout: dir.path().to_owned(),
            cache: dir.path().to_owned(),
        };
        let built = dir.path().join("agent");
        fs::write(&built, "first")?;
        let agent = Agent::copy(&built, WorkDir::create(&paths)?)?;
        fs::write(&built, "second")?;
        let other = agent.clone();
        drop(agent);
        assert_eq!(fs::read_to_string(&other.binary)?, "first");
        Ok(())
    }
}
