// SPDX-License-Identifier: GPL-2.0

//! Getting a folio ready to be written into.
//!
//! Stands for `iomap_write_begin()` and `__iomap_write_begin()`.

use super::{
    read::{needs_zeroing, read_inline},
    rules::{fill, Fill},
};
use crate::{
    folio_state::{self, ranges::to_read},
    mapping::{Kind, MapFlags, OpFlags},
    operations::FolioHooks,
    vfs::{
        fatal_signal_pending, read_folio_sync, warn_once, Allocate, IomapFolio, IterState,
        PageCache, Tracking, Warning, WriteFolio,
    },
};
use core::ops::Range;
use kernel::{page::PAGE_SIZE, prelude::*};

/// What came of it.
#[must_use = "the folio must be given to `put_folio()`"]
pub(super) enum Begun<'a> {
    /// The folio, in which what is not written over is in place. To be given to
    /// [`FolioHooks::put_folio`].
    Ready(WriteFolio<'a>),
    /// The mapping did not hold any more, and is marked stale.
    Stale,
}

/// Gets the folio of `cache` for file offset `pos` and brings in what a write of `len`
/// bytes there leaves of its blocks. The write ends with the folio.
///
/// # Errors
///
/// [`EINTR`] if the task is being killed; [`EAGAIN`] if it would block but must
/// not; [`ENOMEM`]; those of reads and of the filesystem's hooks.
#[inline]
pub(super) fn begin<'a, H: FolioHooks>(
    cache: &'a PageCache,
    state: &IterState<'_>,
    hooks: &H,
    pos: i64,
    len: usize,
) -> Result<Begun<'a>> {
    let end = (pos as u64).saturating_add(len as u64);
    if end > state.map().end() || state.distinct_source().is_some_and(|map| end > map.end()) {
        warn_once(Warning::WriteOutsideOfMapping);
        return Err(EIO);
    }
    if fatal_signal_pending() {
        return Err(EINTR);
    }
    let len = if cache.supports_large_folios() {
        len
    } else {
        len.min(PAGE_SIZE - (pos as usize & (PAGE_SIZE - 1)))
    };
    let folio = hooks.get_folio(cache, state, pos, len)?;
    // The mapping was got without the lock: meanwhile writeback may have
    // converted the extent, and reclaim dropped the folio. What is to be read or
    // zeroed would be judged wrongly.
    if !hooks.is_valid(state) {
        state.map().add_flags(MapFlags::STALE);
        hooks.put_folio(state, pos, 0, folio);
        return Ok(Begun::Stale);
    }
    let (start, room) = folio.place_of(pos);
    let bytes = start..start.saturating_add(len.min(room));
    let source = state.source();
    let result = match folio.tracking(source) {
        tracking if source.kind() == Kind::Inline => prepare_inline(state, &tracking),
        Tracking::Buffers(buffers) => {
            buffers.write_begin(pos, bytes.end.saturating_sub(start), source)
        }
        Tracking::Engine(folio) => prepare(state, folio, bytes),
    };
    match result {
        Ok(()) => Ok(Begun::Ready(folio)),
        Err(error) => {
            hooks.put_folio(state, pos, 0, folio);
            Err(error)
        }
    }
}

/// Inline data is written in memory, then copied to where it lies.
fn prepare_inline(state: &IterState<'_>, folio: &Tracking<'_>) -> Result {
    // A tail behind other extents is not supported.
    if state.source().offset() != 0 {
        warn_once(Warning::InlineNotAtStart);
        return Err(EIO);
    }
    // Where the write is copied to at its end.
    if state.map().inline_data().is_none() {
        warn_once(Warning::InlineBeyondPage);
        return Err(EIO);
    }
    read_inline(state, folio)
}

/// Reads or zeros what a write of `bytes` leaves of the blocks it touches.
///
/// Zeroed blocks are not marked uptodate here, but when the write has filled
/// them: if it is cut short, the rest of the range is not data.
#[inline]
fn prepare(state: &IterState<'_>, folio: &IomapFolio, bytes: Range<usize>) -> Result {
    let inode = state.inode();
    // Unsharing leaves what is there: it must be there.
    let unshare = state.flags().contains(OpFlags::UNSHARE);
    if !unshare && bytes.start == 0 && bytes.end == folio.size() {
        return Ok(());
    }
    // Mostly: nothing is missing, and what keeps track of the blocks is there, or there
    // is one block only.
    if folio.is_uptodate() && folio_state::is_tracked(folio, inode.block_bits()) {
        return Ok(());
    }
    bring_in(state, folio, bytes, unshare)
}

/// As [`prepare`], with a look at each block.
fn bring_in(
    state: &IterState<'_>,
    folio: &IomapFolio,
    bytes: Range<usize>,
    unshare: bool,
) -> Result {
    let inode = state.inode();
    let nowait = state.flags().contains(OpFlags::NOWAIT);
    let allocate = if nowait {
        Allocate::Nowait
    } else {
        Allocate::Always
    };
    let tracked = folio_state::ensure(inode, folio, allocate);
    let block_bits = inode.block_bits();
    if nowait && tracked.is_none() && folio.size().wrapping_shr(block_bits) > 1 {
        return Err(EAGAIN);
    }
    if folio.is_uptodate() {
        return Ok(());
    }
    let mask = (inode.block_size() as usize).wrapping_sub(1);
    let mut next = bytes.start & !mask;
    let end = folio.size().min(bytes.end.saturating_add(mask) & !mask);
    while next < end {
        let eof = inode.size().wrapping_sub(folio.pos());
        let uptodate = tracked.map(folio_state::uptodate_bits);
        let piece = to_read(next..end, eof, block_bits, uptodate);
        if piece.start >= piece.end {
            break;
        }
        next = piece.end;
        let pos = folio.pos().wrapping_add(piece.start as i64);
        match fill(&piece, &bytes, needs_zeroing(state, pos), unshare) {
            Fill::Nothing => (),
            Fill::Zero(before, behind) => {
                folio.zero(before);
                folio.zero(behind);
            }
            Fill::Read if nowait => return Err(EAGAIN),
            Fill::Read => read_in(state, folio, pos, &piece)?,
            Fill::Refuse => {
                warn_once(Warning::UnshareOfZeros);
                return Err(EIO);
            }
        }
    }
    Ok(())
}

/// Reads `piece`, which is at `pos` in the file, and waits for it.
fn read_in(state: &IterState<'_>, folio: &IomapFolio, pos: i64, piece: &Range<usize>) -> Result {
    let source = state.source();
    let Some(bdev) = source.bdev() else {
        warn_once(Warning::NoBlockDevice);
        return Err(EIO);
    };
    read_folio_sync(bdev, source.sector(pos), folio, piece)?;
    folio_state::set_uptodate(folio, piece, state.inode().block_bits());
    Ok(())
}
