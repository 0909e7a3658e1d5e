// SPDX-License-Identifier: GPL-2.0

//! The decisions of writeback: what goes into one ioend, what is merged.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `iomap_can_add_to_ioend()`, `iomap_ioend_can_merge()` and
//! `iomap_writepage_handle_eof()` of `fs/iomap/buffered-io.c`.

use crate::mapping::{Kind, MapFlags, SECTOR_SHIFT};

/// Folios that an ioend has at most: their writeback is ended in one go.
/// C: `IOEND_BATCH_SIZE`.
pub const MAX_FOLIOS: u32 = 4096;

/// Pieces of folios whose writeback is ended before others are let run.
/// C: `IOEND_BATCH_SIZE * 8`.
pub const RESCHED_PIECES: u32 = 8 * MAX_FOLIOS;

/// What there is to know of an ioend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Type of its mappings, as C has it.
    pub kind: u16,
    /// Flags of the mapping that it was begun with.
    pub flags: MapFlags,
    /// First byte, as an offset in the file.
    pub offset: i64,
    /// Length in bytes, up to the end of the file.
    pub size: u64,
    /// First 512-byte sector on the device.
    pub sector: u64,
}

impl Summary {
    #[inline]
    fn end(&self) -> i64 {
        self.offset.wrapping_add_unsigned(self.size)
    }

    #[inline]
    fn is_shared(&self) -> bool {
        self.flags.contains(MapFlags::SHARED)
    }
}

/// Whether `next`, which is to be written, goes into the ioend `open`, whose bio
/// ends at sector `end_sector` and has `folios` folios.
///
/// An ioend that was cut at the end of the file takes nothing more, since its
/// size says that it ends elsewhere than its bio.
#[inline]
pub fn can_append(open: &Summary, end_sector: u64, folios: u32, next: &Summary) -> bool {
    open.is_shared() == next.is_shared()
        && open.kind == next.kind
        && open.end() == next.offset
        && end_sector == next.sector
        && folios < MAX_FOLIOS
}

/// Whether `next` goes on where `first`, both written, ends, and is to be dealt
/// with in the same way.
#[inline]
pub fn can_merge(first: &Summary, next: &Summary) -> bool {
    let unwritten = |ioend: &Summary| ioend.kind == Kind::Unwritten as u16;
    first.is_shared() == next.is_shared()
        && unwritten(first) == unwritten(next)
        && first.end() == next.offset
        && first.sector.wrapping_add(first.size >> SECTOR_SHIFT) == next.sector
}

/// The size of an ioend at `offset` that grew to `size` bytes, cut at `end`,
/// where the file ends: what a filesystem makes of it, such as the size that it
/// writes to disk, shall not reach beyond.
#[inline]
pub fn cut_at(offset: i64, size: u64, end: i64) -> u64 {
    size.min(end.saturating_sub(offset).max(0) as u64)
}

/// How much of a folio is written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToWrite {
    /// All of it.
    Whole,
    /// The first bytes, as the file ends there; what follows is to be zeroed.
    UpTo(usize),
    /// Nothing: the file ends before it.
    Nothing,
}

/// Decides how much of the folio of `size` bytes at `pos` is written back of a
/// file of `i_size` bytes.
#[inline]
pub fn to_write(pos: i64, size: usize, i_size: i64) -> ToWrite {
    let in_file = i_size.saturating_sub(pos);
    if in_file >= size as i64 {
        ToWrite::Whole
    } else if in_file > 0 {
        ToWrite::UpTo(in_file as usize)
    } else {
        ToWrite::Nothing
    }
}
