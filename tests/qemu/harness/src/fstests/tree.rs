// SPDX-License-Identifier: GPL-2.0

//! A person's fstests tree: whether it can be run, and whether it is as it was.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::hash;
use crate::paths::files_below;

/// What of a tree decides on results, if it is there: scripts and programs.
const PARTS: &[&str] = &["check", "common", "tests", "src", "ltp"];

/// `make` writes these anew each time, out of the tests beside them.
const GENERATED: &str = "group.list";

/// One that can be run.
pub struct Tree {
    pub dir: PathBuf,
    /// Changes with its tests and its programs.
    pub state: String,
}

impl Tree {
    /// That in the directory. An error says how to get one, if there is none.
    pub fn find(dir: Option<&Path>) -> Result<Self> {
        let dir = examine(dir)?;
        let dir = dir
            .canonicalize()
            .with_context(|| format!("cannot find {}", dir.display()))?;
        let state = state_of(&dir)?;
        Ok(Self { dir, state })
    }
}

/// The directory, if it is a tree that can be run.
fn examine(tree: Option<&Path>) -> Result<&Path> {
    const HOW: &str =
        "To get it: git clone https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git, \
         install the packages\nof its README, run `make` there, and set FSTESTS to that directory.";
    let Some(tree) = tree else {
        bail!("FSTESTS is not set: fstests is not part of Debian.\n{HOW}");
    };
    for (file, what) in [
        ("check", "is no fstests tree"),
        ("src/t_dir_type", "is not built"),
        ("tests/generic/group.list", "is not built"),
    ] {
        if !tree.join(file).exists() {
            bail!(
                "FSTESTS={} {what} (it has no `{file}`).\n{HOW}",
                tree.display()
            );
        }
    }
    Ok(tree)
}

/// A digest of names, lengths and times: quicker than one of all contents, and a `git pull` or a
/// program built afresh shows.
fn state_of(tree: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for part in PARTS.iter().map(|part| tree.join(part)) {
        if !part.exists() {
            continue;
        }
        for path in files_below(&part)? {
            if !path.ends_with(GENERATED) {
                lines.push(line_of(tree, &path)?);
            }
        }
    }
    lines.sort();
    Ok(hash::hex(lines.concat()))
}

fn line_of(tree: &Path, path: &Path) -> Result<String> {
    let about = path
        .symlink_metadata()
        .with_context(|| format!("cannot look at {}", path.display()))?;
    let name = path.strip_prefix(tree).unwrap_or(path);
    Ok(format!(
        "{} {} {}.{:09}\n",
        name.display(),
        about.len(),
        about.mtime(),
        about.mtime_nsec()
    ))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_is_no_tree_is_told_how_to_become_one() -> Result<()> {
        let complaint = |tree: &Path| examine(Some(tree)).err().map(|error| error.to_string());
        let unset = examine(None).err().map(|error| error.to_string());
        let unset = unset.unwrap_or_default();
        assert!(unset.starts_with("FSTESTS is not set") && unset.contains("xfstests-dev.git"));
        let dir = tempfile::tempdir()?;
        assert!(complaint(dir.path()).is_some_and(|text| text.contains("no `check`")));
        fs::write(dir.path().join("check"), "")?;
        assert!(complaint(dir.path()).is_some_and(|text| text.contains("is not built")));
        Ok(())
    }

    /// Has the file be changed for the last time then.
    fn long_ago(path: &Path) -> Result<()> {
        let file = File::options().write(true).open(path)?;
        Ok(file.set_modified(SystemTime::UNIX_EPOCH)?)
    }

    #[test]
    fn a_test_or_a_program_that_has_changed_shows() -> Result<()> {
        let tree = tempfile::tempdir()?;
        let test = tree.path().join("tests/generic/001");
        fs::create_dir_all(tree.path().join("tests/generic"))?;
        for file in ["check", "tests/generic/001", "tests/generic/group.list"] {
            fs::write(tree.path().join(file), "old")?;
        }
        let first = state_of(tree.path())?;
        fs::write(tree.path().join("tests/generic/group.list"), "made anew")?;
        fs::write(tree.path().join("README"), "no matter")?;
        assert_eq!(state_of(tree.path())?, first);

        long_ago(&test)?;
        let touched = state_of(tree.path())?;
        assert_ne!(touched, first);
        fs::write(&test, "longer")?;
        long_ago(&test)?;
        let longer = state_of(tree.path())?;
        assert_ne!(longer, touched);
        fs::rename(&test, test.with_file_name("002"))?;
        assert_ne!(state_of(tree.path())?, longer);
        Ok(())
    }
}
