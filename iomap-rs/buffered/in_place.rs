// SPDX-License-Identifier: GPL-2.0

//! Small writes over what is in the page cache.
//!
//! No counterpart in C, where each write walks the filesystem's mappings.

use crate::{
    folio_state,
    mapping::{Kind, OpFlags},
    vfs::{
        cond_resched, fatal_signal_pending, trace, IomapFolio, IovIter, Kiocb, Mapping, PageCache,
        WriteFolio,
    },
};
use kernel::page::PAGE_SIZE;

/// Writes what is in `iter` at the position of `iocb`, which moves on, into a page that
/// `cache` has, if that is all there is to do: blocks that are there, as `map` says, and
/// whose data is uptodate. Grows the file, but not from behind its end. Returns how many
/// bytes were written, which may be less than wanted; [`None`], and nothing is written, if
/// there is more to do: that is for [`write`](super::write()).
///
/// `map` is what the filesystem would answer a walk, and holds until this returns.
/// Otherwise as [`write`](super::write()): task context; sleeps. A request that is
/// NOWAIT is never served. Neither are any while walks are traced, so that their events
/// are complete.
#[inline]
pub fn write_in_place(
    cache: &PageCache,
    iocb: &Kiocb,
    iter: &mut IovIter,
    map: &Mapping<'_>,
) -> Option<i64> {
    let inode = cache.host();
    let pos = iocb.pos();
    let len = iter.count();
    let in_page = pos as usize & (PAGE_SIZE - 1);
    if len > PAGE_SIZE.wrapping_sub(in_page)
        || pos < map.offset()
        || (pos as u64).saturating_add(len as u64) > map.end()
        || map.kind() != Kind::Mapped
        || pos > inode.size()
        || iocb.is_nowait()
        || trace::is_walk_traced()
    {
        return None;
    }
    cache.balance_dirty(false).ok()?;
    // Nothing is reported from here: `write()` tries again and reports.
    if iter.fault_in_readable(len) != 0 || fatal_signal_pending() {
        return None;
    }
    let folio = WriteFolio::get(cache, OpFlags::WRITE, pos, len).ok()?;
    let written = copy(cache, folio.tracking(map).by_engine()?, pos, len, iter)?;
    drop(folio);
    cond_resched();
    iocb.advance(written as i64);
    Some(written as i64)
}

/// Copies `len` bytes to where `pos` is in `folio`, which has them.
#[inline]
fn copy(
    cache: &PageCache,
    folio: &IomapFolio,
    pos: i64,
    len: usize,
    iter: &mut IovIter,
) -> Option<usize> {
    let inode = cache.host();
    let block_bits = inode.block_bits();
    if !folio.is_uptodate() || !folio_state::is_tracked(folio, block_bits) {
        return None;
    }
    if cache.is_writably_mapped() {
        folio.flush_dcache();
    }
    let start = folio.offset_of(pos);
    let written = iter.copy_to_folio(folio, start, len);
    if written == 0 {
        return None;
    }
    folio.flush_dcache();
    let bytes = start..start.saturating_add(written);
    folio_state::set_written(folio, &bytes, &bytes, block_bits);
    // Nobody makes it clean while it is locked.
    if !folio.is_dirty() {
        folio.dirty(cache);
    }
    // Before the folio is unlocked, so that writeback sees the size that goes with the
    // data.
    let end = pos.saturating_add(written as i64);
    if end > inode.size() {
        inode.set_size(end);
    }
    Some(written)
}
