// SPDX-License-Identifier: GPL-2.0

//! Blocks that a write has got, and does not fill in the end.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context as _, Result};

use crate::case::Case;
use crate::check::{fails_with, wait_until};
use crate::context::Context;
use crate::data::mirror::{drop_cache, open, open_read};
use crate::fs::MIB;
use crate::memory;
use crate::suites;
use crate::sys::buffer::PAGE_SIZE;
use crate::sys::child::Child;
use crate::sys::device_mapper::{self, Target};
use crate::sys::mapping::FileMapping;
use crate::sys::{page_flags, raw_io};
use crate::trace;

pub const CASES: &[Case] = &[
    Case::new("pending_write_fails", suites::EXT2_RS, write_fails)
        .doc(
            "What a write allocates, and gives back as it fails, is not written meanwhile, \
             though a store has made its folio dirty.",
        )
        .logs(&["Buffer I/O error on dev dm-0"]),
    Case::new("pending_store_killed", suites::EXT2_RS, store_killed).doc(
        "Who stores to what a write has allocated and does not fill does not keep a \
             processor busy, and can be killed, in a system call, too.",
    ),
];

const SIZE: usize = MIB;
const PATIENCE: Duration = Duration::from_secs(30);
/// For a task to show how busy it is.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// A device without data: reads of it fail, and wait before while it is suspended.
const STUCK: &str = "stuck";
const SECTORS: u64 = 8;

fn write_fails(context: &Context) -> Result<()> {
    memory::join_free_pages()?;
    let path = context.path("file")?;
    let file = create(&path)?;
    let stored = large_folio(&file)?;
    // Where that page is, the driver remembers now.
    file.write_all_at(&[b'f'; PAGE_SIZE], stored as u64)?;
    file.sync_all()?;
    with_stuck_memory(|memory| write_beside_store(&file, &path, stored, memory))?;
    drop_cache(&file)?;
    let mut found = [0xee; 2 * PAGE_SIZE];
    file.read_exact_at(&mut found, stored as u64)?;
    let mut expected = [0; 2 * PAGE_SIZE];
    expected[..PAGE_SIZE].fill(b'f');
    expected[..6].copy_from_slice(b"stored");
    ensure!(found == expected, "the file has something else");
    Ok(())
}

/// Has `work` done with a page that cannot be read.
fn with_stuck_memory(work: impl FnOnce(FileMapping) -> Result<()>) -> Result<()> {
    let table = [Target {
        start: 0,
        length: SECTORS,
        kind: "error",
        parameters: String::new(),
    }];
    device_mapper::with_disk(STUCK, &table, |device| {
        work(FileMapping::read_only(&open_read(device, 0)?, PAGE_SIZE)?)
    })
}

fn store_killed(context: &Context) -> Result<()> {
    let path = context.path("file")?;
    let file = create(&path)?;
    let hole = PAGE_SIZE;
    let blocks = file.metadata()?.blocks();
    let mapping = FileMapping::new(&file, SIZE)?;
    let writing = open(&path, 0)?;
    with_stuck_memory(|memory| {
        let write = move || {
            let from = memory.pointer(0, PAGE_SIZE)?;
            raw_io::write_from(&writing, from, PAGE_SIZE, hole as u64)
        };
        thread::scope(|scope| {
            let writer = device_mapper::suspended(STUCK, || {
                let writer = scope.spawn(write);
                wait_until(PATIENCE, "allocating", || {
                    file.metadata().is_ok_and(|file| file.blocks() > blocks)
                })?;
                let zeros = open_read(Path::new("/dev/zero"), 0)?;
                let to = mapping.pointer(hole, PAGE_SIZE)?;
                let mut child = Child::reading(&zeros, to, PAGE_SIZE)?;
                thread::sleep(LONG_ENOUGH);
                ensure!(!child.has_ended()?, "the store has not waited");
                let busy = child.processor_time()?;
                child.signal(libc::SIGKILL)?;
                wait_until(PATIENCE, "killing", || child.has_ended().unwrap_or(true))?;
                ensure!(
                    busy < LONG_ENOUGH / 2,
                    "of {LONG_ENOUGH:?} it was busy for {busy:?}"
                );
                Ok(writer)
            })?;
            let written = writer.join().map_err(|_| anyhow!("a thread panicked"))?;
            fails_with(written, libc::EFAULT, "a write of what cannot be read")
        })
    })
}

