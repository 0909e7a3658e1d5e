// SPDX-License-Identifier: GPL-2.0

//! Filling folios.
//!
//! What of a folio is read and what zeroed is decided here; how it is read, and
//! who unlocks it, is [`FolioReader`]'s to know.
//!
//! Stands for `iomap_read_folio()`, `iomap_readahead()`, `iomap_readpage_iter()` and
//! `iomap_readahead_iter()`.

use crate::{
    folio_state::{self, ranges::to_read},
    iter::{Iter, Progress},
    mapping::{Kind, MapFlags},
    operations::{Map, Range as FileRange, Read},
    vfs::{
        self, warn_once, Allocate, FolioReader, Inode, IomapFolio, IterState, ReadFolio, Readahead,
        Tracking, Warning,
    },
};
use core::ops::Range;
use kernel::prelude::*;

/// Reads all of a folio. Errors show in that it is not uptodate when it is
/// unlocked.
///
/// Task context; sleeps. The folio is locked; the caller holds `invalidate_lock` shared,
/// unless nothing can be truncated or punched. C: `iomap_read_folio()`.
pub fn read_folio<M: Map<Read>>(inode: &Inode, folio: ReadFolio, mapper: &M) {
    let range = FileRange {
        pos: folio.pos(),
        len: folio.size() as u64,
    };
    vfs::trace::readpage(inode);
    let mut reader = FolioReader::new(false);
    reader.set_folio(Some(folio));
    // An error shows in the folio.
    let _errors = Iter::<Read, _>::new(inode, range, (), mapper)
        .for_each(|state| read_in_folio(&mut reader, state, 0, state.length()));
}

/// Reads the folios of a readahead request, as far as mappings are found: the
/// rest is left to the caller.
///
/// Task context, without filesystem recursion in allocations; should not sleep
/// for long. C: `iomap_readahead()`.
pub fn readahead<M: Map<Read>>(request: &mut Readahead<'_>, mapper: &M) {
    let inode = request.mapping().host();
    let range = FileRange {
        pos: request.pos(),
        len: request.len(),
    };
    vfs::trace::readahead(inode, request.count());
    let mut reader = FolioReader::new(true);
    // An error shows in the folios.
    let _errors = Iter::<Read, _>::new(inode, range, (), mapper)
        .for_each(|state| read_in_folios(&mut reader, state, request));
}

/// Fills folios of a readahead request with what a mapping serves.
fn read_in_folios(
    reader: &mut FolioReader,
    state: &IterState<'_>,
    request: &mut Readahead<'_>,
) -> Progress {
    let length = state.length();
    let mut done = 0;
    while done < length {
        let pos = state.pos().wrapping_add_unsigned(done);
        if reader.folio().is_none_or(|folio| folio.offset_of(pos) == 0) {
            reader.set_folio(request.next_folio());
        }
        match read_in_folio(reader, state, done, length.saturating_sub(done)) {
            Progress::Bytes(bytes) => done = done.saturating_add(bytes),
            other => return other,
        }
    }
    Progress::Bytes(done)
}

/// Fills the part of the folio at hand that the mapping serves from its byte
/// `done` on, of which it serves `left`.
fn read_in_folio(
    reader: &mut FolioReader,
    state: &IterState<'_>,
    done: u64,
    left: u64,
) -> Progress {
    let Some(folio) = reader.folio() else {
        // The mapping goes on where the request does not.
        warn_once(Warning::ReadaheadWithoutFolio);
        return Progress::Failed(EIO);
    };
    let (start, room) = folio.place_of(state.pos().wrapping_add_unsigned(done));
    let bytes = left.min(room as u64);
    if folio.is_uptodate() {
        // Inline data was the beginning, and zeros the rest.
        return Progress::Bytes(bytes);
    }
    if state.map().kind() == Kind::Inline {
        return match read_inline(state, &Tracking::Engine(folio)) {
            Ok(()) => Progress::Bytes(bytes),
            Err(error) => Progress::Failed(error),
        };
    }
    let end = start.saturating_add(bytes as usize);
    let mut next = start;
    while next < end {
        match read_piece(reader, state, next..end) {
            Ok(reached) => next = reached,
            Err(error) => return Progress::Failed(error),
        }
    }
    Progress::Bytes(bytes)
}

