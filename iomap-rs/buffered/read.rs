// SPDX-License-Identifier: GPL-2.0

//! Filling folios.
//!
//! A folio is locked while it is read. It is unlocked by the submitter if no
//! bio was needed, else by the completion that reads its last byte:
//!
//! ```text
//!   submitter                               completions (any context)
//!   ---------                               -------------------------
//!   bytes being read += piece
//!   add piece to the open bio
//!     (does not fit: submit it, open another)  bytes being read -= piece
//!   next piece ...                             none left: end read, unlock
//! ```
//!
//! Bytes are counted before a bio that is in the way is submitted, so that
//! none are left only when every piece of the folio was queued.
//!
//! Stands for `iomap_read_folio()` and `iomap_readahead()`.

use crate::{
    folio_state::{self, ranges::to_read},
    iter::{Iter, Progress},
    mapping::{Kind, MapFlags},
    operations::{Map, Range as FileRange, Read},
    vfs::{
        self, warn_once, Allocate, FolioReadEnd, Inode, IomapFolio, IterState, ReadBio, ReadFolio,
        Readahead, Warning,
    },
};
use core::ops::Range;
use kernel::{page::PAGE_SIZE, prelude::*};

/// Vectors that a bio has at most.
const MAX_VECS: u64 = 256;

/// Reads all of a folio. Errors show in that it is not uptodate when it is
/// unlocked.
///
/// Task context; sleeps. C: `iomap_read_folio()`.
pub fn read_folio<M: Map<Read>>(inode: &Inode, folio: ReadFolio, mapper: &M) {
    let range = FileRange {
        pos: folio.pos(),
        len: folio.size() as u64,
    };
    vfs::trace::readpage(inode);
    let mut reader = Reader::new(false);
    reader.current = Some(Current::new(folio));
    // An error shows in the folio.
    let _errors = Iter::<Read, _>::new(inode, range, (), mapper).for_each(|state| {
        let Some(current) = &mut reader.current else {
            return Progress::Stop;
        };
        current.read(state, 0, &mut reader.bio, false)
    });
    reader.finish();
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
    let mut reader = Reader::new(true);
    // An error shows in the folios.
    let _errors = Iter::<Read, _>::new(inode, range, (), mapper)
        .for_each(|state| reader.read_mapping(state, request));
    reader.finish();
}

/// A folio that is being filled.
struct Current {
    folio: ReadFolio,
    /// Part of it is in a bio: completions unlock it.
    in_bio: bool,
}

/// The open bio, which folios and mappings share, and the folio at hand.
struct Reader {
    current: Option<Current>,
    bio: Option<ReadBio<End>>,
    readahead: bool,
}

impl Reader {
    fn new(readahead: bool) -> Self {
        Self {
            current: None,
            bio: None,
            readahead,
        }
    }

    /// Fills folios of a readahead request with what a mapping serves.
    fn read_mapping(&mut self, state: &IterState<'_>, request: &mut Readahead<'_>) -> Progress {
        let length = state.length();
        let mut done = 0;
        while done < length {
            let pos = state.pos().wrapping_add_unsigned(done);
            let at_end = |current: &Current| current.folio.offset_of(pos) == 0;
            if self.current.as_ref().is_none_or(at_end) {
                self.next_folio(request);
            }
            let Some(current) = &mut self.current else {
                // The mapping goes on where the request does not.
                warn_once(Warning::ReadaheadWithoutFolio);
                return Progress::Failed(EIO);
            };
            match current.read(state, done, &mut self.bio, self.readahead) {
                Progress::Bytes(bytes) => done = done.saturating_add(bytes),
                other => return other,
            }
        }
        Progress::Bytes(done)
    }

    fn next_folio(&mut self, request: &mut Readahead<'_>) {
        if let Some(current) = self.current.take() {
            current.finish();
        }
        self.current = request.next_folio().map(Current::new);
    }

    /// Submits what is open.
    fn finish(self) {
        drop(self.bio);
        if let Some(current) = self.current {
            current.finish();
        }
    }
}

impl Current {
    fn new(folio: ReadFolio) -> Self {
        Self {
            folio,
            in_bio: false,
        }
    }

    /// Unlocks the folio, or leaves that to completions.
    fn finish(self) {
        if self.in_bio {
            self.folio.leave_to_completion();
        }
    }

