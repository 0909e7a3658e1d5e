// SPDX-License-Identifier: GPL-2.0

//! The edge to the VFS: safe types for what the kernel hands to a filesystem,
//! and the kernel's tables of functions, filled from traits.
//!
//! Nothing here knows ext2: it is what the next filesystem needs as well.
//!
//! | type | C | |
//! | --- | --- | --- |
//! | [`Registration`] | `struct file_system_type` | registered while it exists; has the inodes' cache |
//! | [`FileSystem`] | `struct fs_context_operations`, `struct super_operations`, `struct export_operations` | what a filesystem implements first |
//! | [`PageCache`] | `struct address_space_operations` | how it maps files for the engine |
//! | [`Attributes`] | part of `struct inode_operations`, `struct xattr_handler` | what all inodes have |
//! | [`Directory`], [`RegularFile`] | `struct inode_operations`, `struct file_operations`, `struct vm_operations_struct` | |
//! | [`UnsizedSuperBlock`], [`NewSuperBlock`], [`SuperBlock`] | `struct super_block` | while it is being mounted, its block size still open, or settled, and after |
//! | [`UnhashedInode`], [`NewInode`], [`InodeRef`], [`EvictedInode`] | `struct inode` | without a number, with `I_NEW`, in use, at its end |
//! | [`Inode`] | `struct inode` with the filesystem's own data around it | borrowed |
//! | [`Exclusive`] | an inode whose `i_rwsem` is held for writing | |
//! | [`Buffer`] | `struct buffer_head` | blocks of metadata |
//! | [`CachedBlock`], [`CachedBlockMut`] | `struct folio`, locked | blocks of directories and of new symlinks |
//! | [`Request`] | `struct kiocb` | |
//! | [`RwSem`] | `struct rw_semaphore` | |
//! | [`Acl`] | `struct posix_acl` | |
//! | [`StatFs`], [`SeqFile`], [`DirContext`], [`Name`] | `struct kstatfs`, `struct seq_file`, `struct dir_context`, `struct qstr` | |
//!
//! # Locks
//!
//! From the outside in:
//!
//! 1. `s_umount`: mounting, remounting, unmounting. The VFS takes it.
//! 2. `i_rwsem` of directories, then of files: the VFS takes it for operations on
//!    names and attributes, and says so by [`Exclusive`]; reads and writes take it
//!    by [`Inode::lock`] and [`Inode::lock_shared`].
//! 3. `mmap_lock`, for page faults.
//! 4. `invalidate_lock`: [`Inode::lock_cache`] keeps the page cache from being
//!    filled while blocks are freed under it; readahead and faults share it.
//! 5. The lock of a folio: reads, writes and writeback of it, and
//!    [`CachedBlock`].
//! 6. The filesystem's own: [`RwSem`] and the kernel crate's mutexes. A lock that
//!    is taken under a folio's lock must not be held when a folio is to be locked.
//! 7. The lock of a buffer, [`Buffer::lock`]: nothing else is locked under it.

mod acl;
mod attributes;
mod buffer;
mod context;
mod directory;
mod error;
mod export;
mod file;
mod filesystem;
mod folio;
mod inode;
mod inode_cache;
mod inode_ref;
mod ioctl;
mod locked_inode;
mod log;
mod names;
mod new_inode;
mod new_super_block;
mod page_cache;
mod registration;
mod request;
mod rwsem;
mod seq_file;
mod special;
mod statfs;
mod super_block;
mod super_operations;
mod task;
mod xattr;

pub use acl::{Acl, AclEntry, AclKind};
pub use attributes::{Attributes, Shown};
pub use buffer::{copy_bytes, Buffer, BufferGuard};
pub use directory::{Directory, Place};
pub use error::{corrupted, name_too_long, no_data, not_empty, not_supported, stale};
pub use file::RegularFile;
pub use filesystem::FileSystem;
pub use folio::{CachedBlock, CachedBlockMut};
pub use inode::{Enforced, Inode, Times, S_IFDIR, S_IFLNK, S_IFMT};
pub use inode_ref::InodeRef;
pub use locked_inode::{CacheGuard, Exclusive, InodeGuard, SharedGuard};
pub use log::Level;
pub use names::{DirContext, Name};
pub use new_inode::{is_special, EvictedInode, NewInode, UnhashedInode};
pub use new_super_block::{Limits, NewSuperBlock, UnsizedSuperBlock};
pub use page_cache::PageCache;
pub use registration::Registration;
pub use request::Request;
pub use rwsem::{LockClass, ReadGuard, RwSem, WriteGuard};
pub use seq_file::SeqFile;
pub use statfs::{StatFs, Usage};
pub use super_block::{Found, InternalWrite, SuperBlock};
pub use task::{is_current_fsuid, is_in_current_groups, now, random};
pub use xattr::{is_admin, may_use_reserved, Namespace, XattrList, XattrMode};
