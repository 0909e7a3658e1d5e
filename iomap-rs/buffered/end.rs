// SPDX-License-Identifier: GPL-2.0

//! After a folio was written into.
//!
//! Stands for `iomap_write_end()`.

use crate::{
    folio_state,
    mapping::Kind,
    vfs::{warn_once, Folio, IterState, PageCache, Tracking, Warning, WriteFolio},
};

/// Takes note that `copied` of `len` bytes at file offset `pos` were written
/// into `folio`, which is locked; `false` if none of them count.
#[inline]
pub(super) fn end(
    cache: &PageCache,
    state: &IterState<'_>,
    pos: i64,
    len: usize,
    copied: usize,
    folio: &WriteFolio<'_>,
) -> bool {
    let source = state.source();
    if source.kind() == Kind::Inline {
        return end_inline(state, pos, copied, folio);
    }
    let folio = match folio.tracking(source) {
        Tracking::Engine(folio) => folio,
        Tracking::Buffers(buffers) => {
            let written = buffers.write_end(pos, len, copied);
            if written != copied && written != 0 {
                warn_once(Warning::BuffersWroteInPart);
            }
            return written == copied;
        }
    };

    folio.flush_dcache();
    // A block that was written in part must not be marked uptodate, nor must a
    // read of it overwrite what was written: all is done again.
    if copied < len && !folio.is_uptodate() {
        return false;
    }
    let start = folio.offset_of(pos);
    let block_bits = state.inode().block_bits();
    let whole = start..start.saturating_add(len);
    let written = start..start.saturating_add(copied);
    folio_state::set_written(folio, &whole, &written, block_bits);
    // Nobody makes it clean while it is locked.
    if !folio.is_dirty() {
        folio.dirty(cache);
    }
    true
}

/// Copies what was written to where the data lies; the folio stays clean.
fn end_inline(state: &IterState<'_>, pos: i64, copied: usize, folio: &Folio) -> bool {
    if !folio.is_uptodate() {
        warn_once(Warning::NotUptodate);
    }
    let Some(data) = state.map().inline_data() else {
        warn_once(Warning::InlineBeyondPage);
        return false;
    };
    folio.flush_dcache();
    data.copy_from_folio(folio, pos, copied);
    state.inode().mark_dirty();
    true
}
