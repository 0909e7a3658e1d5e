// SPDX-License-Identifier: GPL-2.0

//! Allocations of the kernel that fail on request, those of one thread
//! (`Documentation/fault-injection`).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::restore::Restore;

const DEBUGFS: &str = "/sys/kernel/debug";

/// By default allocations that may wait, single pages, and high memory never
/// fail, all threads are meant, and whatever fails prints its stack.
const SETTINGS: &[(&str, &str)] = &[
    ("failslab/verbose", "0"),
    ("failslab/ignore-gfp-wait", "N"),
    ("fail_page_alloc/verbose", "0"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/ignore-gfp-highmem", "N"),
    ("fail_page_alloc/min-order", "0"),
    ("fail_page_alloc/task-filter", "Y"),
    ("fail_page_alloc/interval", "1"),
];

/// Where the kernel does with a smaller folio if there is no large one, that many
/// failures leave it without any; page faults, which try for ever, come through.
const IN_A_ROW: u32 = 16;

/// No call makes as many allocations as this.
const NEVER: u32 = 1_000_000_000;

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The n-th allocation alone, of objects or of pages.
    Nth(u32),
    /// Sixteen allocations of pages, once so many pages were to be had.
    PagesAfter(u32),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nth(nth) => write!(f, "without allocation {nth}"),
            Self::PagesAfter(pages) => write!(f, "without pages after {pages}"),
        }
    }
}

/// The faults of the thread that made this.
pub struct MemoryFaults {
    nth: File,
    chosen: File,
}

impl MemoryFaults {
    pub fn new() -> Result<Self> {
        for (file, value) in SETTINGS {
            set(file, value)?;
        }
        let open = |name: &str| {
            let path = Path::new("/proc/thread-self").join(name);
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))
        };
        Ok(Self {
            nth: open("fail-nth")?,
            chosen: open("make-it-fail")?,
        })
    }

    /// Calls `work` with that fault. Returns what it returns and whether it met
    /// the fault.
    pub fn run<T>(&self, fault: Fault, work: impl FnOnce() -> T) -> Result<(T, bool)> {
        match fault {
            Fault::Nth(nth) => self.without_nth(nth, work),
            Fault::PagesAfter(pages) => self.without_pages(pages, work),
        }
    }

    /// Calls `work` without any fault. Returns what it returns and how many allocations
    /// could have failed.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> Result<(T, u32)> {
        let (result, left) = self.count_down(NEVER, work)?;
        Ok((result, NEVER - left))
    }

    fn without_nth<T>(&self, nth: u32, work: impl FnOnce() -> T) -> Result<(T, bool)> {
        let (result, left) = self.count_down(nth, work)?;
        Ok((result, left == 0))
    }

    /// Returns what `work` returns, and how many allocations before the one that fails
    /// it has left.
    fn count_down<T>(&self, nth: u32, work: impl FnOnce() -> T) -> Result<(T, u32)> {
        let restore = Restore::new(|| put(&self.nth, 0));
        put(&self.nth, nth)?;
        let result = work();
        let mut text = [0; 16];
        let count = self.nth.read_at(&mut text, 0);
        restore.now()?;
        let count = count.context("cannot read fail-nth")?;
        let left = String::from_utf8_lossy(text.get(..count).unwrap_or_default());
        let left = left.trim().parse().context("fail-nth is no number")?;
        Ok((result, left))
    }

    fn without_pages<T>(&self, pages: u32, work: impl FnOnce() -> T) -> Result<(T, bool)> {
        let restore = Restore::new(|| {
            let chosen = put(&self.chosen, 0);
            set("fail_page_alloc/probability", "0").and(chosen)
        });
        set("fail_page_alloc/space", &pages.to_string())?;
        set("fail_page_alloc/times", &IN_A_ROW.to_string())?;
        set("fail_page_alloc/probability", "100")?;
        put(&self.chosen, 1)?;
        let result = work();
        restore.now()?;
        let times = fs::read_to_string(Path::new(DEBUGFS).join("fail_page_alloc/times"))
            .context("cannot read how many allocations failed")?;
        Ok((result, times.trim() != IN_A_ROW.to_string()))
    }
}

fn set(file: &str, value: &str) -> Result<()> {
    let path = Path::new(DEBUGFS).join(file);
    fs::write(&path, value).with_context(|| format!("cannot write {value} to {}", path.display()))
}

fn put(file: &File, number: u32) -> Result<()> {
    file.write_at(number.to_string().as_bytes(), 0)
        .context("cannot arm a fault")?;
    Ok(())
}
