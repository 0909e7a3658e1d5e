// SPDX-License-Identifier: GPL-2.0

//! The project's sources as part of a kernel: which files those are, whether they
//! have changed since a build, a copy of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::hash;
use crate::paths::{files_below, make_dir, read_text};

/// What of a checkout a kernel is built from, if it is there.
const PARTS: &[&str] = &["Kbuild", "iomap-rs", "ext2-rs"];

/// The contents of every source file, by path below the checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Engine {
    /// Reads the sources of a checkout. What a build for modules left between them
    /// stays out: make would take it for its own.
    pub fn read(checkout: &Path) -> Result<Self> {
        let generated = Generated::read(checkout)?;
        let mut files = BTreeMap::new();
        for part in PARTS.iter().map(|part| checkout.join(part)) {
            if !part.exists() {
                continue;
            }
            for path in files_below(&part)? {
                if is_source(&path, &generated) {
                    let name = path.strip_prefix(checkout).unwrap_or(&path).to_owned();
                    let contents = fs::read(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    files.insert(name, contents);
                }
            }
        }
        if !files.contains_key(Path::new("Kbuild")) {
            bail!("{} has no Kbuild; is it complete?", checkout.display());
        }
        Ok(Self { files })
    }

    /// Changes with any name and any byte.
    pub fn digest(&self) -> String {
        let line = |(path, contents): (&PathBuf, &Vec<u8>)| {
            format!("{} {}\n", hash::hex(contents), path.display())
        };
        hash::hex(self.files.iter().map(line).collect::<String>())
    }

    /// Makes `dir` hold these files and no others. What is right already keeps its
    /// time, by which make judges.
    pub fn copy_to(&self, dir: &Path) -> Result<()> {
        make_dir(dir)?;
        for path in files_below(dir)? {
            let name = path.strip_prefix(dir).unwrap_or(&path);
            if !self.files.contains_key(name) {
                fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        for (name, contents) in &self.files {
            let path = dir.join(name);
            if fs::read(&path).is_ok_and(|found| found == *contents) {
                continue;
            }
            if let Some(parent) = path.parent() {
                make_dir(parent)?;
            }
            fs::write(&path, contents)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// Generated sources: what `.gitignore` lists without a pattern.
struct Generated {
    names: BTreeSet<String>,
    /// From the checkout on: `/iomap-rs/sys/live/`.
    directories: Vec<PathBuf>,
}

impl Generated {
    fn read(checkout: &Path) -> Result<Self> {
        let list = read_text(&checkout.join(".gitignore"))?;
        let plain = || list.lines().filter(|line| !line.contains(['*', '#']));
        let directories = plain().filter_map(|line| line.strip_prefix('/')?.strip_suffix('/'));
        Ok(Self {
            directories: directories.map(|dir| checkout.join(dir)).collect(),
            names: plain()
                .filter(|line| !line.contains('/'))
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// Did a person write the file, or Kbuild?
fn is_source(path: &Path, generated: &Generated) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let known = path
        .extension()
        .is_none_or(|extension| ["rs", "c", "h"].iter().any(|known| extension == *known));
    known
        && !name.starts_with('.')
        && !name.ends_with(".mod.c")
        && !generated.names.contains(name.as_ref())
        && !generated
            .directories
            .iter()
            .any(|dir| path.starts_with(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with sources and with what Kbuild leaves.
    fn checkout() -> Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        make_dir(&dir.path().join("iomap-rs/sys/live"))?;
        for name in [
            "Kbuild",
            "Makefile",
            "iomap_rs.mod.c",
            "iomap-rs/lib.rs",
            "iomap-rs/iomap_rs.o",
            "iomap-rs/.iomap_rs.o.cmd",
            "iomap-rs/sys/helpers.c",
            "iomap-rs/sys/bindgen_parameters",
            "iomap-rs/sys/bindings_generated.rs",
            "iomap-rs/sys/live/trace.h",
        ] {
            fs::write(dir.path().join(name), name)?;
        }
        let ignored = "# Kbuild\n*.o\ntarget/\nbindings_generated.rs\n/iomap-rs/sys/live/\n";
        fs::write(dir.path().join(".gitignore"), ignored)?;
        Ok(dir)
    }

    fn names(engine: &Engine) -> Vec<String> {
        let names = engine.files.keys();
        names.map(|name| name.display().to_string()).collect()
    }

    #[test]
    fn sources_are_told_from_products() -> Result<()> {
        let expected = [
            "Kbuild",
            "iomap-rs/lib.rs",
            "iomap-rs/sys/bindgen_parameters",
            "iomap-rs/sys/helpers.c",
        ];
        assert_eq!(names(&Engine::read(checkout()?.path())?), expected);
        Ok(())
    }

    #[test]
    fn a_change_shows_in_the_digest_and_in_the_copy() -> Result<()> {
        let (from, to) = (checkout()?, tempfile::tempdir()?);
        let before = Engine::read(from.path())?;
        before.copy_to(to.path())?;
        let written = fs::metadata(to.path().join("Kbuild"))?.modified()?;

        fs::write(from.path().join("iomap-rs/lib.rs"), "changed")?;
        fs::remove_file(from.path().join("iomap-rs/sys/helpers.c"))?;
        fs::write(from.path().join("iomap-rs/iomap_rs.o"), "no matter")?;
        let after = Engine::read(from.path())?;
        assert_ne!(before.digest(), after.digest());
        after.copy_to(to.path())?;
        let copied = after
            .files
            .keys()
            .map(|name| fs::read(to.path().join(name)));
        let copied = copied.collect::<Result<Vec<_>, _>>()?;
        assert!(copied.iter().eq(after.files.values()));
        assert!(!to.path().join("iomap-rs/sys/helpers.c").exists());
        let untouched = fs::metadata(to.path().join("Kbuild"))?.modified()?;
        assert_eq!(written, untouched);
        Ok(())
    }

    #[test]
    fn an_empty_checkout_is_refused() -> Result<()> {
        assert!(Engine::read(tempfile::tempdir()?.path()).is_err());
        Ok(())
    }
}
