// SPDX-License-Identifier: GPL-2.0

//! Building the QEMU plugin.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::process::run_logged;
use crate::progress::Progress;
use crate::toolchain::Toolchain;

const PACKAGE: &str = "iomap-bench-plugin";

/// Major versions before this one have the first plugin interface.
const NEW_QEMU: u32 = 9;

/// Builds it for the QEMU that there is; cargo knows whether it has to.
pub fn build_plugin(paths: &Paths, tools: &Toolchain) -> Result<PathBuf> {
    let progress = Progress::new("building the QEMU plugin", None);
    let target_dir = paths.qemu_tests().join("target");
    let mut cargo = tools.command("cargo");
    cargo
        .current_dir(paths.qemu_tests())
        .args(["build", "--release", "--locked", "--package", PACKAGE])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTC", &tools.rustc);
    if is_old(&tools.qemu_version) {
        cargo.args(["--features", "old-qemu"]);
    }
    run_logged(&mut cargo, &paths.logs().join("plugin.log"))
        .context("cannot build the QEMU plugin")?;
    progress.finish();
    Ok(target_dir.join("release/libiomap_bench_plugin.so"))
}

fn is_old(version: &str) -> bool {
    let major = version.split('.').next().and_then(|text| text.parse().ok());
    major.is_some_and(|major: u32| major < NEW_QEMU)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_depends_on_the_major_version() {
        assert!(is_old("7.2.22") && is_old("8.2.0"));
        assert!(!is_old("9.0.0") && !is_old("10.0.2") && !is_old(""));
    }
}
