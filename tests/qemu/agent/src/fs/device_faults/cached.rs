// SPDX-License-Identifier: GPL-2.0

//! Faults of the disk under the page cache.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{bail, ensure, Context as _, Result};
use rustix::fs::{fadvise, fallocate, ioctl_ficlone, Advice, FallocateFlags};

use super::disk::{Fault, FaultyDisk};
use super::{bad_range, break_at, ensure_idle, expect_either, SIZE};
use crate::case::Case;
use crate::check::{fails_with, transfers};
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::data::pattern;
use crate::fs::KIB;
use crate::suites;
use crate::sys::buffer::PAGE_SIZE;
use crate::sys::mapping::FileMapping;
use crate::sys::{raw_io, sync_range};

pub const CASES: &[Case] = &[
    Case::new("fault_writeback", suites::PAGE_CACHE_FAULTS, |context| writeback(context, Fault::Error, File::sync_all))
        .doc("fsync tells of a failed write once per open file; all else is on the disk; written again, it is whole.")
        .holds(&["WB-11"])
        .logs(&[r"writeback error on inode \d+"]),
    Case::new("flaky_writeback", suites::PAGE_CACHE_FAULTS, |context| writeback(context, Fault::FlakyWrites, without_flush))
        .doc("As fault_writeback, where only writes fail, and sync_file_range tells of it.")
        .holds(&["WB-11"])
        .logs(&[r"writeback error on inode \d+"]),
    Case::new("fault_writeback_unwritten", suites::XFS, writeback_unwritten)
        .doc("Space whose first write failed reads as zeros, never as what the disk had there.")
        .holds(&["WB-11"])
        .logs(&[r"writeback error on inode \d+"]),
    Case::new("fault_read", suites::PAGE_CACHE_FAULTS, |context| read(context, Fault::Error))
        .doc("Readers of the bad block get EIO, those of others their data, in front of it and behind.")
        .holds(&["RD-16"]),
    Case::new("flaky_read", suites::PAGE_CACHE_FAULTS, |context| read(context, Fault::FlakyReads))
        .doc("As fault_read, where only reads fail.")
        .holds(&["RD-16"]),
    Case::new("fault_write_needs_read", suites::PAGE_CACHE_FAULTS, |context| write_needs_read(context, Fault::Error))
        .doc("A write into a block that cannot be read is EIO and changes nothing; one that fills it works.")
        .holds(&["BW-14"]),
    Case::new("flaky_write_needs_read", suites::PAGE_CACHE_FAULTS, |context| write_needs_read(context, Fault::FlakyReads))
        .doc("As fault_write_needs_read, where only reads fail: what fills the block gets there.")
        .holds(&["BW-14"]),
    Case::new("flaky_truncate", suites::PAGE_CACHE_FAULTS, truncate)
        .doc("A truncate into a block that cannot be read is EIO and leaves the file as it is.")
        .holds(&["ZR-4"]),
    Case::new("flaky_zero_range", suites::XFS, zero_range)
        .doc("Zeroing a part of a block that cannot be read is EIO; that block stays as it is.")
        .holds(&["ZR-4"]),
    Case::new("flaky_unshare", suites::XFS, unshare)
        .doc("Unsharing a block that cannot be read is EIO; the file and its clone keep what they have.")
        .holds(&["US-3"]),
    Case::new("dust_read", suites::PAGE_CACHE_FAULTS, |context| read(context, Fault::Dust))
        .doc("As fault_read, on a medium with a bad block.")
        .holds(&["RD-16"]),
    Case::new("dust_rewrite", suites::PAGE_CACHE_FAULTS, rewrite)
        .doc("A write into a medium's bad block is EIO; one that fills it works, and it can be read again.")
        .holds(&["BW-14"]),
];

/// No folio with the bad block starts so far before it...
const NEAR: usize = 64 * KIB;
/// ...or reaches a multiple of this.
const BEYOND_FOLIO: usize = 192 * KIB;

fn eio(result: io::Result<()>, what: &str) -> Result<()> {
    fails_with(result, libc::EIO, what)
}

/// Writes back as fsync does, and does not flush the disk's cache, which fails wherever any
/// write does.
fn without_flush(file: &File) -> io::Result<()> {
    sync_range::write_and_wait(file, 0, SIZE)
}

fn writeback(context: &Context, fault: Fault, sync: fn(&File) -> io::Result<()>) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let (one, two) = (mirror.buffered()?, mirror.buffered()?);
        let bad = bad_range(context)?;
        let old = mirror.bytes().to_vec();
        break_at(disk, fault, &mirror, &bad)?;

        mirror.write(&one, 0, SIZE)?;
        eio(sync(&one), "the first fsync")?;
        sync(&one).context("the second fsync of the same file")?;
        let three = mirror.buffered()?;
        sync(&three).context("fsync of a file opened afterwards")?;
        eio(sync(&two), "fsync of another open file")?;
        sync(&two).context("its second fsync")?;
        ensure_idle(&mirror)?;
        mirror.verify_buffered().context("what was written")?;

        disk.heal()?;
        // What failed was not written; all else was.
        let mut on_disk = mirror.bytes().to_vec();
        let (from, to) = (old.get(bad.clone()), on_disk.get_mut(bad.clone()));
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
        }
        expect(&mirror.direct()?, &on_disk)?;

        mirror.write(&one, bad.start as u64, bad.len())?;
        one.sync_all().context("fsync of the healed disk")?;
        mirror.verify()
    })
}