    /// Fills the part of the folio that the mapping serves from its byte
    /// `done` on.
    fn read(
        &mut self,
        state: &IterState<'_>,
        done: u64,
        bio: &mut Option<ReadBio<End>>,
        readahead: bool,
    ) -> Progress {
        let start = self
            .folio
            .offset_of(state.pos().wrapping_add_unsigned(done));
        let room = self.folio.size().saturating_sub(start) as u64;
        let bytes = room.min(state.length().saturating_sub(done));
        if state.map().kind() == Kind::Inline {
            return match read_inline(state, &self.folio) {
                Ok(()) => Progress::Bytes(bytes),
                Err(error) => Progress::Failed(error),
            };
        }
        let end = start.saturating_add(bytes as usize);
        let mut next = start;
        while next < end {
            match self.read_piece(state, next..end, bio, readahead) {
                Ok(reached) => next = reached,
                Err(error) => return Progress::Failed(error),
            }
        }
        Progress::Bytes(end.saturating_sub(start) as u64)
    }

    /// Fills the first piece of `bytes` that is not uptodate; returns how far
    /// the folio is done.
    fn read_piece(
        &mut self,
        state: &IterState<'_>,
        bytes: Range<usize>,
        bio: &mut Option<ReadBio<End>>,
        readahead: bool,
    ) -> Result<usize> {
        let folio = &*self.folio;
        let inode = state.inode();
        let tracked = folio_state::ensure(inode, folio, Allocate::Always);
        let from = bytes.start;
        let eof = inode.size().wrapping_sub(folio.pos());
        let uptodate = tracked.map(folio_state::uptodate_bits);
        let piece = to_read(bytes, eof, inode.block_bits(), uptodate);
        if piece.start >= piece.end {
            return Ok(piece.end.max(piece.start));
        }
        let pos = folio.pos().wrapping_add(piece.start as i64);
        if needs_zeroing(state, pos) {
            folio.zero(piece.clone());
            folio_state::set_uptodate(folio, &piece, inode.block_bits());
            return Ok(piece.end);
        }

        let map = state.map();
        let Some(bdev) = map.bdev() else {
            warn_once(Warning::NoBlockDevice);
            return Err(EIO);
        };
        let sector = map.sector(pos);
        if let Some(tracked) = tracked {
            let mut guard = tracked.lock();
            let pending = guard.read_bytes_pending();
            *pending = pending.wrapping_add(piece.end.wrapping_sub(piece.start) as u32);
        }
        self.in_bio = true;
        if let Some(open) = bio {
            if open.append(bdev, sector, folio, &piece) {
                return Ok(piece.end);
            }
        }
        // Submitted before another is asked for: that may wait for it.
        drop(bio.take());
        let vecs = map_rest(state, folio.pos().wrapping_add(from as i64))
            .div_ceil(PAGE_SIZE as u64)
            .min(MAX_VECS) as u16;
        let gfp_mask = folio.mapping().gfp_mask();
        match ReadBio::new(bdev, vecs, sector, readahead, gfp_mask) {
            Ok(mut open) => {
                // An empty bio has room for a piece of one folio.
                open.append(bdev, sector, folio, &piece);
                *bio = Some(open);
                Ok(piece.end)
            }
            Err(error) => {
                // Nobody else will count these bytes as ended.
                End::read_ended(folio, piece, Err(error));
                Err(error)
            }
        }
    }
}

/// Bytes of the request from `pos` on that the mapping serves: a hint for the
/// size of a bio.
fn map_rest(state: &IterState<'_>, pos: i64) -> u64 {
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
pub(super) fn read_inline(state: &IterState<'_>, folio: &IomapFolio) -> Result {
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
    if offset > 0 {
        // What is before it comes from elsewhere.
        folio_state::ensure(inode, folio, Allocate::Always);
    }
    data.fill_tail(folio, offset, size);
    folio_state::set_uptodate(folio, &(offset..folio.size()), inode.block_bits());
    Ok(())
}

/// The end of a piece's read.
struct End;

impl FolioReadEnd for End {
    /// C: `iomap_finish_folio_read()`.
    fn read_ended(folio: &IomapFolio, bytes: Range<usize>, result: Result) {
        let Some(state) = folio.state() else {
            folio.end_read(result.is_ok());
            return;
        };
        let block_bits = folio.inode().block_bits();
        let len = bytes.end.wrapping_sub(bytes.start) as u32;
        let mut guard = state.lock();
        let uptodate =
            result.is_ok() && folio_state::set_uptodate_locked(&mut guard, &bytes, block_bits);
        let pending = guard.read_bytes_pending();
        *pending = pending.wrapping_sub(len);
        let finished = *pending == 0;
        drop(guard);
        if finished {
            folio.end_read(uptodate);
        }
    }
}
