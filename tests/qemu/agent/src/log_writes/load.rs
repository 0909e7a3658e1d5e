// SPDX-License-Identifier: GPL-2.0

//! Files that are written and synced in several ways, a thread for each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{anyhow, Context as _, Result};
use rustix::fs::{fallocate, FallocateFlags};
use rustix::io::Errno;

use super::history::History;
use crate::data::mirror::open;
use crate::data::random::Random;
use crate::sys::mapping::FileMapping;
use crate::transfer::{Method, Transfer};

/// How a file is written, and what makes it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through the page cache, then fsync.
    Buffered,
    /// The same with fdatasync.
    BufferedData,
    /// Through the page cache, each write with O_DSYNC.
    BufferedSync,
    /// Through a mapping, then fsync.
    Mapped,
    /// Direct I/O, then fdatasync.
    Direct,
    /// Direct I/O, each write with O_DSYNC.
    DirectSync,
    /// Several of those at once.
    Queued,
}

const WAYS: [Way; 7] = [
    Way::Buffered,
    Way::BufferedData,
    Way::BufferedSync,
    Way::Mapped,
    Way::Direct,
    Way::DirectSync,
    Way::Queued,
];

/// How often each file is synced.
const ROUNDS: usize = 4;
/// How far a file may reach.
const SIZE: usize = 192 << 10;
const LONGEST: usize = 24 << 10;
/// Where space is allocated ahead of the data.
const AHEAD: Range<usize> = 64 << 10..128 << 10;
/// What direct I/O is aligned to.
const SECTOR: usize = 512;
/// Of a filesystem.
const LARGEST_BLOCK: usize = 4096;
/// Writes of one round.
const WRITES: usize = 3;
/// How many files are made that nobody syncs.
const OTHERS: usize = 60;

impl Way {
    fn is_direct(self) -> bool {
        matches!(self, Self::Direct | Self::DirectSync | Self::Queued)
    }

    /// Does every write last without further ado?
    fn is_synchronous(self) -> bool {
        matches!(self, Self::BufferedSync | Self::DirectSync | Self::Queued)
    }

    fn open(self, path: &Path) -> Result<File> {
        let direct = if self.is_direct() { libc::O_DIRECT } else { 0 };
        let sync = if self.is_synchronous() {
            libc::O_DSYNC
        } else {
            0
        };
        open(path, direct | sync)
    }

    /// What is written before it is synced.
    fn round(self, random: &mut Random) -> Vec<Range<usize>> {
        let unit = if self.is_direct() { SECTOR } else { 1 };
        if self == Self::Queued {
            let (start, length) = random.range(SIZE, LONGEST, WRITES * unit);
            let piece = length / WRITES;
            let starts = (0..WRITES).map(|number| start + number * piece);
            return starts.map(|start| start..start + piece).collect();
        }
        let mut write = |_| {
            let (start, length) = random.range(SIZE, LONGEST, unit);
            start..start + length
        };
        (0..WRITES).map(&mut write).collect()
    }
}

/// The name of a file.
pub fn name(file: u8) -> String {
    format!("file-{file}")
}

/// The file of that name.
pub fn file(name: &str) -> Option<u8> {
    name.strip_prefix("file-")?.parse().ok()
}

/// Everything that is written to a file, if it comes to that.
pub fn history(file: u8) -> Result<History> {
    let mut ways = WAYS.iter().cycle();
    let way = ways
        .nth(file.wrapping_sub(1).into())
        .context("no way to write")?;
    let mut random = Random::new(file.into());
    let mut history = History::new(file);
    for _ in 0..ROUNDS {
        way.round(&mut random)
            .into_iter()
            .for_each(|range| history.note(range));
    }
    Ok(history)
}