/// The file holds these bytes on the disk.
fn expect(file: &File, bytes: &[u8]) -> Result<()> {
    let mut found = crate::sys::buffer::AlignedBuf::new(bytes.len())?;
    transfers(file.read_at(&mut found, 0), bytes.len(), "a direct read")?;
    pattern::compare(bytes, &found, 0).context("on the disk")
}

fn writeback_unwritten(context: &Context) -> Result<()> {
    context.fill_free_space()?;
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::create(context.path("file")?, 1)?;
        let file = mirror.buffered()?;
        fallocate(&file, FallocateFlags::empty(), 0, SIZE as u64).context("fallocate")?;
        file.sync_all()?;
        mirror.set_length(SIZE);
        break_at(disk, Fault::Error, &mirror, &bad_range(context)?)?;
        mirror.write(&file, 0, SIZE)?;
        eio(file.sync_all(), "fsync")?;
        ensure_idle(&mirror)?;

        disk.heal()?;
        mirror.drop_cache()?;
        expect_either(&mirror, mirror.bytes(), &[0; SIZE])?;
        mirror.write(&file, 0, SIZE)?;
        file.sync_all().context("fsync of the healed disk")?;
        mirror.verify()
    })
}

fn read(context: &Context, fault: Fault) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        break_at(disk, fault, &mirror, &bad)?;
        read_singly(&mirror, bad.start)?;
        read_ahead(&mirror, bad.start)?;
        map(&mirror, bad.start)?;
        ensure_idle_without_bad(&mirror)?;
        disk.heal()?;
        // No page is bad for ever.
        mirror.verify_buffered()?;
        ensure_idle(&mirror)
    })
}

/// Pages one by one, nothing ahead.
fn read_singly(mirror: &Mirror, bad: usize) -> Result<()> {
    mirror.drop_cache()?;
    let file = mirror.buffered()?;
    fadvise(&file, 0, None, Advice::Random).context("fadvise")?;
    for offset in (0..SIZE).step_by(PAGE_SIZE) {
        let mut page = [0xEE; PAGE_SIZE];
        let result = file.read_at(&mut page, offset as u64);
        if (offset..offset + PAGE_SIZE).contains(&bad) {
            // What is before the bad block may come.
            match result {
                Ok(count) if offset + count <= bad => {}
                other => fails_with(other, libc::EIO, "the bad page")?,
            }
        } else {
            transfers(result, PAGE_SIZE, "another page")?;
            pattern::compare(mirror.range(offset, PAGE_SIZE), &page, offset as u64)?;
        }
    }
    Ok(())
}

/// All in one call, which reads ahead.
fn read_ahead(mirror: &Mirror, bad: usize) -> Result<()> {
    mirror.drop_cache()?;
    let file = mirror.buffered()?;
    let mut buffer = vec![0xEE; SIZE];
    let count = file.read_at(&mut buffer, 0).context("a read of all")?;
    // At the latest there, or where the folio starts that has it.
    ensure!(
        (1..=bad).contains(&count),
        "{count} bytes with a bad block at {bad}"
    );
    let found = buffer.get(..count).unwrap_or_default();
    pattern::compare(mirror.range(0, count), found, 0)?;
    let next = file.read_at(&mut buffer, bad as u64);
    fails_with(next, libc::EIO, "a read of the bad block")?;
    // A request that fails takes all of its folio along: none is as large as this.
    let behind = bad.next_multiple_of(BEYOND_FOLIO);
    let rest = SIZE - behind;
    transfers(file.read_at(&mut buffer, behind as u64), rest, "the rest")?;
    let found = buffer.get(..rest).unwrap_or_default();
    pattern::compare(mirror.range(behind, rest), found, behind as u64)
}

/// Loads through a mapping, made by the kernel, which does not die of them.
fn map(mirror: &Mirror, bad: usize) -> Result<()> {
    mirror.drop_cache()?;
    let mapping = FileMapping::new(&mirror.buffered()?, SIZE)?;
    let sink = File::create(Path::new("/tmp/sink"))?;
    for offset in (0..SIZE).step_by(PAGE_SIZE) {
        let page = mapping.pointer(offset, PAGE_SIZE)?;
        let result = raw_io::write_from(&sink, page, PAGE_SIZE, 0);
        if (offset..offset + PAGE_SIZE).contains(&bad) {
            fails_with(result, libc::EFAULT, "a load from the bad page")?;
        } else if !(bad - NEAR..BEYOND_FOLIO).contains(&offset) {
            transfers(result, PAGE_SIZE, "a load from another page")?;
        }
    }
    Ok(())
}

