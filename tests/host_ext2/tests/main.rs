// SPDX-License-Identifier: GPL-2.0

//! Tests of the pure files of ext2-rs, a module for each of them.
//!
//! Ways to test: rules by example, named after the rule; every case there is,
//! where they are few; cases by chance against a model that is written down in
//! another way; filesystems that mke2fs and debugfs made on this machine, as they
//! are and with every bit of every structure changed. What fails by chance is kept
//! in `proptest-regressions/`, to be committed with the fix.

mod acl;
mod bitmap;
mod corrupt;
mod dirent;
mod flags;
mod group;
mod image;
mod inode;
mod known;
mod mkfs;
mod mount_state;
mod options;
mod path;
mod place;
mod superblock;
mod walk;
mod xattr;