/// In each way writes so many files in `dir`, one after the other, and tells `mark` of
/// each how many writes are on the disk for certain, as soon as they are.
pub fn run(
    dir: &Path,
    files: u8,
    mark: &(dyn Fn(&History) -> Result<()> + Sync),
) -> Result<Vec<History>> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = scope.spawn(|| unsynced(dir, &done));
        let workers: Vec<_> = (1..)
            .zip(WAYS)
            .map(|(first, way)| {
                let own = (first..).step_by(WAYS.len()).take(files.into());
                let own = own.map(move |file| work(dir, way, History::new(file), mark));
                scope.spawn(move || own.collect::<Result<Vec<_>>>())
            })
            .collect();
        let panicked = |_| anyhow!("a thread panicked");
        let histories: Result<Vec<Vec<_>>> = workers
            .into_iter()
            .zip(WAYS)
            .map(|(worker, way)| {
                let result = worker.join().map_err(panicked)?;
                result.with_context(|| format!("{way:?}"))
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        others.join().map_err(panicked)??;
        Ok(histories?.into_iter().flatten().collect())
    })
}

/// Whether each file has at least as many writes as were told of it. One that e2fsck has
/// `mended` may have got longer: it ends with the last block that it has on the disk.
pub fn verify(
    dir: &Path,
    histories: &[History],
    synced: &BTreeMap<u8, usize>,
    mended: bool,
) -> Result<()> {
    for history in histories {
        let Some(&writes) = synced.get(&history.file()) else {
            // Maybe it has no name yet.
            continue;
        };
        let name = name(history.file());
        let mut found = fs::read(dir.join(&name)).with_context(|| name.clone())?;
        let behind = found.get(history.most()..).unwrap_or_default();
        if mended && behind.len() < LARGEST_BLOCK && behind.iter().all(|&byte| byte == 0) {
            found.truncate(history.most());
        }
        history.verify(writes, &found).context(name)?;
    }
    Ok(())
}

fn work(
    dir: &Path,
    way: Way,
    mut history: History,
    mark: &(dyn Fn(&History) -> Result<()> + Sync),
) -> Result<History> {
    let path = dir.join(name(history.file()));
    File::create_new(&path)?.sync_all()?;
    File::open(dir)?.sync_all()?;
    mark(&history)?;
    let file = way.open(&path)?;
    let ahead = AHEAD.start as u64..AHEAD.end as u64;
    let allocated = fallocate(
        &file,
        FallocateFlags::KEEP_SIZE,
        ahead.start,
        ahead.end - ahead.start,
    );
    match allocated {
        // There is none on ext2.
        Err(Errno::OPNOTSUPP) => {}
        result => result.context("fallocate")?,
    }
    let mut random = Random::new(history.file().into());
    for _ in 0..ROUNDS {
        let ranges = way.round(&mut random);
        match way {
            Way::Queued => {
                let mut writes = ranges
                    .into_iter()
                    .map(|range| {
                        let at = range.start as u64;
                        Ok(Transfer::write(at, history.write(range)?))
                    })
                    .collect::<Result<Vec<_>>>()?;
                Method::Uring.run_whole(&file, &mut writes, WRITES)?;
            }
            _ => {
                for range in ranges {
                    let start = range.start;
                    let bytes = history.write(range)?;
                    write(&file, way, start, &bytes)?;
                    if way.is_synchronous() {
                        mark(&history)?;
                    }
                }
            }
        }
        match way {
            Way::Buffered | Way::Mapped => file.sync_all().context("fsync")?,
            Way::BufferedData | Way::Direct => file.sync_data().context("fdatasync")?,
            Way::BufferedSync | Way::DirectSync | Way::Queued => {}
        }
        mark(&history)?;
    }
    Ok(history)
}

fn write(file: &File, way: Way, start: usize, bytes: &[u8]) -> Result<()> {
    if way != Way::Mapped {
        return file.write_all_at(bytes, start as u64).context("write");
    }
    let end = start + bytes.len();
    if file.metadata()?.len() < end as u64 {
        file.set_len(end as u64)?;
    }
    let map = FileMapping::new(file, end)?;
    map.write(start, bytes).context("store")
}

/// Makes, renames and removes files until the others are done, and syncs none.
fn unsynced(dir: &Path, done: &AtomicBool) -> Result<()> {
    for number in 0..OTHERS {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let path = dir.join(format!("other-{number}"));
        fs::write(&path, vec![number as u8; 5000])?;
        match number % 3 {
            0 => fs::remove_file(&path)?,
            1 => fs::rename(&path, dir.join("renamed"))?,
            _ => {}
        }
    }
    Ok(())
}
