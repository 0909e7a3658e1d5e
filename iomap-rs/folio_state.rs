// SPDX-License-Identifier: GPL-2.0

//! Which blocks of a folio are uptodate and dirty, and how much of it is in
//! flight.
//!
//! A folio of one block needs none of this: its own flags say it all. One of
//! several gets a state when it is read, or written in part, or dirtied, at the
//! latest when it is written back; the state goes when the folio is released or invalidated as a whole.
//!
//! | what | changed under | read under |
//! | --- | --- | --- |
//! | uptodate bits | the state's lock; set only | folio lock, which a read keeps until its last completion |
//! | dirty bits | the state's lock; cleared with the folio locked only | folio lock; to dirty all, maybe the page table's lock alone |
//! | bytes being read | the state's lock | the same |
//! | bytes being written | atomically; whoever drops the last ends writeback | |
//!
//! Stands for `struct iomap_folio_state` and the functions on it in
//! `fs/iomap/buffered-io.c`.

pub mod bits;
pub mod pending;
pub mod ranges;

use crate::vfs::{warn_once, Allocate, Guard, Inode, IomapFolio, LockedFolio, State, Warning};
use bits::Bits;
use core::ops::Range;
use ranges::{bytes_of, touched, whole};

/// The bits that say whether `blocks`, which are the folio's, are dirty: behind
/// those that say whether they are uptodate.
#[inline]
fn dirty(state: State<'_>, blocks: Range<usize>) -> Range<usize> {
    let first = state.blocks();
    first.wrapping_add(blocks.start)..first.wrapping_add(blocks.end)
}

/// The block whose dirty bit `bit` is: one that [`dirty`] has, or their end.
#[inline]
fn dirty_block(state: State<'_>, bit: usize) -> usize {
    bit.wrapping_sub(state.blocks())
}

/// Whether the engine knows which blocks of `folio` are uptodate and dirty: there is a
/// state, or one block only.
#[inline]
pub fn is_tracked(folio: &IomapFolio, block_bits: u32) -> bool {
    folio.state().is_some() || folio.size().wrapping_shr(block_bits) <= 1
}

/// The state of `folio`, attached if it has none and needs one. [`None`] for a
/// folio of one block, and for one that there is no memory for.
///
/// C: `ifs_alloc()`.
#[inline]
pub fn ensure<'a>(inode: &Inode, folio: &'a IomapFolio, allocate: Allocate) -> Option<State<'a>> {
    if let Some(state) = folio.state() {
        return Some(state);
    }
    if folio.size().wrapping_shr(inode.block_bits()) <= 1 {
        return None;
    }
    attach(folio, allocate)
}

/// Attaches a state that says what the folio's flags say.
fn attach(folio: &IomapFolio, allocate: Allocate) -> Option<State<'_>> {
    folio.attach_state(allocate, |mut bits, blocks| {
        if folio.is_uptodate() {
            bits.set(0, blocks);
        }
        if folio.is_dirty() {
            bits.set(blocks, blocks.wrapping_mul(2));
        }
    })
}

/// Frees the state of `folio`, if it has one.
///
/// C: `ifs_free()`.
pub fn free(folio: &mut LockedFolio<'_>) {
    let uptodate = folio.is_uptodate();
    folio.detach_state(|state| {
        if state.lock().reading().any() {
            warn_once(Warning::FreedWhileRead);
        }
        if state.writing().count() != 0 {
            warn_once(Warning::FreedWhileWritten);
        }
        if is_fully_uptodate(state) != uptodate {
            warn_once(Warning::UptodateBitsDisagree);
        }
    });
}

/// Whether all blocks are uptodate.
///
/// C: `ifs_is_fully_uptodate()`.
#[inline]
pub fn is_fully_uptodate(state: State<'_>) -> bool {
    state.bits().all_set(0, state.blocks())
}

/// Whether all blocks that `bytes` touches are uptodate.
#[inline]
pub fn is_uptodate(state: State<'_>, bytes: &Range<usize>, block_bits: u32) -> bool {
    let blocks = touched(bytes, block_bits);
    state.bits().all_set(blocks.start, blocks.end)
}

