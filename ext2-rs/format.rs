// SPDX-License-Identifier: GPL-2.0

//! ext2 on disk: views of its structures, and what is known to be sound of them.
//!
//! Two kinds of types. A view (`Raw...`) is bytes with named fields, of which
//! nothing is known. A validated type (`Superblock`, `Group`, `Inode`...) is
//! made from a view by a function that looks at every field that is used later,
//! and that says which one is wrong; whoever holds one need not check again.
//!
//! Pure: bytes in, values out, nothing is allocated. The files below this one
//! also compile on the host.

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
