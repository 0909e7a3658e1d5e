// SPDX-License-Identifier: GPL-2.0

//! Filesystem types.

use super::{
    context,
    error::{check, check_ptr},
    inode_cache::Slot,
    FileSystem,
};
use crate::sys as bindings;
use core::{marker::PhantomData, mem::offset_of, pin::Pin, ptr};
use iomap_rs::vfs::wait_for_completions;
use kernel::{init::PinInit, prelude::*, str::CStr, types::Opaque};

/// A filesystem type that is registered as long as the value exists, with the
/// cache that its inodes come from. C: `struct file_system_type`.
#[pin_data(PinnedDrop)]
pub struct Registration<F: FileSystem> {
    #[pin]
    fs: Opaque<bindings::file_system_type>,
    cache: ptr::NonNull<bindings::kmem_cache>,
    _filesystem: PhantomData<F>,
}

// SAFETY: Nothing is done through a shared reference.
unsafe impl<F: FileSystem> Sync for Registration<F> {}
// SAFETY: A filesystem type may be unregistered by any task.
unsafe impl<F: FileSystem> Send for Registration<F> {}

impl<F: FileSystem> Registration<F> {
    /// Registers `F` by a name: [`FileSystem::NAME`], or another that it can be
    /// mounted by. Module initialisation.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if another filesystem has the name; [`ENOMEM`].
    pub fn new(module: &'static ThisModule, name: &'static CStr) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            cache: make_cache::<F>(name)?,
            fs <- Opaque::ffi_init(|slot: *mut bindings::file_system_type| {
                // SAFETY: The slot is one's own; all zeros is a value of this
                // plain C struct.
                unsafe {
                    slot.write_bytes(0, 1);
                    (*slot).name = name.as_char_ptr();
                    (*slot).owner = module.as_ptr().cast();
                    (*slot).fs_flags = bindings::FS_REQUIRES_DEV as i32;
                    (*slot).init_fs_context = Some(context::init::<F>);
                    (*slot).kill_sb = Some(bindings::kill_block_super);
                    // It is not static, as lockdep wants it to be otherwise.
                    bindings::fs_rs_register_lock_keys(slot);
                }
            }),
            _filesystem: PhantomData,
        })
        .pin_chain(|this| {
            // SAFETY: Complete, pinned, and taken back when it is dropped.
            check(unsafe { bindings::register_filesystem(this.fs.get()) })
        })
    }

    /// The cache of the filesystem type behind `fs`.
    ///
    /// # Safety
    ///
    /// `fs` is that of a registration of the same `F`.
    pub(super) unsafe fn cache_of(
        fs: *mut bindings::file_system_type,
    ) -> *mut bindings::kmem_cache {
        let this = fs.wrapping_byte_sub(offset_of!(Self, fs)).cast::<Self>();
        // SAFETY: By the contract; the cache does not change.
        unsafe { (*this).cache.as_ptr() }
    }
}

/// A cache for inodes with their private data.
fn make_cache<F: FileSystem>(name: &'static CStr) -> Result<ptr::NonNull<bindings::kmem_cache>> {
    // SAFETY: The name is static; the constructor is for objects of that size.
    check_ptr(unsafe {
        bindings::fs_rs_inode_cache_create(
            name.as_char_ptr(),
            size_of::<Slot<F>>(),
            align_of::<Slot<F>>(),
            Some(Slot::<F>::construct),
        )
    })
}

#[pinned_drop]
impl<F: FileSystem> PinnedDrop for Registration<F> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Registered by `new()`. No filesystem of the type is mounted,
        // as that holds the module; inodes are freed after a grace period.
        unsafe {
            bindings::unregister_filesystem(self.fs.get());
            // The ends of direct I/O are compiled into this module.
            wait_for_completions();
            bindings::fs_rs_rcu_barrier();
            bindings::kmem_cache_destroy(self.cache.as_ptr());
            bindings::fs_rs_unregister_lock_keys(self.fs.get());
        }
    }
}
