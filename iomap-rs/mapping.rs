// SPDX-License-Identifier: GPL-2.0

//! What a file range is mapped to, as plain values.
//!
//! Relies on nothing: this file also compiles on the host. Stands for the
//! `IOMAP_*` type, flag and address constants of `include/linux/iomap.h` and
//! for its inline functions `iomap_length()`, `iomap_sector()`.
//!
//! Units: positions, offsets, lengths and addresses are bytes; a sector is 512
//! bytes whatever the device's logical block size is.

/// Log2 of the sector size in bytes. C: `SECTOR_SHIFT`.
pub const SECTOR_SHIFT: u32 = 9;

/// An address that leads nowhere, as holes have it. C: `IOMAP_NULL_ADDR`.
pub const NULL_ADDR: u64 = u64::MAX;

/// What stands behind a mapping. C: the `IOMAP_*` mapping types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// No blocks allocated, reads as zeros.
    Hole = 0,
    /// Space is reserved, blocks are not chosen yet.
    Delalloc = 1,
    /// Blocks at the mapping's address hold the data.
    Mapped = 2,
    /// Blocks at the mapping's address are allocated, but read as zeros.
    Unwritten = 3,
    /// Data lies in memory with the filesystem's metadata.
    Inline = 4,
}

impl TryFrom<u16> for Kind {
    /// The number that is no mapping type.
    type Error = u16;

    fn try_from(raw: u16) -> Result<Self, u16> {
        match raw {
            0 => Ok(Self::Hole),
            1 => Ok(Self::Delalloc),
            2 => Ok(Self::Mapped),
            3 => Ok(Self::Unwritten),
            4 => Ok(Self::Inline),
            _ => Err(raw),
        }
    }
}

/// Defines a set of flags over an integer, with the operations a set has.
macro_rules! flag_set {
    ($(#[$doc:meta])* $name:ident($int:ty) { $($(#[$flag_doc:meta])* $flag:ident = $bit:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(transparent)]
        pub struct $name($int);

        impl $name {
            /// No flag set.
            pub const NONE: Self = Self(0);
            $($(#[$flag_doc])* pub const $flag: Self = Self($bit);)*

            /// Takes the flags as C has them; unknown bits are kept.
            pub const fn from_bits(bits: $int) -> Self {
                Self(bits)
            }

            /// The flags as C has them.
            pub const fn bits(self) -> $int {
                self.0
            }

            /// Whether all of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any of `other` is set.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// These flags and `other`.
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These flags, and `other` if `condition` holds.
            pub const fn with_if(self, condition: bool, other: Self) -> Self {
                if condition {
                    self.with(other)
                } else {
                    self
                }
            }

            /// These flags less `other`.
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }
    };
}
pub(crate) use flag_set;

flag_set! {
    /// What a filesystem says of a mapping, and the engine of its use.
    /// C: the `IOMAP_F_*` flags.
    MapFlags(u16) {
        /// Blocks are newly allocated: what no data is copied to needs zeroing.
        NEW = 1 << 0;
        /// Metadata needed to find the data is not yet on stable storage.
        DIRTY = 1 << 1;
        /// Blocks are shared with other files.
        SHARED = 1 << 2;
        /// Several block mappings were merged into this one.
        MERGED = 1 << 3;
        /// Page cache over this mapping uses buffer heads.
        BUFFER_HEAD = 1 << 4;
        /// An extent of an extended attribute, not of file data.
        XATTR = 1 << 5;
        /// Set by the engine: the write has changed the file size.
        SIZE_CHANGED = 1 << 8;
        /// Set by the engine: the mapping is outdated and is to be had anew.
        STALE = 1 << 9;
        /// The first bit for a filesystem's own use.
        PRIVATE = 1 << 12;
    }
}

flag_set! {
    /// What a mapping is wanted for. C: the `iomap_begin` flags; none means a
    /// read.
    OpFlags(u32) {
        /// Writing, blocks must be allocated.
        WRITE = 1 << 0;
        /// Zeroing, holes may be skipped.
        ZERO = 1 << 1;
        /// Reporting extents, nothing is transferred.
        REPORT = 1 << 2;
        /// For a page fault.
        FAULT = 1 << 3;
        /// Direct I/O.
        DIRECT = 1 << 4;
        /// Do not block.
        NOWAIT = 1 << 5;
        /// Only pure overwrites: no allocation, no zeroing.
        OVERWRITE_ONLY = 1 << 6;
        /// Copying shared blocks to blocks of the file's own.
        UNSHARE = 1 << 7;
        /// Direct access to memory. C's constant is 0 without `CONFIG_FS_DAX`: then nobody
        /// sets it.
        DAX = 1 << 8;
    }
}

/// The part of a file that a mapping covers: `length` bytes from `offset`.
///
/// The end is a `u64`, since a filesystem whose files may have `i64::MAX` bytes
/// rounds that up to a whole block.
///
/// # Invariants
///
/// `offset` is not negative, `length` is not 0, and their sum fits a `u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    offset: i64,
    length: u64,
}

impl Extent {
    /// An extent of `length` bytes at file offset `offset`; [`None`] if it
    /// would be empty, start before the file or have an end past `u64::MAX`.
    #[inline]
    pub const fn new(offset: i64, length: u64) -> Option<Self> {
        if offset < 0 || length == 0 || length > u64::MAX - offset as u64 {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self { offset, length })
    }

    /// First byte, as an offset in the file.
    #[inline]
    pub const fn offset(self) -> i64 {
        self.offset
    }

    /// Length in bytes, never 0.
    #[inline]
    pub const fn length(self) -> u64 {
        self.length
    }

    /// The first byte behind the extent, as an offset in the file.
    #[inline]
    pub const fn end(self) -> u64 {
        // Does not wrap, by the invariant.
        (self.offset as u64).wrapping_add(self.length)
    }

    /// Whether the byte at `pos`, which is not negative, lies inside.
    #[inline]
    pub const fn covers(self, pos: i64) -> bool {
        self.offset <= pos && (pos as u64) < self.end()
    }
}

/// Bytes of an operation on `[pos, pos + len)` that a mapping serves which ends
/// at `end`, and whose source mapping, if it has one, ends at `source_end`.
///
/// C: `iomap_length()`. 0 if a mapping ends at or before `pos`.
#[inline]
pub const fn served(pos: i64, len: u64, end: u64, source_end: Option<u64>) -> u64 {
    let end = match source_end {
        Some(source_end) if source_end < end => source_end,
        _ => end,
    };
    let room = end.saturating_sub(pos as u64);
    if len < room {
        len
    } else {
        room
    }
}

/// The sector that holds file offset `pos` of a mapping at `offset` which lies
/// at byte `addr` of its device. C: `iomap_sector()`.
#[inline]
pub const fn sector(addr: u64, offset: i64, pos: i64) -> u64 {
    addr.wrapping_add(pos.wrapping_sub(offset) as u64) >> SECTOR_SHIFT
}
