// SPDX-License-Identifier: GPL-2.0

//! Everything that a kernel build depends on, and its digest: the key of the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use iomap_qemu_protocol::Link;

use super::flavor::Flavor;
use super::kind::Kind;
use crate::hash;
use crate::paths::{read_text, Paths};
use crate::toolchain::Toolchain;

/// What goes into a kernel.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub link: Link,
    pub flavor: Flavor,
    source_version: String,
    /// The config fragments, one after the other.
    pub config: String,
    patches: Vec<Patch>,
    tools: String,
    /// Whose engine is part of the kernel; every checkout has kernels of its own.
    owner: Option<PathBuf>,
}

/// One file of `patches/linux-6.12/`, or of a directory in it.
#[derive(Clone, Debug)]
pub struct Patch {
    pub path: PathBuf,
    pub text: String,
}

impl Recipe {
    pub fn new(paths: &Paths, tools: &Toolchain, link: Link, flavor: Flavor) -> Result<Self> {
        let dir = paths.qemu_tests().join("config");
        let mut config = String::new();
        let engine = format!("engine-{}", link.name());
        for name in flavor.fragments().iter().chain([&engine.as_str()]) {
            config.push_str(&read_text(&dir.join(format!("{name}.config")))?);
        }
        let mut patches = match link {
            Link::Live => Vec::new(),
            Link::Module | Link::Builtin | Link::C => patches_in(&paths.patches())?,
        };
        if let Some(dir) = flavor.patches() {
            patches.extend(patches_in(&paths.patches().join(dir))?);
        }
        Ok(Self {
            link,
            flavor,
            source_version: tools.linux_source_version.clone(),
            config,
            patches,
            tools: tools.fingerprint(),
            owner: (link == Link::Builtin).then(|| paths.checkout.clone()),
        })
    }

    /// Names the patched source tree: the version, and what the patches say.
    pub fn source_name(&self) -> String {
        let texts: String = self.patches.iter().map(|p| p.text.as_str()).collect();
        format!("linux-{}-{}", self.source_version, short(&hash::hex(texts)))
    }

    /// Names the build directory.
    pub fn build_name(&self) -> String {
        let owner = self.owner.iter().map(|dir| dir.display().to_string());
        let parts: Vec<String> = [self.base(), self.source_name(), self.config.clone()]
            .into_iter()
            .chain(owner)
            .collect();
        let digest = hash::hex(parts.join("\0"));
        format!(
            "{}-{}-{}",
            self.source_version,
            self.kind().name(),
            short(&digest)
        )
    }

    /// Which kernel this makes.
    pub fn kind(&self) -> Kind {
        Kind::new(self.link, self.flavor)
    }

    /// What builds have to have in common for one to start from the other's objects. The
    /// patches are none of it if no object depends on what they change but those that
    /// are always made anew, see [`prime`](super::prime).
    pub fn base(&self) -> String {
        let flavor = self.flavor.suffix();
        let source = if self.patches.iter().all(Patch::is_about_the_engine) {
            format!("linux-{}", self.source_version)
        } else {
            self.source_name()
        };
        format!("{source}{flavor} {}", self.tools)
    }

    /// The checkout whose engine is part of the kernel, if one is.
    pub fn owner(&self) -> Option<&Path> {
        self.owner.as_deref()
    }

    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    pub fn source_version(&self) -> &str {
        &self.source_version
    }
}

impl Patch {
    /// Whether it changes `fs/iomap` and Kconfig files alone.
    fn is_about_the_engine(&self) -> bool {
        self.files()
            .all(|file| file.starts_with("fs/iomap/") || file.ends_with("/Kconfig"))
    }

    /// The files that it changes: `+++ b/fs/buffer.c`.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let targets = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("+++ b/"));
        targets.filter_map(|target| target.split_whitespace().next())
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// The patches in the order of their names.
fn patches_in(dir: &Path) -> Result<Vec<Patch>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", dir.display()))?
            .path();
        if path.extension().is_some_and(|ext| ext == "patch") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("no patch in {}; is the checkout complete?", dir.display());
    }
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = read_text(&path)?;
            Ok(Patch { path, text })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            link: Link::Module,
            flavor: Flavor::Release,
            source_version: "6.12.1-1".into(),
            config: "CONFIG_A=y\n".into(),
            patches: vec![Patch {
                path: "0001.patch".into(),
                text: "+a\n".into(),
            }],
            tools: "rustc 1.85.0".into(),
            owner: None,
        }
    }

    #[test]
    fn whatever_matters_changes_the_key() {
        let base = recipe();
        let mut others = [(); 6].map(|()| recipe());
        let [link, source, config, patches, tools, owner] = &mut others;
        link.link = Link::C;
        source.source_version = "6.12.2-1".into();
        config.config.push_str("CONFIG_B=y\n");
        patches.patches.clear();
        tools.tools = "rustc 1.96.0".into();
        owner.owner = Some("/home/me/iomap-rs".into());
        for other in &others {
            assert_ne!(base.build_name(), other.build_name(), "{other:?}");
        }
        assert_eq!(base.build_name(), recipe().build_name());
    }

    #[test]
    fn the_source_depends_on_version_and_patches_alone() {
        let mut other = recipe();
        other.config.clear();
        other.tools.clear();
        assert_eq!(recipe().source_name(), other.source_name());
    }

    #[test]
    fn builds_with_and_without_a_patch_of_the_engine_alone_have_a_base_in_common() {
        let base_with = |patch: &str| {
            let mut recipe = recipe();
            for own in &mut recipe.patches {
                own.text = patch.into();
            }
            recipe.base()
        };
        let mut unpatched = recipe();
        unpatched.patches.clear();
        let engine = "+++ b/fs/Kconfig\n+x\n+++ b/fs/iomap/Makefile\t2026-01-01\n+y\n";
        assert_eq!(base_with(engine), unpatched.base());
        let more = format!("{engine}+++ b/include/linux/iomap.h\n+z\n");
        assert_ne!(base_with(&more), unpatched.base());
    }

    #[test]
    fn a_patch_names_its_files() {
        let patch = Patch {
            path: "0001.patch".into(),
            text: "--- a/fs/Kconfig\n+++ b/fs/Kconfig\t2026-01-01\n@@\n+++ not a file\n\
                   --- /dev/null\n+++ b/fs/iomap/x.c\n"
                .into(),
        };
        let files: Vec<_> = patch.files().collect();
        assert_eq!(files, ["fs/Kconfig", "fs/iomap/x.c"]);
    }

    #[test]
    fn every_directory_of_patches_is_some_kernels() -> Result<()> {
        let patches = Paths::discover()?.patches();
        let mut found = Vec::new();
        for entry in fs::read_dir(&patches)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                assert!(!patches_in(&entry.path())?.is_empty());
                found.push(entry.file_name());
            }
        }
        found.sort();
        let mut wanted: Vec<_> = Flavor::value_variants()
            .iter()
            .filter_map(|flavor| flavor.patches())
            .collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        Ok(())
    }

    #[test]
    fn a_checkout_without_patches_is_refused() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(patches_in(dir.path()).is_err());
        Ok(())
    }
}
