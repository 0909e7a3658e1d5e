// SPDX-License-Identifier: GPL-2.0

//! The decisions of a write into the page cache.
//!
//! Relies on plain values only: this file also compiles on the host. Ranges are
//! half open. Stands for parts of `__iomap_write_begin()`, `iomap_write_iter()`
//! and `iomap_write_failed()`.

use core::ops::Range;

/// What has to be done with blocks of a folio that a write touches, before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Nothing: the write covers them.
    Nothing,
    /// They have no data: these bytes of them, before and behind those that are
    /// written, are zeroed.
    Zero(Range<usize>, Range<usize>),
    /// They are read, as the write leaves some of their bytes.
    Read,
    /// They have no data, but are to be given away as data: an error.
    Refuse,
}

/// Decides about `piece`, blocks of a folio that are not uptodate, before `bytes`
/// of it are written. `zeros`: they have no data yet. `keep`: the write brings
/// nothing of its own, all of the piece has to be there.
#[inline]
pub fn fill(piece: &Range<usize>, bytes: &Range<usize>, zeros: bool, keep: bool) -> Fill {
    if !keep && bytes.start <= piece.start && piece.end <= bytes.end {
        return Fill::Nothing;
    }
    match (zeros, keep) {
        (true, true) => Fill::Refuse,
        (true, false) => Fill::Zero(
            piece.start..piece.end.min(bytes.start),
            piece.start.max(bytes.end)..piece.end,
        ),
        (false, _) => Fill::Read,
    }
}

/// What a failed write of `len` bytes at `pos` may have left in the page cache
/// behind `size`, where the file ends, and not before the write.
#[inline]
pub fn left_behind(size: i64, pos: i64, len: usize) -> Option<Range<i64>> {
    let left = size.max(pos)..pos.saturating_add_unsigned(len as u64);
    (left.start < left.end).then_some(left)
}

/// How much of a write goes into one folio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Bytes at most, a power of two.
    size: usize,
    /// Bytes of the next one, if it is known where memory was there.
    limit: Option<usize>,
}

impl Chunks {
    /// Chunks of up to `size` bytes, a power of two: what the largest folio has.
    #[inline]
    pub const fn new(size: usize) -> Self {
        Self { size, limit: None }
    }

    /// How many of the `left` bytes that are to be written at `pos` are tried
    /// next: up to the end of a folio of that size.
    #[inline]
    pub fn next(&mut self, pos: i64, left: usize) -> usize {
        // A power of two, and not 0.
        let in_chunk = pos as usize & self.size.wrapping_sub(1);
        let wanted = self.limit.take().unwrap_or(left);
        wanted.min(self.size.wrapping_sub(in_chunk))
    }

    /// None of the last chunk counts, though `copied` bytes of it were reached:
    /// some of the memory vanished between faulting it in and the copy. Less is
    /// tried until it fits; chunks do not become smaller than `page` bytes.
    #[inline]
    pub fn retry(&mut self, copied: usize, page: usize) {
        if self.size > page {
            self.size /= 2;
        }
        self.limit = (copied > 0).then_some(copied);
    }
}
