// SPDX-License-Identifier: GPL-2.0

//! The machine goes away while files are written. What was synced is there afterwards:
//! the host repairs the disk, and compares; a filesystem with a log recovers by itself,
//! in a guest that is booted for that.

pub mod in_flight;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Context as _, Result};
use iomap_qemu_protocol::ktap::POWER_CUT;

use crate::case::Case;
use crate::context::Context;
use crate::data::digest;
use crate::data::mirror::open;
use crate::data::random::Random;
use crate::suites;
use crate::sys::buffer::AlignedBuf;
use crate::sys::mapping::FileMapping;

/// The table of this file.
pub const CASES: &[&[Case]] = &[&[
    Case::new("crash_buffered", suites::CRASH, |context| {
        run(context, Way::Buffered)
    })
    .doc("What was written and synced survives the loss of the machine under load."),
    Case::new("crash_direct", suites::CRASH, |context| {
        run(context, Way::Direct)
    })
    .doc("What was written past the page cache and synced survives it."),
    Case::new("crash_mapped", suites::CRASH, |context| {
        run(context, Way::Mapped)
    })
    .doc("What was stored through a mapping and synced survives it."),
    Case::new("crash_in_flight", suites::CRASH, in_flight::run).doc(
        "What was synced survives the loss of the machine while more is written to the same \
         files and synced, in all ways at once; of that any part may be there.",
    ),
]];

/// How the files that are to survive are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Buffered,
    Direct,
    Mapped,
}

/// Files that must survive.
const FILES: usize = 24;
/// The most that there is in one: two levels of pointers in blocks of 1 KiB.
const LONGEST: usize = 600 << 10;
/// Direct writes are multiples of it.
const UNIT: usize = 1024;

fn run(context: &Context, way: Way) -> Result<()> {
    let dir = make_dir(context, "kept")?;
    cut_power_after(context, || keep(context, &dir, way))
}

/// A new directory, whose name is on the disk.
fn make_dir(context: &Context, name: &str) -> Result<PathBuf> {
    let root = context.mount_point();
    let dir = root.join(name);
    fs::create_dir(&dir)?;
    File::open(root)?.sync_all()?;
    Ok(dir)
}

/// Ends the machine after `work`, under load from before that.
fn cut_power_after(context: &Context, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let root = context.mount_point();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let loads: Vec<_> = (0..2)
            .map(|number| {
                scope.spawn(move || load(&root.join(format!("load-{number}")), number, stop))
            })
            .collect();
        let result = work().and_then(|()| {
            ensure!(
                !loads.iter().any(|load| load.is_finished()),
                "the load has ended"
            );
            context.die_by(POWER_CUT);
            thread::sleep(Duration::from_secs(10));
            bail!("the machine is still there")
        });
        stop.store(true, Ordering::SeqCst);
        for load in loads {
            load.join()
                .map_err(|_| anyhow!("a thread panicked"))?
                .context("load")?;
        }
        result
    })
}

/// Writes files, syncs them, and has the host look for them.
fn keep(context: &Context, dir: &Path, way: Way) -> Result<()> {
    let mut random = Random::new(way as u64 + 1);
    for number in 0..FILES {
        let name = format!("{number}");
        let path = dir.join(&name);
        let mut bytes = vec![0; (1 + random.below(LONGEST)).next_multiple_of(UNIT)];
        File::create_new(&path)?;
        let file = open(&path, 0)?;
        // Twice: blocks are added to what was synced, and changed in it.
        for _ in 0..2 {
            for piece in bytes.chunks_mut(64) {
                piece.fill(random.below(256) as u8);
            }
            let half = (bytes.len() / 2).next_multiple_of(UNIT).min(bytes.len());
            write(&path, &file, way, &bytes, 0..half)?;
            file.sync_data().context("fdatasync")?;
            write(&path, &file, way, &bytes, half..bytes.len())?;
            file.sync_all().context("fsync")?;
        }
        // It has a name once the directory is synced.
        File::open(dir)?
            .sync_all()
            .context("fsync of the directory")?;
        let kept = Path::new("kept").join(name);
        context.promise_file("main", &kept, digest::of_bytes(&bytes));
    }
    Ok(())
}

fn write(
    path: &Path,
    file: &File,
    way: Way,
    bytes: &[u8],
    range: std::ops::Range<usize>,
) -> Result<()> {
    let part = bytes.get(range.clone()).unwrap_or_default();
    if part.is_empty() {
        return Ok(());
    }
    let at = range.start as u64;
    match way {
        Way::Buffered => file.write_all_at(part, at).context("write"),
        Way::Direct => {
            let mut buffer = AlignedBuf::new(part.len())?;
            buffer.copy_from_slice(part);
            open(path, libc::O_DIRECT)?
                .write_all_at(&buffer, at)
                .context("direct write")
        }
        Way::Mapped => {
            if file.metadata()?.len() < range.end as u64 {
                file.set_len(range.end as u64)?;
            }
            let map = FileMapping::new(file, range.end)?;
            map.write(range.start, part).context("store")
        }
    }
}

/// Makes, writes, renames and removes files until it is told to stop, and syncs none.
///
/// What is removed is small. A larger file has blocks of pointers; were one used again for
/// the data of a file that is synced, and the machine gone before the removed inode is
/// written, fsck would take that data for pointers, and "repair" it: ext2 cannot
/// help that.
fn load(dir: &Path, seed: u64, stop: &AtomicBool) -> Result<()> {
    fs::create_dir(dir)?;
    let mut random = Random::new(100 + seed);
    let large = File::create_new(dir.join("large"))?;
    let mut written = 0u64;
    for number in 0u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let path = dir.join(format!("file-{number}"));
        let mut file = File::create_new(&path)?;
        file.write_all(&vec![number as u8; random.below(11 << 10)])?;
        match random.below(4) {
            0 => fs::remove_file(&path)?,
            1 => fs::rename(&path, dir.join("renamed"))?,
            2 => file.set_len(random.below(5000) as u64)?,
            _ => {
                let sub = dir.join(format!("dir-{number}"));
                fs::create_dir(&sub)?;
                fs::rename(&path, sub.join("inside"))?;
            }
        }
        if number >= 40 {
            // Whatever became of it.
            let old = number - 40;
            let _ = fs::remove_file(dir.join(format!("file-{old}")));
            let _ = fs::remove_dir_all(dir.join(format!("dir-{old}")));
        }
        if written < 24 << 20 {
            let at = written + random.below(3) as u64 * 4096;
            large.write_all_at(&[0xaa; 20_000], at)?;
            written = at + 20_000;
        }
    }
    Ok(())
}
