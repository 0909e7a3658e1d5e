// SPDX-License-Identifier: GPL-2.0

//! The second extended filesystem in Rust, on the Rust interface of the iomap
//! engine.
//!
//! Counterpart of `fs/ext2/` of Linux 6.12, whose behaviour it has; only that
//! all of a file's data goes through the engine, and directories and symlinks
//! as well. Buffer heads are for metadata alone.
//!
//! # Map of the crate
//!
//! | where | what | may use `unsafe` |
//! | --- | --- | --- |
//! | [`format`] | what is on disk, and the checked values made of it | no |
//! | [`plan`] | decisions on plain values | no |
//! | `volume`, `mount`, `given`, `find` | a mounted filesystem; mounting and its opposite, options, reading the superblock | no |
//! | `blocks`, `inodes`, `space` | allocating them; what is free | no |
//! | `node` | an inode in memory: reading, writing, deleting it | no |
//! | `tree`, `grow`, `truncate` | the tree of blocks under an inode | no |
//! | `map`, `writer` | that tree for the engine: the traits of [`iomap_rs::operations`] | no |
//! | `pending` | what a write has allocated and not reached yet | no |
//! | `stores` | what stores through mappings allocate, beside direct reads | no |
//! | `file` | reads and writes | no |
//! | `dir`, `namei`, `symlink` | directories and names | no |
//! | `attributes`, `xattr`, `acl` | attributes | no |
//! | [`vfs`] | safe types for kernel objects, tables of functions | yes |
//! | `sys` | what bindgen read from the C headers; the little C there is | yes |
//!
//! The engine's generic code is compiled into this module, for the types of
//! `map`: there is no table of functions between filesystem and engine.
//!
//! # Where to start
//!
//! With `map`, which answers what the engine asks, and `file`, which asks the engine;
//! `docs/porting.md` goes through both step by step. Below them is `tree`: where a block
//! of a file is. From there a write goes to `grow`, which asks `blocks` for space, and
//! `blocks` asks [`plan::place`] where and [`plan::bitmap`] what is free; a truncation goes
//! to `truncate`. A name goes through `namei` to `dir`, and from there to
//! [`format::dirent`]. `mount` has the rest of what the VFS wants of a filesystem, and
//! `node` of an inode. What C ext2 does otherwise is in `docs/ext2-differences.md`.
//!
//! # Locks
//!
//! Within the order of [`vfs`]:
//!
//! 1. an inode's attributes (`Node::xattrs`),
//! 2. an inode's tree of blocks (`Node::tree`): shared by those who look up
//!    blocks, exclusive for those who allocate and free them; taken under the
//!    lock of a folio by readers, writers and writeback,
//! 3. what is free (`Volume::space`): bitmaps and descriptors,
//! 4. buffers.
//!
//! The mount's options (`Volume::options`) are copied under a lock of their own. It may be taken
//! under the first three, and nothing is taken under it.

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::indexing_slicing)]
// The kernel's minimum Rust version is lower than this crate's, 1.85.
#![allow(clippy::incompatible_msrv)]

mod acl;
mod attributes;
mod blocks;
mod dir;
mod file;
mod find;
pub mod format;
mod given;
mod grow;
mod inodes;
mod map;
mod mount;
mod namei;
mod node;
mod pending;
pub mod plan;
mod space;
mod stores;
mod symlink;
#[allow(unsafe_code)]
mod sys;
mod tree;
mod truncate;
#[allow(unsafe_code)]
pub mod vfs;
mod volume;
mod writer;
mod xattr;

use kernel::{c_str, prelude::*};
use vfs::FileSystem;

module! {
    type: Module,
    name: "ext2_rs",
    author: "The iomap-rs authors",
    description: "The second extended filesystem, in Rust",
    license: "GPL",
    alias: ["fs-ext2_rs", "fs-ext2"],
}

/// What is there while the module is loaded.
struct Module {
    _filesystem: Pin<KBox<Registration>>,
    /// By the name of the C driver, which cannot be loaded then; [`None`] if that was
    /// there first.
    _as_ext2: Option<Pin<KBox<Registration>>>,
}

type Registration = vfs::Registration<mount::Ext2>;

impl kernel::Module for Module {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let register = |name| KBox::pin_init(Registration::new(module, name), GFP_KERNEL);
        Ok(Self {
            _filesystem: register(mount::Ext2::NAME)?,
            _as_ext2: match register(c_str!("ext2")) {
                Err(error) if error == EBUSY => None,
                registered => Some(registered?),
            },
        })
    }
}
