// SPDX-License-Identifier: GPL-2.0

//! `write()` into the page cache.
//!
//! Stands for `iomap_file_buffered_write()` and `iomap_write_iter()`.

use super::{
    begin::{begin, Begun},
    end::end,
    rules::{left_behind, Chunks},
};
use crate::{
    iter::{Iter, Progress},
    mapping::MapFlags,
    operations::{FolioHooks, Map, Range, Write, WriteRequest},
    vfs::{cond_resched, Inode, IovIter, IterState, Kiocb, PageCache},
};
use kernel::{page::PAGE_SIZE, prelude::*};

/// Writes what is in `iter` at the position of `iocb`, which moves on, into
/// `cache`, that of the file, and grows the file. Returns the number of bytes, or
/// why it is none.
///
/// Task context; sleeps, unless the request is NOWAIT. The filesystem holds
/// what serialises writers. It syncs, too, if the file asks for that.
///
/// # Errors
///
/// [`EFAULT`], [`EINTR`], [`EAGAIN`], [`ENOMEM`], [`EIO`]; those of reads and of
/// the filesystem. None if anything was written.
///
/// C: `iomap_file_buffered_write()`.
#[inline]
pub fn write<M: Map<Write>, H: FolioHooks>(
    cache: &PageCache,
    iocb: &Kiocb,
    iter: &mut IovIter,
    mapper: &M,
    hooks: &H,
) -> Result<i64> {
    // A block device's file has another inode.
    let inode = cache.host();
    let range = Range {
        pos: iocb.pos(),
        len: iter.count() as u64,
    };
    let request = WriteRequest {
        nowait: iocb.is_nowait(),
    };
    let walked = Iter::<Write, _>::new(inode, range, request, mapper)
        .for_each(|state| write_mapping(cache, state, hooks, iter, request.nowait));
    let written = walked.pos.wrapping_sub(range.pos);
    if written == 0 {
        return walked.result.map(|()| 0);
    }
    iocb.advance(written);
    Ok(written)
}

/// Writes what a mapping serves, folio by folio.
fn write_mapping<H: FolioHooks>(
    cache: &PageCache,
    state: &IterState<'_>,
    hooks: &H,
    iter: &mut IovIter,
    nowait: bool,
) -> Progress {
    let inode = state.inode();
    let mut chunks = Chunks::new(cache.max_folio_size());
    let mut pos = state.pos();
    let mut left = state.length();
    let mut total = 0u64;
    let status = loop {
        let bytes = chunks.next(pos, iter.count());
        if let Err(error) = cache.balance_dirty(nowait) {
            break Err(error);
        }
        let bytes = (bytes as u64).min(left) as usize;

        // Before the folio is locked: the memory may be a mapping of that very
        // folio, and a fault would want its lock.
        if iter.fault_in_readable(bytes) == bytes {
            break Err(EFAULT);
        }
        let folio = match begin(cache, state, hooks, pos, bytes) {
            Ok(Begun::Ready(folio)) => folio,
            Ok(Begun::Stale) => break Ok(()),
            Err(error) => {
                drop_beyond_eof(inode, pos, bytes);
                break Err(error);
            }
        };
        let (offset, room) = folio.place_of(pos);
        let bytes = bytes.min(room);
        if cache.is_writably_mapped() {
            folio.flush_dcache();
        }
        let mark = iter.mark();
        let copied = iter.copy_to_folio(&folio, offset, bytes);
        let written = if end(cache, state, pos, bytes, copied, &folio) {
            copied
        } else {
            0
        };

        // Before the folio is unlocked, so that writeback sees the size that
        // goes with the data.
        let old_size = inode.size();
        let new_size = pos.saturating_add(written as i64);
        if new_size > old_size {
            inode.set_size(new_size);
            state.map().add_flags(MapFlags::SIZE_CHANGED);
        }
        hooks.put_folio(state, pos, written, folio);
        if old_size < pos {
            inode.extended(old_size, pos);
        }
        cond_resched();

        if written == 0 {
            drop_beyond_eof(inode, pos, bytes);
            iter.revert(&mark, copied);
            chunks.retry(copied, PAGE_SIZE);
            if copied > 0 {
                continue;
            }
        } else {
            pos = new_size;
            total = total.saturating_add(written as u64);
            left = left.saturating_sub(written as u64);
        }
        if iter.count() == 0 || left == 0 {
            break Ok(());
        }
    };
    match status {
        // The error is met again at the position reached, if it lasts.
        _ if total > 0 => Progress::Bytes(total),
        Ok(()) => Progress::Stop,
        Err(error) => Progress::Failed(error),
    }
}

/// Drops what a failed write of `len` bytes at `pos` may have left in the page
/// cache behind the end of the file.
///
/// C: `iomap_write_failed()`.
#[cold]
fn drop_beyond_eof(inode: &Inode, pos: i64, len: usize) {
    if let Some(bytes) = left_behind(inode.size(), pos, len) {
        inode.truncate_cache(bytes.start, bytes.end.wrapping_sub(1));
    }
}
