// SPDX-License-Identifier: GPL-2.0

//! The kernel's source: unpacked from Debian's package, remembered as it was,
//! patched.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};
use walkdir::WalkDir;

use super::recipe::{Patch, Recipe};
use crate::hash;
use crate::lock::Lock;
use crate::paths::{make_dir, read_text, Paths};
use crate::process::output_of;
use crate::progress::Progress;
use crate::toolchain::Toolchain;

/// How names of trees begin that are not complete.
const UNPACKING: &str = "unpacking-";

/// A patched source tree in the cache.
#[derive(Clone, Debug)]
pub struct Source {
    pub dir: PathBuf,
}

impl Source {
    /// Takes the tree from the cache or makes it.
    pub fn prepare(paths: &Paths, tools: &Toolchain, recipe: &Recipe) -> Result<Self> {
        let parent = paths.cache.join("src");
        let dir = parent.join(recipe.source_name());
        let source = Self { dir };
        if source.dir.is_dir() {
            return Ok(source);
        }
        let _lock = Lock::take(&parent.join("lock"))?;
        // Another process may have unpacked it while this one waited.
        if source.dir.is_dir() {
            return Ok(source);
        }
        remove_unfinished(&parent);
        // Under another name until complete: what has the right name is whole.
        let part = tempfile::Builder::new()
            .prefix(UNPACKING)
            .tempdir_in(&parent)
            .with_context(|| format!("cannot create a directory in {}", parent.display()))?;
        let tree = part.path().join("linux");
        make_dir(&tree)?;
        unpack(tools, recipe, &tree)?;
        let digests = serde_json::to_string(&digests_of(&tree.join("fs"))?)
            .context("cannot write down the digests")?;
        fs::write(source.pristine_file(), digests)
            .with_context(|| format!("cannot write {}", source.pristine_file().display()))?;
        for patch in recipe.patches() {
            apply(tools, patch, recipe, &tree)?;
        }
        fs::rename(&tree, &source.dir)
            .with_context(|| format!("cannot move the source to {}", source.dir.display()))?;
        Ok(source)
    }

    /// SHA-256 of every file under `fs/` as the package had it, by path under `fs/`.
    pub fn pristine_digests(&self) -> Result<BTreeMap<String, String>> {
        let file = self.pristine_file();
        serde_json::from_str(&read_text(&file)?)
            .with_context(|| format!("{} is damaged; remove it and the tree", file.display()))
    }

    /// The same of the tree as it is now.
    pub fn present_digests(&self) -> Result<BTreeMap<String, String>> {
        digests_of(&self.dir.join("fs"))
    }

    fn pristine_file(&self) -> PathBuf {
        let mut name = self.dir.clone().into_os_string();
        name.push(".fs-digests.json");
        name.into()
    }
}

/// Trees whose unpacking was killed. Only who holds the lock may do that: nobody else
/// is unpacking then.
fn remove_unfinished(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(UNPACKING.as_bytes()) {
            // What cannot be removed is in nobody's way but the disk's.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// dpkg-deb and two tars in a pipe: the package holds an archive of its own.
fn unpack(tools: &Toolchain, recipe: &Recipe, into: &Path) -> Result<()> {
    let what = format!("unpacking the kernel source {}", recipe.source_version());
    let progress = Progress::new(what, None);
    let mut package = tools
        .command("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(&tools.linux_source)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run dpkg-deb")?;
    let mut archive = tools
        .command("tar")
        .args(["-xO", "./usr/src/linux-source-6.12.tar.xz"])
        .stdin(
            package
                .stdout
                .take()
                .context("dpkg-deb has no standard output")?,
        )
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run tar")?;
    let status = tools
        .command("tar")
        .args(["-xJ", "--strip-components=1", "-C"])
        .arg(into)
        .stdin(
            archive
                .stdout
                .take()
                .context("tar has no standard output")?,
        )
        .status()
        .context("cannot run tar")?;
    let ended_well = |status: std::process::ExitStatus| status.success();
    let all_well = [status, archive.wait()?, package.wait()?]
        .into_iter()
        .all(ended_well);
    if !all_well {
        let package = tools.linux_source.display();
        bail!("cannot unpack {package}: remove it and run scripts/setup.sh again");
    }
    progress.finish();
    Ok(())
}

fn apply(tools: &Toolchain, patch: &Patch, recipe: &Recipe, tree: &Path) -> Result<()> {
    let mut command: Command = tools.command("patch");
    command
        .args(["-p1", "--batch", "--forward", "--fuzz=0", "-d"])
        .arg(tree)
        .arg("-i")
        .arg(&patch.path);
    output_of(&mut command).map(drop).with_context(|| {
        format!(
            "{} does not apply to the kernel source {}",
            patch.path.display(),
            recipe.source_version()
        )
    })
}

fn digests_of(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for entry in WalkDir::new(dir) {
        let entry = entry.with_context(|| format!("cannot walk through {}", dir.display()))?;
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(dir).unwrap_or(entry.path());
            let digest = hash::hex_of_file(entry.path())?;
            digests.insert(name.display().to_string(), digest);
        }
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unfinished_trees_are_removed() -> Result<()> {
        let dir = tempfile::tempdir()?;
        make_dir(&dir.path().join("unpacking-Ab12/linux/fs"))?;
        make_dir(&dir.path().join("linux-6.12/unpacking-not"))?;
        fs::write(dir.path().join("lock"), "")?;
        remove_unfinished(dir.path());
        assert!(!dir.path().join("unpacking-Ab12").exists());
        assert!(dir.path().join("linux-6.12/unpacking-not").exists());
        assert!(dir.path().join("lock").exists());
        Ok(())
    }

    #[test]
    fn digests_name_every_file_below() -> Result<()> {
        let dir = tempfile::tempdir()?;
        make_dir(&dir.path().join("ext2"))?;
        fs::write(dir.path().join("Kconfig"), "a")?;
        fs::write(dir.path().join("ext2/inode.c"), "b")?;
        let before = digests_of(dir.path())?;
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            ["Kconfig", "ext2/inode.c"]
        );
        fs::write(dir.path().join("ext2/inode.c"), "c")?;
        assert_ne!(before, digests_of(dir.path())?);
        Ok(())
    }
}
