// SPDX-License-Identifier: GPL-2.0

//! Regular files: reading and writing them.
//!
//! Stands for `fs/ext2/file.c`.

use crate::{
    map::{find_known, DirectReader, DirectWriter, Reader, Reporter},
    mount::Ext2,
    truncate,
    vfs::{Exclusive, Inode, RegularFile, Request},
    writer::{Faulter, Writer},
};
use iomap_rs::{
    buffered,
    operations::{DioCovers, DioFlags, DirectHooks, Range},
    report,
    vfs::{FiemapInfo, IovIter, Kiocb},
};
use kernel::prelude::*;

/// The end of direct writes.
struct Extend;

impl DirectHooks for Extend {
    /// The file grows before pages are dropped from the page cache: a read would
    /// zero too much of one otherwise. A write that grows the file is waited for
    /// with the inode locked.
    fn end_io(&self, iocb: &Kiocb, size: i64, error: Result, _: DioCovers) -> Result<Option<i64>> {
        error?;
        let inode = iocb.inode();
        let (old, end) = (inode.size(), iocb.pos().saturating_add(size));
        if end > old {
            inode.set_size(end);
            // Blocks of what was the last page are in the file now, and may be holes.
            if old < iocb.pos() {
                inode.extended(old, iocb.pos());
            }
            inode.mark_dirty();
        }
        Ok(None)
    }
}

impl RegularFile for Ext2 {
    type Faulter<'a> = Faulter<'a>;

    fn faulter(inode: &Inode<Self>) -> Faulter<'_> {
        Faulter::new(inode)
    }

    fn read(request: Request<'_, Self>, iter: &mut IovIter) -> Result<i64> {
        if !request.is_direct() {
            return request.read_cached(iter);
        }
        read_direct(request, iter)
    }

    fn write(request: Request<'_, Self>, iter: &mut IovIter) -> Result<i64> {
        let inode = request.inode();
        let guard = if request.iocb().is_nowait() {
            inode.try_lock()?
        } else {
            inode.lock()
        };
        let locked = guard.exclusive();
        if request.check_write(locked, iter)? == 0 {
            return Ok(0);
        }
        request.modified(locked)?;
        if request.is_direct() {
            return write_direct(request, locked, iter);
        }
        let written = write_cached(&request, locked, iter)?;
        drop(guard);
        sync_if_asked(&request, written)
    }

    fn fiemap(inode: &Inode<Self>, info: &mut FiemapInfo, start: u64, len: u64) -> Result {
        let _lock = inode.lock_shared(false)?;
        // An empty range would be refused; what is behind the file is not
        // searched.
        let len = len.min(inode.size().max(1));
        report::fiemap(inode.engine(), info, start, len, &Reporter::new(inode))
    }

    fn seek(inode: &Inode<Self>, pos: i64, data: bool) -> Result<i64> {
        let _lock = inode.lock_shared(false)?;
        if data {
            report::seek_data(inode.engine(), pos, &Reporter::new(inode))
        } else {
            report::seek_hole(inode.engine(), pos, &Reporter::new(inode))
        }
    }
}

/// Brings what was written to stable storage, if the file or the request wants
/// that. C: `generic_write_sync()`.
fn sync_if_asked(request: &Request<'_, Ext2>, written: i64) -> Result<i64> {
    if written > 0 {
        request.iocb().write_sync(written)?;
    }
    Ok(written)
}

/// Writes through the page cache.
#[inline]
fn write_cached(
    request: &Request<'_, Ext2>,
    inode: Exclusive<'_, Ext2>,
    iter: &mut IovIter,
) -> Result<i64> {
    let iocb = request.iocb();
    if iocb.pos() as u64 > inode.size() {
        zero_tail(inode.inode(), inode.size())?;
    }
    let before = inode.size();
    let written = write_over_known(iocb, inode, iter).unwrap_or(0);
    let more = if iter.count() > 0 {
        walk(iocb, inode, iter)
    } else {
        Ok(0)
    };
    if inode.size() != before {
        inode.mark_dirty();
    }
    match more {
        Ok(more) => Ok(written.saturating_add(more)),
        // The next write meets it again, if it lasts.
        Err(_) if written > 0 => Ok(written),
        Err(error) => Err(error),
    }
}

