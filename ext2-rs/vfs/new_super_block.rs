// SPDX-License-Identifier: GPL-2.0

//! Superblocks of filesystems that are being mounted.

use super::{
    error::corrupted, export, super_operations, xattr, Attributes, Buffer, FileSystem, Level,
    SuperBlock,
};
use crate::sys as bindings;
use core::{fmt, marker::PhantomData};
use kernel::{prelude::*, types::ForeignOwnable, types::Opaque};

/// Limits of what a filesystem can keep.
pub struct Limits {
    /// What `statfs()` says that it is. C: `s_magic`.
    pub magic: u32,
    /// Size of the largest file in bytes. C: `s_maxbytes`.
    pub max_bytes: u64,
    /// Most links that a file may have. C: `s_max_links`.
    pub max_links: u32,
    /// First and last time that a timestamp may have, in seconds since 1970.
    pub times: core::ops::RangeInclusive<i64>,
}

/// A superblock whose filesystem is being mounted, and whose block size is not settled.
/// Setting it drops all blocks of the device from memory, those as well that somebody has a
/// reference to: so they are only lent here. What [`Self::sized`] gives can keep them.
pub struct UnsizedSuperBlock<'a, F: FileSystem>(NewSuperBlock<'a, F>);

impl<'a, F: FileSystem> UnsizedSuperBlock<'a, F> {
    /// Sets the block size to `bytes`, or the smallest that the device can do;
    /// returns that. C: `sb_min_blocksize()`.
    pub fn set_min_block_size(&mut self, bytes: u32) -> Result<u32> {
        // SAFETY: By the type invariant; nobody has a block of the device.
        match unsafe { bindings::sb_min_blocksize(self.0 .0.get(), bytes as i32) } {
            0 => Err(EINVAL),
            size => Ok(size as u32),
        }
    }

    /// Sets the block size. [`EINVAL`] if the device cannot do it.
    /// C: `sb_set_blocksize()`.
    pub fn set_block_size(&mut self, bytes: u32) -> Result {
        // SAFETY: By the type invariant; nobody has a block of the device.
        match unsafe { bindings::sb_set_blocksize(self.0 .0.get(), bytes as i32) } {
            0 => Err(EINVAL),
            _ => Ok(()),
        }
    }

    /// Has `look` look at a block of the size that was set.
    pub fn peek<R>(&self, block: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let buffer = self.0.read_block(block)?;
        let bytes = buffer.lock();
        Ok(look(&bytes))
    }

    /// Leaves the block size as it is.
    pub fn sized(self) -> NewSuperBlock<'a, F> {
        self.0
    }

    /// As [`SuperBlock::log`].
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.0.log(level, message);
    }
}

/// A superblock whose filesystem is being mounted.
///
/// # Invariants
///
/// Of a registration of `F`, with an open device and without data of `F`.
pub struct NewSuperBlock<'a, F: FileSystem>(&'a Opaque<bindings::super_block>, PhantomData<F>);

impl<'a, F: FileSystem> NewSuperBlock<'a, F> {
    /// Access to the device before there is data of the filesystem's.
    fn as_super(&self) -> &'a SuperBlock<F> {
        // SAFETY: Nothing that is called looks at the data.
        unsafe { SuperBlock::from_raw(self.0.get()) }
    }

    /// Reads a block. C: `sb_bread()`.
    pub fn read_block(&self, block: u32) -> Result<Buffer> {
        self.as_super().read_block(block)
    }

    /// Size of the device in bytes.
    pub fn device_bytes(&self) -> u64 {
        self.as_super().device_bytes()
    }

    /// Whether it is to be mounted for reading only.
    pub fn is_read_only(&self) -> bool {
        self.as_super().is_read_only()
    }

    /// As [`SuperBlock::log`].
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        self.as_super().log(level, message);
    }
}

impl<'a, F: Attributes> NewSuperBlock<'a, F> {
    /// Gives the filesystem its data: from now on it has inodes.
    pub fn with_data(
        self,
        data: impl PinInit<F::Super, Error>,
        limits: &Limits,
        uuid: &[u8; 16],
    ) -> Result<&'a SuperBlock<F>> {
        let data = KBox::pin_init(data, GFP_KERNEL)?;
        let sb = self.0.get();
        // SAFETY: By the type invariant, nobody else's yet. The tables are static.
        unsafe {
            (*sb).s_fs_info = data.into_foreign().cast_mut().cast();
            (*sb).s_magic = limits.magic as _;
            (*sb).s_maxbytes = limits.max_bytes.min(i64::MAX as u64) as i64;
            (*sb).s_max_links = limits.max_links;
            (*sb).s_time_gran = 1_000_000_000;
            (*sb).s_time_min = *limits.times.start();
            (*sb).s_time_max = *limits.times.end();
            (*sb).s_uuid.b = *uuid;
            (*sb).s_uuid_len = 16;
            (*sb).s_iflags |= bindings::SB_I_CGROUPWB;
            (*sb).s_op = &super_operations::Table::<F>::OPERATIONS;
            (*sb).s_export_op = &export::Table::<F>::OPERATIONS;
            (*sb).s_xattr = xattr::Table::<F>::HANDLERS.as_ptr().cast();
        }
        // INVARIANT: The data is there.
        Ok(self.as_super())
    }
}

/// Has the filesystem fill a new superblock.
///
/// # Safety
///
/// `sb` is new, of a registration of `F`, and has its device.
pub(super) unsafe fn fill<F: FileSystem>(
    sb: *mut bindings::super_block,
    options: F::Options,
    silent: bool,
) -> Result {
    // SAFETY: By the contract.
    // INVARIANT: By the contract.
    let new = NewSuperBlock(unsafe { &*sb.cast() }, PhantomData);
    let new = UnsizedSuperBlock(new);
    let mounted = F::fill_super(new, options, silent).and_then(|root| {
        if !root.is_dir() {
            return Err(corrupted());
        }
        // SAFETY: Takes over the reference, whether it fails or not.
        let root = unsafe { bindings::d_make_root(root.into_raw()) };
        // SAFETY: By the contract.
        unsafe { (*sb).s_root = root };
        if root.is_null() {
            return Err(ENOMEM);
        }
        Ok(())
    });
    if mounted.is_err() {
        // SAFETY: Inodes that there were are gone with their last reference, as
        // the superblock was not active yet; `put_super` will not be called.
        unsafe { drop_data::<F>(sb) }
    }
    mounted
}

/// Frees the filesystem's data.
///
/// # Safety
///
/// `sb` is of `F`, and nobody uses the data.
pub(super) unsafe fn drop_data<F: FileSystem>(sb: *mut bindings::super_block) {
    // SAFETY: By the contract: null, or from `with_data()`.
    unsafe {
        let data = (*sb).s_fs_info;
        if !data.is_null() {
            (*sb).s_fs_info = core::ptr::null_mut();
            drop(Pin::<KBox<F::Super>>::from_foreign(
                data.cast_const().cast(),
            ));
        }
    }
}
