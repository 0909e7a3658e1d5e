// SPDX-License-Identifier: GPL-2.0

//! A kernel's build tree: one of ours, or one that a person gives as `KDIR`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Result};
use iomap_qemu_protocol::Link;

use super::config::value_of;
use crate::paths::read_text;
use crate::toolchain::{Compiler, Toolchain};

/// A tree that modules can be built against.
#[derive(Clone, Debug)]
pub struct KernelTree {
    pub dir: PathBuf,
    pub link: Link,
    pub compiler: Compiler,
}

impl KernelTree {
    /// Looks whether a person's tree will do, and says what to change if not.
    pub fn examine(dir: &Path, tools: &Toolchain) -> Result<Self> {
        let shown = dir.display();
        let Ok(absolute) = dir.canonicalize() else {
            bail!("KDIR={shown}: no such directory; give the build directory of a 6.12 kernel");
        };
        let Ok(config) = fs::read_to_string(dir.join(".config")) else {
            bail!("KDIR={shown} has no .config; configure and build that kernel first");
        };
        if value_of(&config, "CONFIG_RUST") != Some("y") {
            bail!("KDIR={shown} has no CONFIG_RUST=y; set it (`make rustavailable` there says what is missing) and build again");
        }
        let link = engine_of(&config).ok_or_else(|| {
            anyhow::anyhow!("KDIR={shown} lacks the engine choice; apply patches/linux-6.12/*.patch to its source and set CONFIG_FS_IOMAP_ENGINE_RUST_MODULE=y, or without the patch CONFIG_LIVEPATCH=y")
        })??;
        if !dir.join("Module.symvers").is_file() {
            bail!("KDIR={shown} is configured but not built (no Module.symvers); run `make` there");
        }
        let release = read_text(&dir.join("include/config/kernel.release"))?;
        if !release.starts_with("6.12.") {
            bail!("KDIR={shown} is Linux {}; needs 6.12", release.trim_end());
        }
        let rustc = value_of(&config, "CONFIG_RUSTC_VERSION_TEXT").unwrap_or_default();
        if !rustc.contains(&tools.rustc_version) {
            bail!(
                "KDIR={shown} was built with {}, but here is rustc {}; build it again with RUSTC={}",
                rustc.trim_matches('"'),
                tools.rustc_version,
                tools.rustc.display()
            );
        }
        let compiler = match value_of(&config, "CONFIG_CC_IS_CLANG") {
            Some("y") => Compiler::Clang,
            _ => Compiler::Gcc,
        };
        Ok(Self {
            dir: absolute,
            link,
            compiler,
        })
    }

    /// The kernel's own name for its version.
    pub fn release(&self) -> Result<String> {
        let text = read_text(&self.dir.join("include/config/kernel.release"))?;
        Ok(text.trim_end().to_owned())
    }

    pub fn image(&self) -> PathBuf {
        self.dir.join("arch/x86/boot/bzImage")
    }
}

/// `None` where the patch is missing and the kernel cannot be patched while it
/// runs, an error where the choice does not suit.
fn engine_of(config: &str) -> Option<Result<Link>> {
    let is_set = |name: &str| {
        let option = format!("CONFIG_FS_IOMAP_ENGINE_{name}");
        value_of(config, &option) == Some("y")
    };
    let unsuitable = |which: &str| {
        anyhow::anyhow!("KDIR's kernel has {which} as its iomap engine, which exports the same symbols as iomap_rs.ko; for the module set CONFIG_FS_IOMAP_ENGINE_RUST_MODULE=y and build it again")
    };
    if is_set("RUST_MODULE") {
        Some(Ok(Link::Module))
    } else if is_set("RUST_BUILTIN") {
        Some(Err(unsuitable("the built-in Rust engine")))
    } else if value_of(config, "CONFIG_LIVEPATCH") == Some("y") {
        Some(Ok(Link::Live))
    } else if is_set("C") {
        Some(Err(unsuitable("the C engine")))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::make_dir;

    struct Sample(tempfile::TempDir);

    impl Sample {
        fn new(config: &str) -> Result<Self> {
            let dir = tempfile::tempdir()?;
            fs::write(dir.path().join(".config"), config)?;
            fs::write(dir.path().join("Module.symvers"), "")?;
            make_dir(&dir.path().join("include/config"))?;
            fs::write(
                dir.path().join("include/config/kernel.release"),
                "6.12.107\n",
            )?;
            Ok(Self(dir))
        }

        fn complaint(&self) -> String {
            match examine(self.0.path()) {
                Ok(_) => String::new(),
                Err(error) => format!("{error:#}"),
            }
        }
    }

    const GOOD: &str = "CONFIG_RUST=y\nCONFIG_FS_IOMAP_ENGINE_RUST_MODULE=y\n\
        CONFIG_RUSTC_VERSION_TEXT=\"rustc 1.85.0 (4d91de4e4)\"\nCONFIG_CC_IS_CLANG=y\n";

    fn examine(dir: &Path) -> Result<KernelTree> {
        KernelTree::examine(dir, &crate::toolchain::tests::sample()?)
    }

    #[test]
    fn a_good_tree_is_taken() -> Result<()> {
        let sample = Sample::new(GOOD)?;
        assert_eq!(sample.complaint(), "");
        assert_eq!(examine(sample.0.path())?.compiler, Compiler::Clang);
        let gcc = Sample::new(&GOOD.replace("CC_IS_CLANG", "CC_IS_GCC"))?;
        assert_eq!(examine(gcc.0.path())?.compiler, Compiler::Gcc);
        Ok(())
    }

    #[test]
    fn each_wrong_thing_has_its_remedy() -> Result<()> {
        let without_rust = Sample::new("# CONFIG_RUST is not set\n")?;
        assert!(without_rust.complaint().contains("CONFIG_RUST=y"));
        let without_patch = Sample::new("CONFIG_RUST=y\n")?;
        assert!(without_patch.complaint().contains("patches/linux-6.12"));
        let c_engine = Sample::new("CONFIG_RUST=y\nCONFIG_FS_IOMAP_ENGINE_C=y\n")?;
        assert!(c_engine.complaint().contains("the C engine"));
        let builtin = Sample::new("CONFIG_RUST=y\nCONFIG_FS_IOMAP_ENGINE_RUST_BUILTIN=y\n")?;
        assert!(builtin.complaint().contains("the built-in Rust engine"));
        let live = Sample::new(&GOOD.replace("FS_IOMAP_ENGINE_RUST_MODULE", "LIVEPATCH"))?;
        assert_eq!(examine(live.0.path())?.link, Link::Live);
        let unbuilt = Sample::new(GOOD)?;
        fs::remove_file(unbuilt.0.path().join("Module.symvers"))?;
        assert!(unbuilt.complaint().contains("not built"));
        let older = Sample::new(&GOOD.replace("1.85.0", "1.78.0"))?;
        assert!(older.complaint().contains("RUSTC=/c/tools/bin/rustc"));
        let other = Sample::new(GOOD)?;
        fs::write(
            other.0.path().join("include/config/kernel.release"),
            "7.3.0",
        )?;
        assert!(other.complaint().contains("needs 6.12"));
        Ok(())
    }

    #[test]
    fn a_missing_directory_is_named() {
        let complaint = examine(Path::new("/no/such/tree"))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(complaint.starts_with("KDIR=/no/such/tree: no such directory"));
    }
}