/// As [`ensure_idle`], without touching the bad page: whoever waits for a page that
/// nobody unlocks hangs.
fn ensure_idle_without_bad(mirror: &Mirror) -> Result<()> {
    let file = mirror.buffered()?;
    file.sync_all().context("fsync after bad reads")?;
    fadvise(&file, 0, None, Advice::DontNeed).context("fadvise")
}

fn write_needs_read(context: &Context, fault: Fault) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        let old = mirror.bytes().to_vec();
        break_at(disk, fault, &mirror, &bad)?;
        mirror.drop_cache()?;
        let file = mirror.buffered()?;
        let part = file.write_at(&[0x11; 100], bad.start as u64 + 50);
        fails_with(part, libc::EIO, "a write into the bad block")?;
        let Err(error) = file.write_at(&[0x11; 100], bad.end as u64 - 50) else {
            bail!("a write over the end of the bad block works");
        };
        ensure!(error.raw_os_error() == Some(libc::EIO), "{error}");
        ensure!(mirror.bytes() == old, "the copy changed");

        // Nothing has to be read for this, and nothing is written yet.
        mirror.write(&file, bad.start as u64, bad.len())?;
        if fault == Fault::Error {
            disk.heal()?;
        }
        file.sync_all().context("fsync")?;
        disk.heal()?;
        mirror.verify()
    })
}

/// A byte within the bad block, which is in its folio's middle.
fn within(bad: &Range<usize>) -> usize {
    bad.start + 100
}

fn truncate(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        let file = mirror.buffered()?;
        let length = within(&bad);
        break_at(disk, Fault::FlakyReads, &mirror, &bad)?;
        mirror.drop_cache()?;
        eio(file.set_len(length as u64), "cutting the bad block")?;
        disk.heal()?;
        mirror.verify()?;

        file.set_len(length as u64).context("the disk is healed")?;
        mirror.set_length(length);
        mirror.verify()?;

        // What is behind the end of the file has to be zeroed before it is a part of it.
        break_at(disk, Fault::FlakyReads, &mirror, &bad)?;
        mirror.drop_cache()?;
        eio(file.set_len(SIZE as u64), "extending the bad block")?;
        disk.heal()?;
        mirror.verify()?;
        file.set_len(SIZE as u64).context("the disk is healed")?;
        mirror.set_length(SIZE);
        mirror.verify()
    })
}

fn zero_range(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        let file = mirror.buffered()?;
        let zeroed = within(&bad)..bad.end + 64 * KIB + 100;
        let zero = || {
            let (start, length) = (zeroed.start as u64, zeroed.len() as u64);
            fallocate(&file, FallocateFlags::ZERO_RANGE, start, length)
        };
        break_at(disk, Fault::FlakyReads, &mirror, &bad)?;
        mirror.drop_cache()?;
        eio(
            zero().map_err(Into::into),
            "zeroing a part of the bad block",
        )?;
        disk.heal()?;
        ensure_idle(&mirror)?;
        // What it frees may have gone before.
        let mut wanted = mirror.bytes().to_vec();
        if let Some(freed) = wanted.get_mut(bad.end..zeroed.end) {
            freed.fill(0);
        }
        expect_either(&mirror, mirror.bytes(), &wanted)?;

        zero().context("the disk is healed")?;
        mirror.note(zeroed.start as u64, &vec![0; zeroed.len()])?;
        mirror.verify()
    })
}

fn unshare(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        let file = mirror.buffered()?;
        let clone = context.path("clone")?;
        ioctl_ficlone(File::create_new(&clone)?, &file).context("FICLONE")?;
        let before = mirror.bytes().to_vec();
        let unshare = || fallocate(&file, FallocateFlags::UNSHARE_RANGE, 0, SIZE as u64);
        break_at(disk, Fault::FlakyReads, &mirror, &bad)?;
        mirror.drop_cache()?;
        eio(unshare().map_err(Into::into), "unsharing the bad block")?;
        disk.heal()?;
        ensure_idle(&mirror)?;
        mirror.verify()?;

        unshare().context("the disk is healed")?;
        mirror.write(&file, bad.start as u64, bad.len())?;
        mirror.verify()?;
        pattern::compare(&before, &fs::read(clone)?, 0).context("the clone")
    })
}

fn rewrite(context: &Context) -> Result<()> {
    FaultyDisk::with(context, |disk| {
        let mut mirror = Mirror::filled(context.path("file")?, 1, SIZE)?;
        let bad = bad_range(context)?;
        break_at(disk, Fault::Dust, &mirror, &bad)?;
        mirror.drop_cache()?;
        let file = mirror.buffered()?;
        let part = file.write_at(&[0x11; 100], bad.start as u64 + 50);
        fails_with(part, libc::EIO, "a write into the bad block")?;
        mirror.write(&file, bad.start as u64, bad.len())?;
        file.sync_all().context("fsync")?;
        mirror.verify()
    })
}
