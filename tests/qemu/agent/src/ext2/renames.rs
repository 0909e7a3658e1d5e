// SPDX-License-Identifier: GPL-2.0

//! Renaming everything to everything.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{symlink, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{renameat_with, RawDir, RenameFlags, CWD};

use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::suites;

pub const CASES: &[Case] = &[
    Case::new("rename_matrix", suites::EXT2, matrix)
        .doc("Each kind of file is renamed over each other one, or refused, as POSIX has it."),
    Case::new("rename_directories", suites::EXT2, directories)
        .doc("A directory that moves has its new parent, and both parents' links are right."),
    Case::new("rename_times", suites::EXT2, times)
        .doc("A directory that moves was not changed itself, its parents were."),
    Case::new("rename_flags", suites::EXT2, flags)
        .doc("A rename that must not replace does not; others than that are not supported."),
];

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Nothing,
    File,
    Empty,
    Full,
    Link,
}

const ALL: [What; 5] = [
    What::Nothing,
    What::File,
    What::Empty,
    What::Full,
    What::Link,
];

impl What {
    fn make(self, path: &Path) -> Result<()> {
        match self {
            Self::Nothing => {}
            Self::File => drop(File::create_new(path)?),
            Self::Empty => fs::create_dir(path)?,
            Self::Full => {
                fs::create_dir(path)?;
                File::create_new(path.join("inside"))?;
            }
            Self::Link => symlink("nowhere", path)?,
        }
        Ok(())
    }

    const fn is_directory(self) -> bool {
        matches!(self, Self::Empty | Self::Full)
    }

    /// What renaming this over `to` must give.
    fn over(self, to: Self) -> Option<i32> {
        match (self, to) {
            (Self::Nothing, _) => Some(libc::ENOENT),
            (_, Self::Nothing) => None,
            (from, to) if from.is_directory() && !to.is_directory() => Some(libc::ENOTDIR),
            (from, to) if !from.is_directory() && to.is_directory() => Some(libc::EISDIR),
            (_, Self::Full) => Some(libc::ENOTEMPTY),
            _ => None,
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    Some(fs::symlink_metadata(path).ok()?.ino())
}

fn matrix(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let mut number = 0;
    for within in [true, false] {
        for from in ALL {
            for to in ALL {
                number += 1;
                let home = dir.join(number.to_string());
                let other = if within {
                    home.clone()
                } else {
                    home.join("other")
                };
                fs::create_dir_all(&other)?;
                one(from, &home.join("from"), to, &other.join("to"))
                    .with_context(|| format!("{from:?} over {to:?}, same directory: {within}"))?;
            }
        }
    }
    Ok(())
}

fn one(from: What, source: &Path, to: What, target: &Path) -> Result<()> {
    from.make(source)?;
    to.make(target)?;
    let before = (inode(source), inode(target));
    match from.over(to) {
        Some(errno) => {
            fails_with(fs::rename(source, target), errno, "rename")?;
            ensure!(
                (inode(source), inode(target)) == before,
                "a refused rename did something"
            );
        }
        None => {
            fs::rename(source, target)?;
            ensure!(
                (inode(source), inode(target)) == (None, before.0),
                "not what was renamed"
            );
            if from == What::Full {
                ensure!(target.join("inside").exists());
            }
        }
    }
    Ok(())
}

fn links(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)?.nlink())
}

/// What the entry `..` of a directory names: on disk, where paths do not look once the
/// directory is in memory.
fn named_parent(path: &Path) -> Result<u64> {
    let dir = File::open(path)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut reader = RawDir::new(&dir, buffer.spare_capacity_mut());
    while let Some(entry) = reader.next() {
        let entry = entry.context("getdents64")?;
        if entry.file_name() == c".." {
            return Ok(entry.ino());
        }
    }
    bail!("{} has no ..", path.display())
}

fn directories(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let (a, b) = (dir.join("a"), dir.join("b"));
    fs::create_dir(&a)?;
    fs::create_dir(&b)?;
    fs::create_dir_all(a.join("child/below"))?;
    ensure!((links(&a)?, links(&b)?) == (3, 2));
    fs::rename(a.join("child"), b.join("child"))?;
    ensure!((links(&a)?, links(&b)?) == (2, 3));
    ensure!(
        inode(&b.join("child/..")) == inode(&b),
        ".. is still the old parent"
    );
    ensure!(Some(named_parent(&b.join("child"))?) == inode(&b));
    ensure!(links(&b.join("child"))? == 3);

    // Over an empty one, which loses its last link.
    fs::create_dir(a.join("victim"))?;
    let victim = File::open(a.join("victim"))?;
    fs::rename(b.join("child"), a.join("victim"))?;
    ensure!((links(&a)?, links(&b)?) == (3, 2));
    ensure!(victim.metadata()?.nlink() == 0);
    ensure!(inode(&a.join("victim/..")) == inode(&a));
    ensure!(Some(named_parent(&a.join("victim"))?) == inode(&a));

    let below = a.join("victim/below/deeper");
    fails_with(
        fs::rename(a.join("victim"), below),
        libc::EINVAL,
        "a directory into itself",
    )?;
    // The same file by two names: nothing happens.
    File::create_new(a.join("one"))?;
    fs::hard_link(a.join("one"), a.join("two"))?;
    fs::rename(a.join("one"), a.join("two"))?;
    ensure!(links(&a.join("one"))? == 2);
    // A longer name than there is room for in the first block.
    let long = a.join("x".repeat(255));
    fs::rename(a.join("one"), &long)?;
    ensure!(links(&long)? == 2);
    Ok(())
}

fn times(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let (a, b) = (dir.join("a"), dir.join("b"));
    fs::create_dir_all(a.join("child"))?;
    fs::create_dir(&b)?;
    let old = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for path in [&a, &b, &a.join("child")] {
        File::open(path)?.set_modified(old)?;
    }
    let before = fs::metadata(a.join("child"))?;
    // Times are kept in seconds.
    thread::sleep(Duration::from_millis(1100));
    fs::rename(a.join("child"), b.join("child"))?;
    let after = fs::metadata(b.join("child"))?;
    ensure!(after.modified()? == old, "the directory was changed");
    ensure!(
        after.ctime() > before.ctime(),
        "the directory's inode was not changed"
    );
    for path in [&a, &b] {
        ensure!(
            fs::metadata(path)?.modified()? != old,
            "{} was not changed",
            path.display()
        );
    }
    Ok(())
}

fn rename_with(from: &Path, to: &Path, flags: RenameFlags) -> io::Result<()> {
    Ok(renameat_with(CWD, from, CWD, to, flags)?)
}

fn flags(context: &Context) -> Result<()> {
    let dir = context.dir()?;
    let path = |name: &str| -> PathBuf { dir.join(name) };
    File::create_new(path("a"))?;
    File::create_new(path("b"))?;
    let keep = RenameFlags::NOREPLACE;
    fails_with(
        rename_with(&path("a"), &path("b"), keep),
        libc::EEXIST,
        "a rename over a file",
    )?;
    rename_with(&path("a"), &path("c"), keep)?;
    for flag in [RenameFlags::EXCHANGE, RenameFlags::WHITEOUT] {
        fails_with(
            rename_with(&path("c"), &path("b"), flag),
            libc::EINVAL,
            "an odd rename",
        )?;
    }
    ensure!(path("c").exists() && path("b").exists() && !path("a").exists());
    Ok(())
}