/// A file of which every other page is a hole, in the page cache, clean.
fn create(path: &Path) -> Result<File> {
    File::create_new(path)?.set_len(SIZE as u64)?;
    let file = open(path, 0)?;
    for offset in (0..SIZE).step_by(2 * PAGE_SIZE) {
        file.write_all_at(&[b'f'; PAGE_SIZE], offset as u64)?;
    }
    drop_cache(&file)?;
    file.read_exact_at(&mut vec![0; SIZE], 0)?;
    Ok(file)
}

/// Where the first folio of several pages starts.
fn large_folio(file: &File) -> Result<usize> {
    let mut offset = 0;
    for pages in page_flags::folios(&FileMapping::new(file, SIZE)?, SIZE)? {
        if pages > 1 {
            return Ok(offset);
        }
        offset += pages * PAGE_SIZE;
    }
    Err(anyhow!("all folios are small"))
}

/// Writes to the second page of a folio what cannot be read from `memory`, and stores to
/// the first meanwhile, at byte `stored`; writes the folio out before the write fails.
fn write_beside_store(file: &File, path: &Path, stored: usize, memory: FileMapping) -> Result<()> {
    let blocks = file.metadata()?.blocks();
    let (writing, hole) = (open(path, 0)?, stored + PAGE_SIZE);
    let write = move || {
        let from = memory.pointer(0, PAGE_SIZE)?;
        raw_io::write_from(&writing, from, PAGE_SIZE, hole as u64)
    };
    let mapping = FileMapping::new(file, SIZE)?;
    let store = move || mapping.write(stored, b"stored");
    thread::scope(|scope| {
        let (writer, storer) = device_mapper::suspended(STUCK, || {
            let writer = scope.spawn(write);
            wait_until(PATIENCE, "allocating", || {
                file.metadata().is_ok_and(|file| file.blocks() > blocks)
            })?;
            // It faults until the write is over, and each time the folio gets dirty.
            let storer = scope.spawn(store);
            expect_hole(file, stored, hole)?;
            Ok((writer, storer))
        })?;
        let written = writer.join().map_err(|_| anyhow!("a thread panicked"))?;
        fails_with(written, libc::EFAULT, "a write of what cannot be read")?;
        let stored = storer.join().map_err(|_| anyhow!("a thread panicked"))?;
        stored.context("a store")
    })
}

/// Writes the folio out as soon as it is dirty: the page at `stored`, and nothing where
/// the one at `hole` goes.
fn expect_hole(file: &File, stored: usize, hole: usize) -> Result<()> {
    let ino = file.metadata()?.ino();
    let mut events = Vec::new();
    wait_until(PATIENCE, "making it dirty", || {
        let Ok(((), new)) = trace::record_iomap(ino, || Ok(file.sync_all()?)) else {
            return false;
        };
        events.extend(new);
        events
            .iter()
            .any(|event| event.name == "iomap_writepage_map")
    })?;
    let mut kinds = Vec::new();
    for event in events {
        if event.name != "iomap_writepage_map" {
            continue;
        }
        let start = event.number("offset")?;
        let range = start..start + event.number("length")?;
        for place in [stored, hole] {
            if range.contains(&i64::try_from(place)?) {
                kinds.push((place - stored, event.field("type")?.to_owned()));
            }
        }
    }
    let are = |place, kind| {
        kinds
            .iter()
            .filter(|of| of.0 == place)
            .all(|of| of.1 == kind)
    };
    ensure!(
        are(0, "MAPPED") && are(PAGE_SIZE, "HOLE") && kinds.len() > 1,
        "written were {kinds:?}"
    );
    Ok(())
}
