// SPDX-License-Identifier: GPL-2.0

//! A directory of a command's own in the cache, for disks and for what guests boot. It is
//! locked while the command lives: the next one removes what those that were killed have left.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::fs::{flock, FlockOperation};
use tempfile::TempDir;

use crate::lock::Lock;
use crate::paths::{make_dir, Paths};

/// The file in each that its owner locks, and the one in their parent for the time in which
/// one is made.
const LOCK: &str = "lock";

/// Age at which a directory that has no such file is in no use any more: commands of older
/// checkouts, which share the cache, make those.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Goes away when this is dropped.
#[derive(Debug)]
pub struct WorkDir {
    // Removed before the lock is let go of.
    dir: TempDir,
    _lock: Lock,
}

impl WorkDir {
    /// Makes one, and removes those without an owner.
    pub fn create(paths: &Paths) -> Result<Self> {
        Self::create_in(&paths.cache.join("run"))
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    fn create_in(run: &Path) -> Result<Self> {
        make_dir(run)?;
        // Nobody may find a directory that is not locked yet.
        let _making = Lock::take(&run.join(LOCK))?;
        remove_ownerless(run);
        let dir = TempDir::new_in(run)
            .with_context(|| format!("cannot create a directory in {}", run.display()))?;
        let lock = Lock::take(&dir.path().join(LOCK))?;
        Ok(Self { dir, _lock: lock })
    }
}

fn remove_ownerless(run: &Path) {
    let Ok(entries) = fs::read_dir(run) else {
        return;
    };
    for dir in entries.flatten().map(|entry| entry.path()) {
        if dir.is_dir() && is_ownerless(&dir) {
            // What cannot be removed is in nobody's way but the disk's.
            let _ = fs::remove_dir_all(dir);
        }
    }
}

fn is_ownerless(dir: &Path) -> bool {
    match File::open(dir.join(LOCK)) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => {
            let modified = fs::metadata(dir).and_then(|meta| meta.modified());
            let age = modified.ok().and_then(|time| time.elapsed().ok());
            age.is_some_and(|age| age > STALE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_command_left_is_removed() -> Result<()> {
        let run = tempfile::tempdir()?;
        let at = |name: &str| run.path().join(name);
        for name in ["killed", "of-an-older-checkout"] {
            make_dir(&at(name).join("disks"))?;
        }
        fs::write(at("killed").join(LOCK), "")?;
        let first = WorkDir::create_in(run.path())?;
        // However long it has run.
        let start = std::time::SystemTime::now() - 2 * STALE;
        File::open(first.path())?.set_modified(start)?;
        let second = WorkDir::create_in(run.path())?;
        assert!(first.path().is_dir() && second.path().is_dir());
        assert!(!at("killed").exists());
        assert!(at("of-an-older-checkout").is_dir());
        let gone = first.path().to_owned();
        drop(first);
        assert!(!gone.exists());
        Ok(())
    }
}
