// SPDX-License-Identifier: GPL-2.0

//! Flags of an inode, as the disk and `chattr` have them.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! the `EXT2_*_FL` constants, `ext2_mask_flags()` and what
//! `ext2_fileattr_set()` decides.

use crate::format::inode::Kind;

/// Deleted securely, were it implemented.
pub const SECURE_DELETION: u32 = 0x0000_0001;
/// Kept when deleted, were it implemented.
pub const UNDELETE: u32 = 0x0000_0002;
/// Compressed, were it implemented.
pub const COMPRESSED: u32 = 0x0000_0004;
/// Written synchronously.
pub const SYNC: u32 = 0x0000_0008;
/// Cannot be changed in any way.
pub const IMMUTABLE: u32 = 0x0000_0010;
/// Can only grow.
pub const APPEND: u32 = 0x0000_0020;
/// Left out by `dump`.
pub const NODUMP: u32 = 0x0000_0040;
/// Access times are not kept.
pub const NOATIME: u32 = 0x0000_0080;
/// State of compression, which is not implemented.
pub const DIRTY: u32 = 0x0000_0100;
/// As above.
pub const COMPRESSED_BLOCKS: u32 = 0x0000_0200;
/// As above.
pub const NO_COMPRESSION: u32 = 0x0000_0400;
/// As above.
pub const COMPRESSION_ERROR: u32 = 0x0000_0800;
/// A directory with an index, which ext2 drops when it changes the directory.
pub const INDEX: u32 = 0x0000_1000;
/// Reserved.
pub const IMAGIC: u32 = 0x0000_2000;
/// Data goes through the journal, which ext2 does not have.
pub const JOURNAL_DATA: u32 = 0x0000_4000;
/// The tail is not merged.
pub const NOTAIL: u32 = 0x0000_8000;
/// A directory that is changed synchronously.
pub const DIRSYNC: u32 = 0x0001_0000;
/// A directory whose subdirectories are spread.
pub const TOPDIR: u32 = 0x0002_0000;

/// What `chattr` and `lsattr` see. C: `EXT2_FL_USER_VISIBLE`.
pub const USER_VISIBLE: u32 = 0x0003_dfff;
/// What `chattr` may change. C: `EXT2_FL_USER_MODIFIABLE`.
pub const USER_MODIFIABLE: u32 = 0x0003_80ff;
/// What a new file has from its directory. C: `EXT2_FL_INHERITED`.
pub const INHERITED: u32 = SECURE_DELETION
    | UNDELETE
    | COMPRESSED
    | SYNC
    | NODUMP
    | NOATIME
    | COMPRESSED_BLOCKS
    | NO_COMPRESSION
    | JOURNAL_DATA
    | NOTAIL
    | DIRSYNC;
/// What means something for directories alone.
const DIRECTORY_ONLY: u32 = DIRSYNC | TOPDIR;
/// What means something for files that are no directory and hold no data, too.
const ANY_FILE: u32 = NODUMP | NOATIME;

/// Of `flags`, those that mean something for a file of that kind. C:
/// `ext2_mask_flags()`.
pub const fn meaningful(kind: Kind, flags: u32) -> u32 {
    match kind {
        Kind::Directory => flags,
        Kind::Regular => flags & !DIRECTORY_ONLY,
        _ => flags & ANY_FILE,
    }
}

/// The flags of a new file in a directory that has flags `directory`.
pub const fn inherited(kind: Kind, directory: u32) -> u32 {
    meaningful(kind, directory & INHERITED)
}

/// The flags of a file that has `old` ones when it is asked to have `wanted`
/// ones. Rights are not looked at here. As in C the kind of file does not count.
pub const fn changed(old: u32, wanted: u32) -> u32 {
    (old & !USER_MODIFIABLE) | (wanted & USER_MODIFIABLE)
}
