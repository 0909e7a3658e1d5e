// SPDX-License-Identifier: GPL-2.0

//! The files of ext2-rs that decide and do nothing else, as the module compiles
//! them, at the paths that they have there.
//!
//! Nothing is copied: what `tests/` finds holds for the module. `no_std`, since a
//! file that needs more than `core` would not compile in the kernel, and with the
//! lints that the module has.

#![no_std]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::indexing_slicing)]

/// ext2 on disk.
#[path = "../../../ext2-rs/format"]
pub mod format {
    pub mod acl;
    pub mod bytes;
    pub mod device;
    pub mod dirent;
    pub mod dirent_edit;
    pub mod features;
    pub mod flags;
    pub mod group;
    pub mod inode;
    pub mod layout;
    pub mod mount_state;
    pub mod superblock;
    pub mod xattr;
    pub mod xattr_edit;
}

/// What ext2 decides.
#[path = "../../../ext2-rs/plan"]
pub mod plan {
    pub mod bitmap;
    pub mod known;
    pub mod options;
    pub mod path;
    pub mod place;
}
