// SPDX-License-Identifier: GPL-2.0

//! Starting a kernel build from a copy of another one of the same source with the
//! same tools: make then compiles only what the config changes, which for another
//! engine is little more than `fs/iomap`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::build::{base_of, LOCK};
use super::source::Source;
use crate::lock::Lock;
use crate::paths::{beside, read_text};
use crate::process::output_of;
use crate::toolchain::Toolchain;

/// What the name of an unfinished copy ends with.
const COPYING: &str = ".copying";

/// Copies the newest build of `base` to `dir`, to be continued from `source`. False
/// if there is none, or if `dir` has something already.
pub fn prime(tools: &Toolchain, base: &str, dir: &Path, source: &Source) -> Result<bool> {
    let Some(kernels) = dir.parent().filter(|_| !dir.exists()) else {
        return Ok(false);
    };
    let Some(from) = newest_of_base(kernels, base)? else {
        return Ok(false);
    };
    // Whoever builds that one has no use for this one: it is there already.
    let _lock = Lock::take(&beside(&from, LOCK))?;
    let part = beside(dir, COPYING);
    let mut copy = tools.command("sh");
    copy.args([
        "-c",
        // The other engine's objects would stay beside this one's, and may be of sources that
        // are patched.
        "rm -rf \"$2\" && cp -a --reflink=auto \"$1\" \"$2\" \
         && rm -rf \"$2/.complete\" \"$2/.checkout\" \"$2/fs/iomap\"",
        "sh",
    ])
    .args([&from, &part]);
    output_of(&mut copy).context("cannot copy a kernel build")?;
    let its_source = fs::read_link(from.join("source"))
        .with_context(|| format!("cannot tell what {} was built from", from.display()))?;
    let moved = [(from.as_path(), dir), (&its_source, &source.dir)];
    readdress(&part, &moved).context("cannot adapt the copy of a kernel build")?;
    fs::rename(&part, dir).context("cannot move the copy of a kernel build")?;
    Ok(true)
}

/// Kbuild compares command lines, and they hold absolute paths. Left as they are,
/// everything would be built anew.
fn readdress(copy: &Path, moved: &[(&Path, &Path)]) -> Result<()> {
    let moved: Vec<(String, String)> = moved
        .iter()
        .filter(|(old, new)| old != new)
        .map(|(old, new)| (old.display().to_string(), new.display().to_string()))
        .collect();
    for entry in WalkDir::new(copy) {
        let entry = entry.context("cannot walk through the copy")?;
        let path = entry.path();
        if path.extension().is_none_or(|ext| ext != "cmd") {
            continue;
        }
        let old = read_text(path)?;
        let mut new = old.clone();
        for (before, after) in &moved {
            new = new.replace(before, after);
        }
        if new != old {
            fs::write(path, new).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

/// The build of this base that was completed last.
fn newest_of_base(kernels: &Path, base: &str) -> Result<Option<PathBuf>> {
    let entries =
        fs::read_dir(kernels).with_context(|| format!("cannot read {}", kernels.display()))?;
    let dirs = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|dir| !dir.to_string_lossy().ends_with(COPYING));
    let fitting = dirs.filter(|dir| base_of(dir).is_some_and(|found| found == base));
    let age = |dir: &PathBuf| {
        fs::metadata(dir.join(".complete"))
            .and_then(|meta| meta.modified())
            .ok()
    };
    Ok(fitting.max_by_key(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_command_lines_are_readdressed() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (command, other) = (dir.path().join(".a.o.cmd"), dir.path().join("a.o"));
        fs::write(&command, "cc -I/c/src/linux/include -o /c/kernel/old/a.o")?;
        fs::write(&other, "/c/src/linux")?;
        let moved = [
            (Path::new("/c/kernel/old"), Path::new("/c/kernel/new")),
            (Path::new("/c/src/linux"), Path::new("/c/src/linux-mine")),
        ];
        readdress(dir.path(), &moved)?;
        assert_eq!(
            fs::read_to_string(&command)?,
            "cc -I/c/src/linux-mine/include -o /c/kernel/new/a.o"
        );
        assert_eq!(fs::read_to_string(&other)?, "/c/src/linux");
        Ok(())
    }
}
