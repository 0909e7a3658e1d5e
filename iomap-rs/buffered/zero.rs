// SPDX-License-Identifier: GPL-2.0

//! Zeroing part of a file through the page cache.
//!
//! Stands for `iomap_zero_range()` and `iomap_truncate_page()`.

use super::rewrite::rewrite;
use crate::{
    iter::{Iter, Progress},
    mapping::{Kind, MapFlags},
    operations::{FolioHooks, Map, Range, Zero},
    vfs::{IterState, PageCache},
};
use kernel::prelude::*;

/// Makes `range` of the file of `cache` read as zeros; `did_zero` is set if that took any
/// zeroing. The file size stays, and `range` may lie behind it.
///
/// Holes and unwritten extents read as zeros already, unless dirty pages lie
/// over them: then the page cache is written first, which changes the extents,
/// and they are mapped anew.
///
/// Task context; sleeps. The filesystem holds `i_rwsem` and `invalidate_lock`
/// exclusively.
///
/// # Errors
///
/// [`EINTR`], [`ENOMEM`], [`EIO`]; those of reads, of writeback and of the
/// filesystem. Part of the range may be zeroed then.
///
/// C: `iomap_zero_range()`.
pub fn zero_range<M: Map<Zero>, H: FolioHooks>(
    cache: &PageCache,
    range: Range,
    did_zero: &mut bool,
    mapper: &M,
    hooks: &H,
) -> Result {
    // Looked at before anything is mapped: afterwards writeback and reclaim may
    // have cleaned pages whose data the mapping does not know of.
    let end = range.pos.saturating_add_unsigned(range.len);
    let mut dirty = cache.range_needs_writeback(range.pos, end.wrapping_sub(1));
    let walked =
        Iter::<Zero, _>::new(cache.host(), range, (), mapper).for_each(|state| {
            match state.source().kind() {
                Kind::Hole | Kind::Unwritten if dirty => {
                    dirty = false;
                    write_and_map_anew(cache, state)
                }
                Kind::Hole | Kind::Unwritten => Progress::Bytes(state.length()),
                Kind::Delalloc | Kind::Mapped | Kind::Inline => {
                    rewrite(cache, state, hooks, |folio, bytes| {
                        folio.zero(bytes);
                        folio.mark_accessed();
                        *did_zero = true;
                    })
                }
            }
        });
    walked.result
}

/// Zeros from `pos` to the end of its block, if it is not at the start of one.
///
/// As [`zero_range`]. C: `iomap_truncate_page()`.
pub fn truncate_page<M: Map<Zero>, H: FolioHooks>(
    cache: &PageCache,
    pos: i64,
    did_zero: &mut bool,
    mapper: &M,
    hooks: &H,
) -> Result {
    let block_size = u64::from(cache.host().block_size());
    let in_block = pos as u64 & block_size.wrapping_sub(1);
    if in_block == 0 {
        return Ok(());
    }
    let range = Range {
        pos,
        len: block_size.saturating_sub(in_block),
    };
    zero_range(cache, range, did_zero, mapper, hooks)
}

/// Writes what is left of the range back, and has it mapped anew.
fn write_and_map_anew(cache: &PageCache, state: &IterState<'_>) -> Progress {
    state.map().add_flags(MapFlags::STALE);
    let start = state.pos();
    let end = start.saturating_add_unsigned(state.remaining());
    match cache.write_and_wait_range(start, end.wrapping_sub(1)) {
        Ok(()) => Progress::Stop,
        Err(error) => Progress::Failed(error),
    }
}
