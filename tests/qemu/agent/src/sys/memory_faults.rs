// SPDX-License-Identifier: GPL-2.0

//! Allocations of the kernel that fail on request, those of one thread
//! (`Documentation/fault-injection`).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context as _, Result};

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
    ("failslab/task-filter", "Y"),
    ("failslab/interval", "1"),
];

/// The kernel's caches of objects, each with a file that says whether its objects may fail.
const CACHES: &str = "/sys/kernel/slab";
const MAY_FAIL: &str = "failslab";

/// How the names of caches of bios begin, and of those of what a bio lists its memory in.
const OF_BIOS: [&str; 2] = ["bio-", "biovec-"];

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
        set_up()?;
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

    /// Calls `work` without the bios that are short.
    pub fn run_short<T>(&self, _: &Shortage, work: impl FnOnce() -> T) -> Result<T> {
        self.chosen(work)
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

    /// Calls `work` as one of the threads whose allocations may fail.
    fn chosen<T>(&self, work: impl FnOnce() -> T) -> Result<T> {
        let restore = Restore::new(|| put(&self.chosen, 0));
        put(&self.chosen, 1)?;
        let result = work();
        restore.now()?;
        Ok(result)
    }

    fn without_pages<T>(&self, pages: u32, work: impl FnOnce() -> T) -> Result<(T, bool)> {
        let restore = Restore::new(|| set("fail_page_alloc/probability", "0"));
        set("fail_page_alloc/space", &pages.to_string())?;
        set("fail_page_alloc/times", &IN_A_ROW.to_string())?;
        set("fail_page_alloc/probability", "100")?;
        let result = self.chosen(work)?;
        restore.now()?;
        Ok((result, times_left("fail_page_alloc")? != IN_A_ROW))
    }
}

/// For as long as this lives, whatever [`MemoryFaults::run_short`] calls, in any number of
/// threads, gets no bio and nothing to list a bio's memory in, but for what pools keep.
pub struct Shortage(());

impl Shortage {
    pub fn begin() -> Result<Self> {
        // Before anything can fail: from here on only chosen threads are meant.
        set_up()?;
        let shortage = Self(());
        let caches = caches_of_bios()?;
        ensure!(!caches.is_empty(), "{CACHES} has no caches of bios");
        for cache in caches {
            tell(&cache, "1")?;
        }
        set("failslab/cache-filter", "Y")?;
        set("failslab/times", &NEVER.to_string())?;
        set("failslab/probability", "100")?;
        Ok(shortage)
    }

    /// How many allocations have failed so far.
    pub fn failed(&self) -> Result<u32> {
        Ok(NEVER.saturating_sub(times_left("failslab")?))
    }

    /// There are bios again.
    pub fn end(&self) -> Result<()> {
        set("failslab/probability", "0")?;
        set("failslab/cache-filter", "N")?;
        caches_of_bios()?
            .iter()
            .try_for_each(|cache| tell(cache, "0"))
    }
}

impl Drop for Shortage {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("cannot end the shortage: {error:#}");
        }
    }
}

/// The files that say whether bios may fail.
fn caches_of_bios() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(CACHES).with_context(|| format!("cannot list {CACHES}"))? {
        let entry = entry.with_context(|| format!("cannot list {CACHES}"))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if OF_BIOS.iter().any(|start| name.starts_with(start)) {
            found.push(entry.path().join(MAY_FAIL));
        }
    }
    Ok(found)
}

fn set_up() -> Result<()> {
    SETTINGS
        .iter()
        .try_for_each(|(file, value)| set(file, value))
}

/// How often allocations of that kind are still to fail.
fn times_left(kind: &str) -> Result<u32> {
    let path = Path::new(DEBUGFS).join(kind).join("times");
    let left = fs::read_to_string(path).context("cannot read how many allocations failed")?;
    left.trim()
        .parse()
        .with_context(|| format!("{kind}/times is no number"))
}

fn set(file: &str, value: &str) -> Result<()> {
    tell(&Path::new(DEBUGFS).join(file), value)
}

fn tell(path: &Path, value: &str) -> Result<()> {
    fs::write(path, value).with_context(|| format!("cannot write {value} to {}", path.display()))
}

fn put(file: &File, number: u32) -> Result<()> {
    file.write_at(number.to_string().as_bytes(), 0)
        .context("cannot arm a fault")?;
    Ok(())
}
