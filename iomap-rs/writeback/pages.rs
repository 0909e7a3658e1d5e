// SPDX-License-Identifier: GPL-2.0

//! The dirty folios of a range.
//!
//! Stands for `iomap_writepages()`, `iomap_writepage_map()` and
//! `iomap_writepage_map_blocks()`.

use super::{
    ioend::{add, submit},
    rules::{to_write, ToWrite},
};
use crate::{
    folio_state,
    iter::advance::check,
    mapping::Kind,
    operations::WritebackHooks,
    vfs::{
        self, in_direct_reclaim, warn_once, Allocate, DirtyFolio, Inode, IomapFolio, PageCache,
        Warning, WritebackControl, WritebackCtx, WritebackFolio,
    },
};
use core::ops::Range;
use kernel::prelude::*;

/// Writes back the dirty folios of `cache` that `control` asks for. Goes on
/// after errors where data integrity asks for that, and returns the first.
///
/// Task context, but not direct reclaim; sleeps. Takes neither `i_rwsem` nor
/// `invalidate_lock`, which the caller may hold; the caller has no folio of the range locked.
///
/// # Errors
///
/// [`EIO`] in reclaim; those of the filesystem's hooks. Errors of the device are
/// recorded in the mapping.
///
/// C: `iomap_writepages()`.
#[inline]
pub fn writepages<'a, H: WritebackHooks>(
    cache: &PageCache,
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'a>,
    hooks: &'a H,
) -> Result {
    // Only a bug in memory management leads here, and the stack is deep then.
    if in_direct_reclaim() {
        warn_once(Warning::WritebackInReclaim);
        return Err(EIO);
    }
    let inode = cache.host();
    let mut folios = control.folios(cache);
    loop {
        let Some((folio, control)) = folios.next_folio() else {
            break;
        };
        let result = write_folio(inode, control, ctx, hooks, folio);
        folios.report(result);
    }
    let result = folios.finish();
    submit(ctx, hooks, result)
}

/// Writes a folio back.
fn write_folio<'a, H: WritebackHooks>(
    inode: &Inode,
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'a>,
    hooks: &'a H,
    folio: DirtyFolio<'_>,
) -> Result {
    if !folio.is_locked() {
        warn_once(Warning::WritebackUnlocked);
    }
    if folio.is_dirty() {
        warn_once(Warning::WritebackDirty);
    }
    if folio.is_under_writeback() {
        warn_once(Warning::WritebackTwice);
    }
    vfs::trace::writepage(inode, folio.pos(), folio.size());
    let in_file = match to_write(folio.pos(), folio.size(), inode.size()) {
        ToWrite::Whole => folio.size(),
        ToWrite::UpTo(bytes) => {
            // Each time, since it may be stored to through a mapping.
            folio.zero(bytes..folio.size());
            bytes
        }
        // Truncation is at it.
        ToWrite::Nothing => return Ok(()),
    };
    keep_track(inode, &folio, in_file);
    let mut folio = folio.start_writeback();

    let result = write_dirty(inode, control, ctx, hooks, &mut folio, in_file);
    if folio.is_queued() {
        ctx.count_folio();
    }
    // All of it, as stores through a mapping dirty what is behind the end of the
    // file as well, and what failed is not tried again.
    folio_state::clear_dirty(&folio, &(0..folio.size()), inode.block_bits());
    // Unlocks it; writeback ends with what is on its way, or now.
    drop(folio);
    if let Err(error) = result {
        inode.mapping().set_error(error);
    }
    result
}

/// Attaches a state if the folio has several blocks, so that the ends of its parts can be
/// counted.
fn keep_track(inode: &Inode, folio: &IomapFolio, in_file: usize) {
    let tracked = folio.state().is_some();
    if !tracked && folio_state::ensure(inode, folio, Allocate::Always).is_some() {
        // Which blocks were dirtied is not known.
        folio_state::set_dirty(folio, &(0..in_file), inode.block_bits());
    }
}

/// Writes the dirty runs of blocks in the first `in_file` bytes.
fn write_dirty<'a, H: WritebackHooks>(
    inode: &Inode,
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'a>,
    hooks: &'a H,
    folio: &mut WritebackFolio<'_>,
    in_file: usize,
) -> Result {
    let mask = (inode.block_size() as usize).wrapping_sub(1);
    // A block may be larger than the folio.
    let end = folio.size().min(in_file.saturating_add(mask) & !mask);
    let file_end = folio.pos().wrapping_add(in_file as i64);
    let mut start = 0;
    while let Some(run) = folio_state::dirty_range(folio, start..end, inode.block_bits()) {
        start = run.end;
        write_run(inode, control, ctx, hooks, folio, run, file_end)?;
    }
    Ok(())
}

/// Writes a run of dirty blocks, mapping by mapping. The filesystem is asked for every
/// piece, even if the mapping at hand covers it: it alone can tell whether that still holds.
fn write_run<'a, H: WritebackHooks>(
    inode: &Inode,
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'a>,
    hooks: &'a H,
    folio: &mut WritebackFolio<'_>,
    run: Range<usize>,
    file_end: i64,
) -> Result {
    let mut next = run.start;
    while next < run.end {
        let pos = folio.pos().wrapping_add(next as i64);
        let left = run.end.saturating_sub(next);
        if let Err(error) = map(ctx, hooks, inode, pos, left) {
            hooks.discard_folio(folio, pos);
            return Err(error);
        }
        let served = ctx.map().end().saturating_sub(pos as u64).min(left as u64) as usize;
        if served < left && folio.state().is_none() {
            // Nobody would count the pieces.
            warn_once(Warning::WritebackInPieces);
            hooks.discard_folio(folio, pos);
            return Err(EIO);
        }
        let bytes = next..next.saturating_add(served);
        next = bytes.end;
        let added = match ctx.map().kind() {
            Kind::Mapped | Kind::Unwritten => add(control, ctx, hooks, folio, bytes, file_end),
            Kind::Hole => Ok(()),
            Kind::Delalloc | Kind::Inline => {
                warn_once(Warning::WritebackKind);
                Err(EIO)
            }
        };
        if let Err(error) = added {
            // The filesystem learns of what follows the failing piece, as in C.
            hooks.discard_folio(folio, folio.pos().wrapping_add(next as i64));
            return Err(error);
        }
    }
    Ok(())
}

/// Has the filesystem map `len` bytes at `pos`, or keep the mapping that is
/// there.
fn map<'a, H: WritebackHooks>(
    ctx: &mut WritebackCtx<'a>,
    hooks: &'a H,
    inode: &Inode,
    pos: i64,
    len: usize,
) -> Result {
    hooks.map_blocks(ctx, inode, pos, len as u32)?;
    let map = ctx.map();
    vfs::trace::writepage_map(inode, pos, len as u32, map);
    match check(pos, map.offset(), map.length(), map.raw_kind(), map.flags()) {
        Ok(_) => Ok(()),
        Err(_) => {
            warn_once(Warning::WritebackMapping);
            Err(EIO)
        }
    }
}
