// SPDX-License-Identifier: GPL-2.0

//! A source tree that the engine is linked into. The tree in the cache stays as
//! the package and the patch have it, whoever builds from it; a checkout gets one
//! of its own, of hard links, with its engine in `fs/iomap/rust`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::engine::Engine;
use super::source::Source;
use crate::hash;
use crate::lock::Lock;
use crate::paths::beside;
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// Where the patch expects the engine.
const PLACE: &str = "fs/iomap/rust";

/// In a build directory: the checkout that it belongs to.
const OWNER: &str = ".checkout";

/// The tree of the checkout `owner`, with its engine as it is now.
pub fn link(tools: &Toolchain, source: &Source, owner: &Path, engine: &Engine) -> Result<Source> {
    let dir = tree_of(&source.dir, owner);
    let _lock = Lock::take(&beside(&dir, ".lock"))?;
    if !dir.is_dir() {
        let part = beside(&dir, ".part");
        let mut copy = tools.command("sh");
        copy.args([
            "-c",
            "rm -rf \"$2\" && cp -al \"$1\" \"$2\" && mv \"$2\" \"$3\"",
            "sh",
        ])
        .args([&source.dir, &part, &dir]);
        output_of(&mut copy).context("cannot make a tree of links to the kernel's source")?;
    }
    engine.copy_to(&dir.join(PLACE))?;
    Ok(Source { dir })
}

fn tree_of(source: &Path, owner: &Path) -> PathBuf {
    let digest = hash::hex(owner.as_os_str().as_encoded_bytes());
    beside(source, &format!("-{}", digest.get(..12).unwrap_or(&digest)))
}

/// Notes whose engine the build is of.
pub fn mark(build: &Path, owner: &Path) -> Result<()> {
    let file = build.join(OWNER);
    fs::write(&file, owner.as_os_str().as_encoded_bytes())
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Removes builds and trees of checkouts that are gone.
pub fn remove_orphans(builds: &Path) -> Result<()> {
    let entries =
        fs::read_dir(builds).with_context(|| format!("cannot read {}", builds.display()))?;
    for build in entries.flatten().map(|entry| entry.path()) {
        let Ok(owner) = fs::read_to_string(build.join(OWNER)) else {
            continue;
        };
        if Path::new(&owner).is_dir() {
            continue;
        }
        // Kbuild's link to the source that the build was made from.
        for dir in [build.join("source").canonicalize().ok(), Some(build)] {
            if let Some(dir) = dir.filter(|dir| dir.is_dir()) {
                fs::remove_dir_all(&dir)
                    .with_context(|| format!("cannot remove {}", dir.display()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::make_dir;

    #[test]
    fn every_checkout_has_a_tree_of_its_own() {
        let of = |owner: &str| tree_of(Path::new("/c/src/linux-1.2"), Path::new(owner));
        assert_ne!(of("/a"), of("/b"));
        let name = of("/a").display().to_string();
        assert!(name.starts_with("/c/src/linux-1.2-"), "{name}");
    }

    #[test]
    fn only_what_nobody_owns_is_removed() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let at = |name: &str| cache.path().join(name);
        for name in ["mine", "orphan", "common", "tree", "checkout"] {
            make_dir(&at(name))?;
        }
        mark(&at("mine"), &at("checkout"))?;
        mark(&at("orphan"), &at("gone"))?;
        std::os::unix::fs::symlink(at("tree"), at("orphan").join("source"))?;
        remove_orphans(cache.path())?;
        for (name, stays) in [
            ("mine", true),
            ("common", true),
            ("orphan", false),
            ("tree", false),
        ] {
            assert_eq!(at(name).exists(), stays, "{name}");
        }
        Ok(())
    }
}