/// Fills the first piece of `bytes` that is not uptodate; returns how far the
/// folio is done.
fn read_piece(
    reader: &mut FolioReader,
    state: &IterState<'_>,
    bytes: Range<usize>,
) -> Result<usize> {
    let folio = reader.folio().ok_or(EIO)?;
    let inode = state.inode();
    let tracked = folio_state::ensure(inode, folio, Allocate::Always);
    let eof = inode.size().wrapping_sub(folio.pos());
    let uptodate = tracked.map(folio_state::uptodate_bits);
    let end = bytes.end;
    let piece = to_read(bytes, eof, inode.block_bits(), uptodate);
    if piece.start >= piece.end {
        return Ok(end);
    }
    let reached = piece.end;
    if tracked.is_none() && piece != (0..folio.size()) && !is_rest_of_file(folio, &piece, eof)? {
        return Ok(reached);
    }
    let pos = folio.pos().wrapping_add(piece.start as i64);
    if needs_zeroing(state, pos) {
        zero(folio, inode, piece);
        return Ok(reached);
    }
    let map = state.map();
    let Some(bdev) = map.bdev() else {
        warn_once(Warning::NoBlockDevice);
        return Err(EIO);
    };
    reader.queue(bdev, map.sector(pos), piece, || rest_of_map(state, pos))?;
    Ok(reached)
}

/// Fills a piece for which there is nothing on the device.
// Its frame is not to be under what allocates bios.
#[inline(never)]
fn zero(folio: &IomapFolio, inode: &Inode, piece: Range<usize>) {
    folio.zero(piece.clone());
    folio_state::set_uptodate(folio, &piece, inode.block_bits());
}

/// Whether `piece` of a folio without a state is to be read. Nobody would count several
/// pieces, and the first to end would make the folio uptodate. So it is read only if it is
/// all that the file, which ends at byte `eof` of the folio, has there; the rest is then
/// zeroed here, and skipped when its turn comes.
///
/// # Errors
///
/// [`EIO`], with a warning, if there is more.
#[cold]
fn is_rest_of_file(folio: &IomapFolio, piece: &Range<usize>, eof: i64) -> Result<bool> {
    if piece.start as i64 == eof {
        return Ok(false);
    }
    if piece.start != 0 || piece.end as i64 != eof {
        warn_once(Warning::ReadInPieces);
        return Err(EIO);
    }
    folio.zero(piece.end..folio.size());
    Ok(true)
}

/// Bytes of the request from `pos` on that the mapping serves.
fn rest_of_map(state: &IterState<'_>, pos: i64) -> u64 {
    let skipped = pos.wrapping_sub(state.pos()).max(0) as u64;
    state.length().saturating_sub(skipped)
}

/// Whether the block at `pos` is zeroed in memory instead of being read: nothing
/// was written to it yet, or it lies behind the end of the file, where it can be
/// seen through a mapping of the folio.
///
/// C: `iomap_block_needs_zeroing()`.
#[inline]
pub(super) fn needs_zeroing(state: &IterState<'_>, pos: i64) -> bool {
    let source = state.source();
    source.kind() != Kind::Mapped
        || source.flags().contains(MapFlags::NEW)
        || pos >= state.inode().size()
}

/// Copies inline data into its place in the folio and zeros what follows.
///
/// C: `iomap_read_inline_data()`.
pub(super) fn read_inline(state: &IterState<'_>, folio: &Tracking<'_>) -> Result {
    if folio.is_uptodate() {
        return Ok(());
    }
    let (map, inode) = (state.source(), state.inode());
    let size = inode.size().saturating_sub(map.offset());
    let offset = folio.offset_of(map.offset());
    let Some(data) = map.inline_data() else {
        warn_once(Warning::InlineBeyondPage);
        return Err(EIO);
    };
    let room = folio.size().saturating_sub(offset);
    let fits = |size: &usize| *size as u64 <= map.length() && *size <= room;
    let Some(size) = usize::try_from(size).ok().filter(fits) else {
        warn_once(Warning::InlineTooShort);
        return Err(EIO);
    };
    data.fill_tail(folio, offset, size);
    match folio {
        Tracking::Engine(folio) => {
            if offset > 0 {
                // What is before it comes from elsewhere.
                folio_state::ensure(inode, folio, Allocate::Always);
            }
            let bytes = offset..folio.size();
            folio_state::set_uptodate(folio, &bytes, inode.block_bits());
        }
        // C filesystems have it in the first block, and the rest was zeroed.
        Tracking::Buffers(_) => folio.mark_uptodate(),
    }
    Ok(())
}
