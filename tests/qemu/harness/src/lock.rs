// SPDX-License-Identifier: GPL-2.0

//! A lock between processes, so that two of them do not share a directory.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process;

use anyhow::{Context, Result};
use rustix::fs::{flock, FlockOperation};

use crate::paths::make_dir;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits, and says for whom, while another process has the lock.
    pub fn take(path: &Path) -> Result<Self> {
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        let mut options = File::options();
        // What it says stays there for who waits.
        let options = options.create(true).truncate(false).write(true);
        let file = options
            .open(path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            eprintln!("waiting for {}: {}", path.display(), owner_of(path));
            flock(&file, FlockOperation::LockExclusive)
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        let arguments: Vec<String> = env::args().skip(1).collect();
        let owner = format!("process {}, {}", process::id(), arguments.join(" "));
        // Without it others wait all the same.
        let _ = file.set_len(0);
        let _ = file.write_all_at(owner.as_bytes(), 0);
        Ok(Self { _file: file })
    }
}

/// Who has the lock, in words.
fn owner_of(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(owner) if !owner.is_empty() => format!("{owner:?} has it"),
        _ => "another command has it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn who_waits_is_told_for_whom() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("lock");
        let first = Lock::take(&path)?;
        let is_free = AtomicBool::new(false);
        thread::scope(|scope| {
            let second = scope.spawn(|| Lock::take(&path).map(|_| is_free.load(Ordering::SeqCst)));
            thread::sleep(Duration::from_millis(100));
            let owner = owner_of(&path);
            assert!(
                owner.contains(&format!("process {}", process::id())),
                "{owner}"
            );
            is_free.store(true, Ordering::SeqCst);
            drop(first);
            assert!(matches!(second.join(), Ok(Ok(true))));
        });
        Ok(())
    }
}