/// Writes where blocks may have to be allocated.
// Allocating goes deep: nothing else's frame is to be under it.
#[inline(never)]
fn walk(iocb: &Kiocb, inode: Exclusive<'_, Ext2>, iter: &mut IovIter) -> Result<i64> {
    let writer = Writer::new(inode.inode());
    buffered::write(inode.cache()?, iocb, iter, &writer, &writer)
}

/// Writes to blocks that are known to be there, and in the page cache; [`None`] if that is
/// not as simple. Nobody frees them while the inode is locked.
// Not under walk(), either.
#[inline(never)]
fn write_over_known(iocb: &Kiocb, inode: Exclusive<'_, Ext2>, iter: &mut IovIter) -> Option<i64> {
    let range = Range {
        pos: iocb.pos(),
        len: iter.count() as u64,
    };
    let map = find_known(inode.inode(), range)?;
    buffered::write_in_place(inode.cache().ok()?, iocb, iter, &map)
}

/// Zeros what follows byte `size` in its block: the file ended there, and grows
/// over it. A store through a mapping may have left something.
pub(crate) fn zero_tail(inode: &Inode<Ext2>, size: u64) -> Result {
    let mut zeroed = false;
    let pos = i64::try_from(size).map_err(|_| EFBIG)?;
    buffered::truncate_page(inode.cache()?, pos, &mut zeroed, &Reader(inode), &())
}

/// Reads past the page cache, and what stores are about to change through it.
/// C: `ext2_dio_read_iter()`.
// Its frame is not to be under reads through the page cache.
#[inline(never)]
fn read_direct(request: Request<'_, Ext2>, iter: &mut IovIter) -> Result<i64> {
    let inode = request.inode();
    let lock = inode.lock_shared(request.iocb().is_nowait())?;
    let reader = DirectReader::new(inode);
    let (request, done) = request.transfer(iter, &reader, (), DioFlags::NONE)?;
    drop(lock);
    let done = done?;
    if !reader.gave_up() {
        return Ok(done);
    }
    request.clear_direct();
    match request.read_cached(iter) {
        Ok(more) => Ok(done.saturating_add(more)),
        // The next read meets it again, if it lasts.
        Err(_) if done > 0 => Ok(done),
        Err(error) => Err(error),
    }
}

/// Writes past the page cache, and what cannot be through it.
/// C: `ext2_dio_write_iter()`.
// Its frame is not to be under writes through the page cache.
#[inline(never)]
fn write_direct(
    request: Request<'_, Ext2>,
    locked: Exclusive<'_, Ext2>,
    iter: &mut IovIter,
) -> Result<i64> {
    let inode = locked.inode();
    let pos = request.iocb().pos() as u64;
    let count = iter.count() as u64;
    let mask = (inode.sb().block_size() as u64).wrapping_sub(1);
    if pos > inode.size() {
        zero_tail(inode, inode.size())?;
    }
    // Nobody else may see the size before the data is there, and nobody else may
    // zero the other part of a block.
    let extends = pos.saturating_add(count) > inode.size();
    let unaligned = (pos | request.alignment_of(iter)) & mask != 0;
    let flags = DioFlags::NONE.with_if(extends || unaligned, DioFlags::FORCE_WAIT);
    let (request, done) = request.transfer(iter, &DirectWriter(inode), Extend, flags)?;
    let done = match done {
        Ok(done) => done,
        Err(error) if error == ENOTBLK => 0,
        Err(error) => {
            if extends {
                drop_behind_end(locked);
            }
            return Err(error);
        }
    };
    if iter.count() == 0 {
        return Ok(done);
    }
    if extends {
        drop_behind_end(locked);
    }
    request.clear_direct();
    let start = request.iocb().pos() as u64;
    let written = write_cached(&request, locked, iter)?;
    if written == 0 {
        return Ok(done);
    }
    let last = start.saturating_add_signed(written).saturating_sub(1);
    let mapping = inode.engine().mapping();
    mapping.write_and_wait_range(start as i64, last as i64)?;
    inode.drop_clean_pages(start, last);
    request.iocb().write_sync(written)?;
    Ok(done.saturating_add(written))
}

/// Gives back what was allocated behind the end of the file for a direct write
/// that did not get there; its bios have ended.
fn drop_behind_end(inode: Exclusive<'_, Ext2>) {
    let _cache = inode.lock_cache();
    truncate::truncate(inode.inode(), inode.size());
}
