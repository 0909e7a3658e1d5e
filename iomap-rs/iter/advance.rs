// SPDX-License-Identifier: GPL-2.0

//! The decisions of the iterator: is a mapping usable, and what comes after it.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `iomap_iter_advance()` and `iomap_iter_done()` of `fs/iomap/iter.c`.

use crate::mapping::{Extent, Kind, MapFlags};

/// What the body of an iteration did with the current mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<E> {
    /// Dealt with so many bytes from the position on; none is the same as
    /// [`Self::Stop`].
    Bytes(u64),
    /// Nothing more to do: the iteration ends without an error.
    Stop,
    /// Failed; the iteration ends with this error.
    Failed(E),
}

/// What the iterator does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<E> {
    /// Map `[pos, pos + len)`, which is not empty.
    Map {
        /// First byte to map.
        pos: i64,
        /// Bytes to map.
        len: u64,
    },
    /// All done. `pos` and `len` are left for the caller to read: what was not dealt with.
    Done {
        /// First byte not dealt with.
        pos: i64,
        /// Bytes not dealt with.
        len: u64,
    },
    /// The body failed.
    Failed(E),
    /// The body claims more than the mapping served: a bug in the engine.
    TooMuch,
}

/// Decides how to go on after a mapping that served `served` bytes of
/// `[pos, pos + len)`.
///
/// A stale mapping is dropped and what is left is mapped again, even if nothing
/// was done under it. There is no bound on that: the filesystem that calls its
/// own mappings stale has made progress elsewhere.
#[inline]
pub fn advance<E>(pos: i64, len: u64, served: u64, stale: bool, progress: Progress<E>) -> Next<E> {
    let done = match progress {
        Progress::Failed(error) => return Next::Failed(error),
        Progress::Stop => 0,
        Progress::Bytes(bytes) if bytes > served => return Next::TooMuch,
        Progress::Bytes(bytes) => bytes,
    };
    if done == 0 && !stale {
        return Next::Done { pos, len };
    }
    let pos = pos.wrapping_add(done as i64);
    let len = len.wrapping_sub(done);
    if len == 0 {
        Next::Done { pos, len }
    } else {
        Next::Map { pos, len }
    }
}

/// Why a mapping that a filesystem returned cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It starts after the position that was asked for.
    OffsetPastPos,
    /// It has no byte.
    Empty,
    /// It ends at or before the position that was asked for.
    NotCoveringPos,
    /// It is already marked stale.
    Stale,
    /// Its type is none that this engine knows.
    UnknownType,
    /// It starts before the file or its end exceeds 64 bits.
    Overflow,
    /// The source mapping has one of the defects above.
    BadSource,
}

/// Checks a mapping of type `kind` at `[offset, offset + length)` that answers
/// a request for position `pos`.
#[inline]
pub fn check(
    pos: i64,
    offset: i64,
    length: u64,
    kind: u16,
    flags: MapFlags,
) -> Result<Extent, Defect> {
    if length == 0 {
        return Err(Defect::Empty);
    }
    let extent = Extent::new(offset, length).ok_or(Defect::Overflow)?;
    if offset > pos {
        return Err(Defect::OffsetPastPos);
    }
    if !extent.covers(pos) {
        return Err(Defect::NotCoveringPos);
    }
    if flags.contains(MapFlags::STALE) {
        return Err(Defect::Stale);
    }
    if Kind::try_from(kind).is_err() {
        return Err(Defect::UnknownType);
    }
    Ok(extent)
}
