// SPDX-License-Identifier: GPL-2.0

//! From bytes of a folio to its blocks, and back.
//!
//! Relies on plain values only: this file also compiles on the host. Ranges are
//! half open; bytes count from the start of the folio. Shifts wrap instead of
//! being checked: `block_bits` is far below 64. Stands for `iomap_adjust_read_range()` and
//! the arithmetic of the `ifs_*` functions of `fs/iomap/buffered-io.c`.

use super::bits::Bits;
use core::ops::Range;

/// The blocks that `bytes` touches, rounded outwards: what has to be uptodate,
/// or becomes dirty. Empty if `bytes` is.
#[inline]
pub const fn touched(bytes: &Range<usize>, block_bits: u32) -> Range<usize> {
    if bytes.start >= bytes.end {
        return 0..0;
    }
    // Not empty, so that the end is 1 at least, and its block not the largest.
    let last = bytes.end.wrapping_sub(1).wrapping_shr(block_bits);
    bytes.start.wrapping_shr(block_bits)..last.wrapping_add(1)
}

/// The blocks that lie in `bytes` whole, rounded inwards: what may be forgotten
/// when `bytes` is. Empty if there is none.
#[inline]
pub const fn whole(bytes: &Range<usize>, block_bits: u32) -> Range<usize> {
    let mask = 1usize.wrapping_shl(block_bits).wrapping_sub(1);
    let first = bytes.start.wrapping_shr(block_bits);
    // A byte that is not the first of its block leaves that out; another follows.
    let partial = (bytes.start & mask != 0) as usize;
    first.wrapping_add(partial)..bytes.end.wrapping_shr(block_bits)
}

/// The bytes of `blocks`, which are a folio's.
#[inline]
pub const fn bytes_of(blocks: &Range<usize>, block_bits: u32) -> Range<usize> {
    blocks.start.wrapping_shl(block_bits)..blocks.end.wrapping_shl(block_bits)
}

/// The part of `bytes`, not empty, that is to be read or zeroed next.
///
/// Leading uptodate blocks are skipped, and the range ends before the next
/// uptodate one: the rest is another round's. It also ends with the block that
/// holds the last byte of the file, which is byte `eof - 1` of the folio, if
/// the file ends in `bytes`: blocks behind are zeroed, not read.
///
/// ```text
///   blocks   |  uptodate |   stale   |   stale   |  uptodate |   stale   |
///   bytes         [---------------------------------------------------)
///   result               [-----------------------)
/// ```
#[inline]
pub fn to_read(
    bytes: Range<usize>,
    eof: i64,
    block_bits: u32,
    uptodate: Option<Bits<'_>>,
) -> Range<usize> {
    let Range { mut start, mut end } = bytes;
    let blocks = touched(&bytes, block_bits);
    let mut first = blocks.start;
    if let Some(uptodate) = uptodate {
        first = uptodate.next_clear(blocks.start, blocks.end);
        if first > blocks.start {
            start = end.min(first.wrapping_shl(block_bits));
        }
        let next = uptodate.next_set(first, blocks.end);
        if next < blocks.end {
            end = next.wrapping_shl(block_bits);
        }
    }
    // An end at the very start of the folio leaves no block to separate.
    if let Ok(eof @ 1..) = usize::try_from(eof) {
        if bytes.start <= eof && eof < bytes.end {
            let last = eof.wrapping_sub(1).wrapping_shr(block_bits);
            if first <= last {
                end = end.min(last.wrapping_add(1).wrapping_shl(block_bits));
            }
        }
    }
    start..end
}
