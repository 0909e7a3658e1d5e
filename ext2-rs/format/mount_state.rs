// SPDX-License-Identifier: GPL-2.0

//! What is written to the superblock while a filesystem is mounted.
//!
//! Relies on plain values only: this file also compiles on the host. Stands for
//! `ext2_setup_super()`, `ext2_sync_super()`, `ext2_update_dynamic_rev()` and
//! the flags that other functions of `fs/ext2` set. Whoever calls these locks
//! the superblock's buffer and marks it dirty.

use core::fmt;

use crate::format::features::{COMPAT_EXT_ATTR, RO_COMPAT_LARGE_FILE};
use crate::format::superblock::{
    RawSuperblock, RawSuperblockMut, DYNAMIC_REVISION, OLD_FIRST_INODE, OLD_INODE_SIZE,
};

/// It was unmounted, or checked. C: `EXT2_VALID_FS`.
pub const STATE_VALID: u16 = 1;
/// Errors were seen. C: `EXT2_ERROR_FS`.
pub const STATE_ERRORS: u16 = 2;

/// Mounts between checks, where the superblock says none. C:
/// `EXT2_DFL_MAX_MNT_COUNT`.
const MAX_MOUNTS: u16 = 20;

/// Why a filesystem should be checked before it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// It was not unmounted.
    Unchecked,
    /// Errors were seen.
    Errors,
    /// It was mounted often since the last check.
    Mounts,
    /// The last check was long ago.
    Time,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::Unchecked => "mounting unchecked fs",
            Self::Errors => "mounting fs with errors",
            Self::Mounts => "maximal mount count reached",
            Self::Time => "checktime reached",
        };
        write!(f, "warning: {why}, running e2fsck is recommended")
    }
}

/// Whether the filesystem should be checked first. `now` is in seconds since
/// 1970.
pub fn advice(raw: RawSuperblock<'_>, now: u64) -> Option<Advice> {
    let limit = raw.max_mount_count();
    let due = u64::from(raw.last_check()) + u64::from(raw.check_interval());
    if raw.state() & STATE_VALID == 0 {
        Some(Advice::Unchecked)
    } else if raw.state() & STATE_ERRORS != 0 {
        Some(Advice::Errors)
    } else if limit <= i16::MAX as u16 && raw.mount_count() >= limit {
        Some(Advice::Mounts)
    } else if raw.check_interval() != 0 && due <= now {
        Some(Advice::Time)
    } else {
        None
    }
}

/// Notes a mount for writing.
pub fn count_mount(raw: &mut RawSuperblockMut<'_>) {
    if raw.view().max_mount_count() == 0 {
        raw.set_max_mount_count(MAX_MOUNTS);
    }
    raw.set_mount_count(raw.view().mount_count().wrapping_add(1));
}

/// Notes that the filesystem is in use: until [`release`] a check is due.
pub fn hold(raw: &mut RawSuperblockMut<'_>) {
    raw.set_state(raw.view().state() & !STATE_VALID);
}

/// Notes that the filesystem is no longer in use, or at rest. `state` is what it
/// was when it was mounted, with [`STATE_ERRORS`] if some were seen since.
pub fn release(raw: &mut RawSuperblockMut<'_>, state: u16) {
    raw.set_state(state);
}

/// As [`release`], as the filesystem is made read-only: that counts as a mount. `now` is in
/// seconds since 1970.
pub fn release_for_reading(raw: &mut RawSuperblockMut<'_>, state: u16, now: u64) {
    release(raw, state);
    raw.set_mtime(now as u32);
}

/// Notes that errors were seen.
pub fn note_errors(raw: &mut RawSuperblockMut<'_>) {
    raw.set_state(raw.view().state() | STATE_ERRORS);
}

/// Writes the totals of what is free, and when that was. `now` is in seconds
/// since 1970.
pub fn count_free(raw: &mut RawSuperblockMut<'_>, blocks: u32, inodes: u32, now: u64) {
    raw.set_free_blocks_count(blocks);
    raw.set_free_inodes_count(inodes);
    // 32 bits are what there is: it wraps in 2106, as in C.
    raw.set_wtime(now as u32);
}

/// Makes a filesystem of the first revision one that can have features.
fn make_dynamic(raw: &mut RawSuperblockMut<'_>) {
    if raw.view().revision() == 0 {
        raw.set_first_inode(OLD_FIRST_INODE);
        raw.set_inode_size(OLD_INODE_SIZE);
        raw.set_revision(DYNAMIC_REVISION);
    }
}

/// Notes that there is a file larger than 2 GiB. Gives whether that was new, so
/// that the superblock has to be written.
pub fn add_large_file(raw: &mut RawSuperblockMut<'_>) -> bool {
    let old = raw.view();
    if old.revision() != 0 && old.ro_compat() & RO_COMPAT_LARGE_FILE != 0 {
        return false;
    }
    make_dynamic(raw);
    raw.set_ro_compat(raw.view().ro_compat() | RO_COMPAT_LARGE_FILE);
    true
}

/// Notes that there are extended attributes. Gives whether that was new, so that
/// the superblock has to be written.
pub fn add_ext_attr(raw: &mut RawSuperblockMut<'_>) -> bool {
    if raw.view().compat() & COMPAT_EXT_ATTR != 0 {
        return false;
    }
    make_dynamic(raw);
    raw.set_compat(raw.view().compat() | COMPAT_EXT_ATTR);
    true
}
