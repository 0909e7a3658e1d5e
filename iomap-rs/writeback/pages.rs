// SPDX-License-Identifier: GPL-2.0

//! The dirty folios of a range.
//!
//! Stands for `iomap_writepages()` and `iomap_writepage_map()`.

use super::{
    ioend::{add, submit},
    rules::{extent, Extent},
};
use crate::{
    folio_state,
    iter::advance::check,
    mapping::Kind,
    operations::WritebackHooks,
    vfs::{
        self, in_direct_reclaim, sub_and_test, warn_once, AddressSpace, Allocate, Inode,
        IomapFolio, State, Warning, WritebackControl, WritebackCtx, WritebackFolio,
    },
};
use core::{ops::Range, sync::atomic::Ordering::Relaxed};
use kernel::prelude::*;

/// Writes dirty folios of `mapping` back, as many and which `control` says. Goes
/// on after errors where data integrity asks for that, and returns the first.
///
/// Task context, but not reclaim of the task's own; sleeps. No lock of the inode
/// is held.
///
/// # Errors
///
/// [`EIO`] in reclaim; those of the filesystem's hooks. Errors of the device are
/// recorded in the mapping.
///
/// C: `iomap_writepages()`.
#[inline]
pub fn writepages<H: WritebackHooks>(
    mapping: &AddressSpace,
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
) -> Result {
    // Only a bug in memory management leads here, and the stack is deep then.
    if in_direct_reclaim() {
        warn_once(Warning::WritebackInReclaim);
        return Err(EIO);
    }
    let mut folios = control.folios(mapping);
    loop {
        let Some((folio, control)) = folios.next_folio() else {
            break;
        };
        let result = write_folio(control, ctx, hooks, folio);
        folios.report(result);
    }
    let result = folios.finish();
    submit(ctx, hooks, result)
}

/// Writes a folio back.
fn write_folio<H: WritebackHooks>(
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
    folio: WritebackFolio<'_>,
) -> Result {
    let inode = folio.mapping().host();
    if !folio.is_locked() || folio.is_dirty() || folio.is_under_writeback() {
        warn_once(Warning::WritebackState);
    }
    vfs::trace::writepage(inode, folio.pos(), folio.size());
    let in_file = match extent(folio.pos(), folio.size(), inode.size()) {
        Extent::Whole => folio.size(),
        Extent::UpTo(bytes) => {
            // Each time, since it may be stored to through a mapping.
            folio.zero(bytes..folio.size());
            bytes
        }
        // Truncation is at it.
        Extent::Nothing => return Ok(()),
    };
    let state = begin(inode, &folio, in_file);
    folio.start_writeback();

    let mut count = 0u32;
    let result = write_dirty(control, ctx, hooks, &folio, in_file, &mut count);
    if count > 0 {
        ctx.count_folio();
    }
    // All of it, as stores through a mapping dirty what is behind the end of the
    // file as well, and what failed is not tried again.
    let all = 0..folio.size();
    folio_state::clear_dirty(&folio, &all, inode.block_bits());
    folio.unlock();
    let ended = match state {
        Some(state) => sub_and_test(state.write_bytes_pending(), 1),
        None => count == 0,
    };
    if ended {
        folio.end_writeback();
    }
    if let Err(error) = result {
        mapping_error(inode, error);
    }
    result
}

fn mapping_error(inode: &Inode, error: Error) {
    inode.mapping().set_error(error);
}

/// Sees to it that completions can count, and do not end writeback before all
/// was submitted.
fn begin<'a>(inode: &Inode, folio: &'a IomapFolio, in_file: usize) -> Option<State<'a>> {
    let state = match folio.state() {
        Some(state) => state,
        None => {
            let state = folio_state::ensure(inode, folio, Allocate::Always)?;
            // Which blocks were dirtied is not known.
            folio_state::set_dirty(folio, &(0..in_file), inode.block_bits());
            state
        }
    };
    if state.write_bytes_pending().fetch_add(1, Relaxed) != 0 {
        warn_once(Warning::WritebackState);
    }
    Some(state)
}

/// Writes the dirty runs of blocks in the first `in_file` bytes; `count` counts
/// what is on its way.
fn write_dirty<H: WritebackHooks>(
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
    folio: &IomapFolio,
    in_file: usize,
    count: &mut u32,
) -> Result {
    let inode = folio.inode();
    let mask = (inode.block_size() as usize).wrapping_sub(1);
    // A block may be larger than the folio.
    let end = folio.size().min(in_file.saturating_add(mask) & !mask);
    let file_end = folio.pos().wrapping_add(in_file as i64);
    let mut start = 0;
    while let Some(run) = folio_state::dirty_range(folio, start..end, inode.block_bits()) {
        start = run.end;
        write_run(control, ctx, hooks, folio, run, file_end, count)?;
    }
    Ok(())
}

/// Writes a run of dirty blocks, mapping by mapping. At least one is asked for,
/// so that the filesystem can tell when blocks are written that a racing write
/// has mapped.
fn write_run<H: WritebackHooks>(
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
    folio: &IomapFolio,
    run: Range<usize>,
    file_end: i64,
    count: &mut u32,
) -> Result {
    let inode = folio.inode();
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
            warn_once(Warning::WritebackMapping);
            hooks.discard_folio(folio, pos);
            return Err(EIO);
        }
        let bytes = next..next.saturating_add(served);
        next = bytes.end;
        let added = match ctx.map().kind() {
            Kind::Mapped | Kind::Unwritten => {
                add(control, ctx, hooks, folio, bytes, file_end).map(|()| *count += 1)
            }
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
fn map<H: WritebackHooks>(
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
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
