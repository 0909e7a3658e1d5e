// SPDX-License-Identifier: GPL-2.0

//! What the VFS asks of a mounted filesystem. C: `struct super_operations`.

use super::{
    error::to_int, inode_cache::Slot, new_super_block::drop_data, EvictedInode, FileSystem, Inode,
    SeqFile, StatFs, SuperBlock,
};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::zeroed};

/// The operations of superblocks of `F`.
pub(super) struct Table<F>(PhantomData<F>);

impl<F: FileSystem> Table<F> {
    pub(super) const OPERATIONS: bindings::super_operations = bindings::super_operations {
        alloc_inode: Some(Slot::<F>::alloc),
        evict_inode: Some(evict_inode::<F>),
        free_inode: Some(Slot::<F>::free),
        freeze_fs: Some(freeze_fs::<F>),
        put_super: Some(put_super::<F>),
        show_options: Some(show_options::<F>),
        statfs: Some(statfs::<F>),
        sync_fs: Some(sync_fs::<F>),
        unfreeze_fs: Some(unfreeze_fs::<F>),
        write_inode: Some(write_inode::<F>),
        // SAFETY: All zeros is a table without operations.
        ..unsafe { zeroed() }
    };
}

/// # Safety
///
/// `inode` is of `F`, and has no other reference left.
unsafe extern "C" fn evict_inode<F: FileSystem>(inode: *mut bindings::inode) {
    // SAFETY: By the contract. The page cache goes first, whatever is done then.
    unsafe {
        let mapping = &raw mut (*inode).i_data;
        bindings::truncate_inode_pages_final(mapping);
        F::evict(EvictedInode::from_raw(inode));
        // `clear_inode()` takes pages that the filesystem has just read for a bug.
        if (*mapping).nrpages != 0 {
            bindings::truncate_inode_pages_final(mapping);
        }
        bindings::invalidate_inode_buffers(inode);
        bindings::clear_inode(inode);
    }
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn freeze_fs<F: FileSystem>(sb: *mut bindings::super_block) -> i32 {
    // SAFETY: By the contract.
    to_int(F::freeze(unsafe { SuperBlock::from_raw(sb) }))
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn unfreeze_fs<F: FileSystem>(sb: *mut bindings::super_block) -> i32 {
    // SAFETY: By the contract.
    to_int(F::unfreeze(unsafe { SuperBlock::from_raw(sb) }))
}

/// # Safety
///
/// `sb` is of `F`, and has no inodes any more.
unsafe extern "C" fn put_super<F: FileSystem>(sb: *mut bindings::super_block) {
    // SAFETY: By the contract. Buffers go with the data, before the device is
    // closed.
    unsafe {
        F::put_super(SuperBlock::from_raw(sb));
        drop_data::<F>(sb);
    }
}

/// # Safety
///
/// `seq` is valid; `root` is that of a superblock of `F`.
unsafe extern "C" fn show_options<F: FileSystem>(
    seq: *mut bindings::seq_file,
    root: *mut bindings::dentry,
) -> i32 {
    // SAFETY: By the contract.
    let (sb, seq) = unsafe { (SuperBlock::from_raw((*root).d_sb), SeqFile::from_raw(seq)) };
    to_int(F::show_options(sb, seq))
}

/// # Safety
///
/// `stat` is valid; `dentry` is one of a superblock of `F`.
unsafe extern "C" fn statfs<F: FileSystem>(
    dentry: *mut bindings::dentry,
    stat: *mut bindings::kstatfs,
) -> i32 {
    // SAFETY: By the contract.
    let (sb, stat) = unsafe { (SuperBlock::from_raw((*dentry).d_sb), StatFs::from_raw(stat)) };
    to_int(F::statfs(sb, stat))
}

/// # Safety
///
/// `sb` is of `F`.
unsafe extern "C" fn sync_fs<F: FileSystem>(sb: *mut bindings::super_block, wait: i32) -> i32 {
    // SAFETY: By the contract.
    to_int(F::sync(unsafe { SuperBlock::from_raw(sb) }, wait != 0))
}

/// # Safety
///
/// `inode` is of `F`; `control` is valid.
unsafe extern "C" fn write_inode<F: FileSystem>(
    inode: *mut bindings::inode,
    control: *mut bindings::writeback_control,
) -> i32 {
    // SAFETY: By the contract.
    let (inode, wait) = unsafe {
        let all = bindings::writeback_sync_modes_WB_SYNC_ALL;
        (Inode::<F>::from_raw(inode), (*control).sync_mode == all)
    };
    to_int(F::write_inode(inode, wait))
}
