// SPDX-License-Identifier: GPL-2.0

//! Filling and submitting ioends.
//!
//! Stands for `iomap_add_to_ioend()`, `iomap_alloc_ioend()` and
//! `iomap_submit_ioend()`.

use super::rules::{can_append, Summary};
use crate::{
    operations::WritebackHooks,
    vfs::{warn_once, Ioend, Warning, WritebackControl, WritebackCtx, WritebackFolio},
};
use core::ops::Range;
use kernel::prelude::*;

/// Adds `bytes` of `folio`, which the mapping at hand serves, to the ioend at
/// hand, or submits that and begins another. `file_end` is the end of the folio or of the
/// file, whichever comes first, as a file offset.
#[inline]
pub(super) fn add<H: WritebackHooks>(
    control: &mut WritebackControl<'_>,
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
    folio: &mut WritebackFolio<'_>,
    bytes: Range<usize>,
    file_end: i64,
) -> Result {
    let pos = folio.pos().wrapping_add(bytes.start as i64);
    let len = bytes.end.saturating_sub(bytes.start);
    let next = Summary {
        kind: ctx.map().raw_kind(),
        flags: ctx.map().flags(),
        offset: pos,
        size: len as u64,
        sector: ctx.map().sector(pos),
    };
    let folios = ctx.folios();
    let appended = ctx.ioend_mut().is_some_and(|open| {
        can_append(&open.summary(), open.end_sector(), folios, &next) && open.append(folio, &bytes)
    });
    if !appended {
        submit(ctx, hooks, Ok(()))?;
        let mut fresh = Ioend::new(control, folio.inode(), ctx.map(), pos)?;
        if !fresh.append(folio, &bytes) {
            // An empty bio has room, and the folio was whole.
            warn_once(Warning::BioRefusesFolio);
            fresh.fail(EIO);
            return Err(EIO);
        }
        ctx.set_ioend(fresh);
    }
    if let Some(open) = ctx.ioend_mut() {
        open.grow(len as u64, file_end);
    }
    control.account(folio, len);
    Ok(())
}

/// Submits the ioend at hand, if there is one, or ends it with what failed:
/// folios are under writeback for it. The filesystem has the last word.
#[inline]
pub(super) fn submit<H: WritebackHooks>(
    ctx: &mut WritebackCtx<'_>,
    hooks: &H,
    status: Result,
) -> Result {
    let Some(mut ioend) = ctx.take_ioend() else {
        return status;
    };
    let status = hooks.prepare_ioend(&mut ioend, status);
    match status {
        Ok(()) => ioend.submit(),
        Err(error) => ioend.fail(error),
    }
    status
}
