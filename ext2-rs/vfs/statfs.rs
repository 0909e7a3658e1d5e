// SPDX-License-Identifier: GPL-2.0

//! The answer to `statfs()`.

use crate::sys as bindings;
use kernel::types::Opaque;

/// How full a filesystem is. C: `struct kstatfs`.
///
/// # Invariants
///
/// A reference is to an initialised answer that nobody else uses meanwhile.
#[repr(transparent)]
pub struct StatFs(Opaque<bindings::kstatfs>);

/// What a filesystem says in an answer. Sizes and counts are in blocks.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Which filesystem it is.
    pub magic: u32,
    /// Size of a block in bytes.
    pub block_size: u32,
    /// Blocks for data.
    pub blocks: u64,
    /// Free ones.
    pub free: u64,
    /// Free ones that everybody may use.
    pub available: u64,
    /// Inodes.
    pub inodes: u64,
    /// Free ones.
    pub free_inodes: u64,
    /// Length of the longest name in bytes.
    pub name_length: u32,
    /// Which instance it is.
    pub uuid: [u8; 16],
}

impl StatFs {
    /// Borrows a C answer.
    ///
    /// # Safety
    ///
    /// As the type invariant says, for all of `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut bindings::kstatfs) -> &'a mut Self {
        // SAFETY: Transparent wrapper; valid and exclusive by the contract.
        unsafe { &mut *ptr.cast() }
    }

    /// Answers.
    pub fn set(&mut self, usage: &Usage) {
        // SAFETY: By the type invariant; the UUID has 16 bytes.
        unsafe {
            let stat = self.0.get();
            let fsid = bindings::fs_rs_uuid_fsid(usage.uuid.as_ptr());
            (*stat).f_type = usage.magic as _;
            (*stat).f_bsize = usage.block_size as _;
            (*stat).f_blocks = usage.blocks;
            (*stat).f_bfree = usage.free;
            (*stat).f_bavail = usage.available;
            (*stat).f_files = usage.inodes;
            (*stat).f_ffree = usage.free_inodes;
            (*stat).f_namelen = usage.name_length as _;
            (*stat).f_fsid.val = [fsid as i32, (fsid >> 32) as i32];
        }
    }
}