/// The uptodate bits, for a look at single blocks.
#[inline]
pub fn uptodate_bits(state: State<'_>) -> Bits<'_> {
    state.bits()
}

/// Under the lock: marks the blocks that `bytes` touches uptodate; whether all
/// of the folio is.
///
/// C: `ifs_set_range_uptodate()`.
#[inline]
pub fn set_uptodate_locked(guard: &mut Guard<'_>, bytes: &Range<usize>, block_bits: u32) -> bool {
    let blocks = touched(bytes, block_bits);
    guard.bits_mut().set(blocks.start, blocks.end);
    // Most reads and many writes are of all of it.
    blocks == (0..guard.state().blocks()) || is_fully_uptodate(guard.state())
}

/// Marks the blocks that `bytes` touches uptodate, and the folio if all are.
/// The folio is locked and its data is in place.
///
/// C: `iomap_set_range_uptodate()`.
#[inline]
pub fn set_uptodate(folio: &IomapFolio, bytes: &Range<usize>, block_bits: u32) {
    let all = match folio.state() {
        Some(state) => set_uptodate_locked(&mut state.lock(), bytes, block_bits),
        None => true,
    };
    if all {
        folio.mark_uptodate();
    }
}

/// Marks the blocks that `bytes` touches dirty, if they are kept track of. The folio is
/// locked.
///
/// C: `iomap_set_range_dirty()`.
#[inline]
pub fn set_dirty(folio: &IomapFolio, bytes: &Range<usize>, block_bits: u32) {
    if let Some(state) = folio.state() {
        set_dirty_bits(state, dirty(state, touched(bytes, block_bits)));
    }
}

/// As [`set_dirty`], all of them. The folio is locked, or the page table of a page of it.
#[inline]
pub fn set_all_dirty(state: State<'_>) {
    set_dirty_bits(state, dirty(state, 0..state.blocks()));
}

/// The lock is not taken if all are set already. Who has not locked the folio may lose a race
/// with whoever clears them; that is the same as having set them just before that.
#[inline]
fn set_dirty_bits(state: State<'_>, bits: Range<usize>) {
    if !state.bits().all_set(bits.start, bits.end) {
        set_bits(state, bits);
    }
}

// Out of line, so that callers that skip it set up no stack frame.
#[inline(never)]
fn set_bits(state: State<'_>, bits: Range<usize>) {
    state.lock().bits_mut().set(bits.start, bits.end);
}

/// After a write: the blocks that `whole` touches are uptodate, those that
/// `written` touches dirty as well; the folio is uptodate if all are. It is locked,
/// and its data is in place.
///
/// The lock of the state is taken at most once, and not at all for a write to
/// blocks that are dirty: no bit is cleared except with the folio locked.
///
/// C: `iomap_set_range_uptodate()` and `iomap_set_range_dirty()`.
#[inline]
pub fn set_written(
    folio: &IomapFolio,
    whole: &Range<usize>,
    written: &Range<usize>,
    block_bits: u32,
) {
    // The bits say the same as the flag, once that is set.
    let uptodate = folio.is_uptodate();
    let Some(state) = folio.state() else {
        if !uptodate {
            folio.mark_uptodate();
        }
        return;
    };
    let blocks = dirty(state, touched(written, block_bits));
    if !uptodate || !state.bits().all_set(blocks.start, blocks.end) {
        set_written_bits(folio, state, whole, blocks, block_bits);
    }
}

/// As [`set_written`], where bits are to be set: those of `dirty`, which say that blocks
/// are dirty, and unless the folio is uptodate those for `whole`.
fn set_written_bits(
    folio: &IomapFolio,
    state: State<'_>,
    whole: &Range<usize>,
    dirty: Range<usize>,
    block_bits: u32,
) {
    let uptodate = folio.is_uptodate();
    let mut guard = state.lock();
    guard.bits_mut().set(dirty.start, dirty.end);
    let all = !uptodate && set_uptodate_locked(&mut guard, whole, block_bits);
    drop(guard);
    if all {
        folio.mark_uptodate();
    }
}

/// Marks the blocks that lie in `bytes` whole clean, if they are kept track of.
///
/// C: `iomap_clear_range_dirty()`.
#[inline]
pub fn clear_dirty(folio: &IomapFolio, bytes: &Range<usize>, block_bits: u32) {
    if let Some(state) = folio.state() {
        let blocks = dirty(state, whole(bytes, block_bits));
        if blocks.start < blocks.end {
            state.lock().bits_mut().clear(blocks.start, blocks.end);
        }
    }
}

/// The first run of dirty blocks in `bytes`, in bytes: from a block's start,
/// if `bytes` starts within it, to a block's end. All of `bytes` if blocks are
/// not kept track of. [`None`] if there is none.
///
/// C: `iomap_find_dirty_range()`.
#[inline]
pub fn dirty_range(
    folio: &IomapFolio,
    bytes: Range<usize>,
    block_bits: u32,
) -> Option<Range<usize>> {
    if bytes.start >= bytes.end {
        return None;
    }
    let Some(state) = folio.state() else {
        return Some(bytes);
    };
    let blocks = dirty(state, touched(&bytes, block_bits));
    let first = state.bits().next_set(blocks.start, blocks.end);
    if first >= blocks.end {
        return None;
    }
    let end = state.bits().next_clear(first, blocks.end);
    let run = dirty_block(state, first)..dirty_block(state, end);
    Some(bytes_of(&run, block_bits))
}

/// The first block of `blocks` that is clean; its end if there is none.
#[inline]
pub fn next_clean_block(state: State<'_>, blocks: Range<usize>) -> usize {
    let bits = dirty(state, blocks);
    dirty_block(state, state.bits().next_clear(bits.start, bits.end))
}
