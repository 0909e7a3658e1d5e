// SPDX-License-Identifier: GPL-2.0

//! Block I/O.
//!
//! ```text
//!   Bio::alloc() -> Bio -- arm(owner) --> ArmedBio -- submit() --> (device)
//!                    |                        |                       |
//!                  drop: freed              drop: ends with -EIO      v
//!                                             owner.end_io(CompletedBio)
//! ```

use super::{check, BlockDevice, CompletedBio, Direction, InFlight, Inode, IovIter, Kiocb, Shared};
use crate::sys as bindings;
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::prelude::*;

/// Operation and flags of a bio. C: `blk_opf_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opf(bindings::blk_opf_t);

impl Opf {
    /// A read. C: `REQ_OP_READ`.
    pub const READ: Self = Self(bindings::req_op_REQ_OP_READ);

    /// A write that somebody waits for, with no more to come soon.
    /// C: `REQ_OP_WRITE | REQ_SYNC | REQ_IDLE`.
    pub const DIRECT_WRITE: Self =
        Self(bindings::req_op_REQ_OP_WRITE | bindings::REQ_SYNC | bindings::REQ_IDLE);

    /// The same, and durable when it ends if `fua`. C: `REQ_FUA`.
    #[inline]
    pub const fn with_fua(self, fua: bool) -> Self {
        if fua {
            Self(self.0 | bindings::REQ_FUA)
        } else {
            self
        }
    }
}

/// A pool to allocate bios from. C: `struct bio_set`.
///
/// # Invariants
///
/// Points to an initialised bio set that outlives every bio of it.
#[derive(Clone, Copy)]
pub struct BioSet(NonNull<bindings::bio_set>);

impl BioSet {
    /// Refers to a C bio set, unless `ptr` is null.
    ///
    /// # Safety
    ///
    /// `ptr` is null or an initialised bio set that outlives every bio of it.
    #[inline]
    pub(crate) unsafe fn from_raw(ptr: *mut bindings::bio_set) -> Option<Self> {
        // INVARIANT: By the contract.
        NonNull::new(ptr).map(Self)
    }

    /// The pool that the kernel has for filesystems. C: `fs_bio_set`.
    #[inline]
    fn kernel_default() -> Self {
        // SAFETY: A static is not null.
        // INVARIANT: Initialised at boot, never torn down.
        Self(unsafe { NonNull::new_unchecked(&raw mut bindings::fs_bio_set) })
    }
}

/// Something that bios are submitted for, and that hears of their end.
pub trait BioOwner: Shared + Send + Sync + 'static {
    /// One bio of `owner` came back. Any context.
    fn end_io(owner: InFlight<Self>, bio: CompletedBio);
}

/// A bio that is not submitted yet. Dropping it frees it and unpins its pages.
///
/// # Invariants
///
/// Points to an initialised bio that nobody else refers to.
pub struct Bio(NonNull<bindings::bio>);

impl Bio {
    /// Pieces of memory that a bio has room for at most. C: `BIO_MAX_VECS`.
    pub const MAX_VECS: u16 = bindings::BIO_MAX_VECS as u16;

    /// Allocates a bio with room for `vecs` pieces of memory, or as many as there
    /// can be, for `bdev`. Sleeps until there is one. C: `bio_alloc_bioset(GFP_KERNEL)`.
    #[inline]
    pub fn alloc(bdev: &BlockDevice, vecs: u16, opf: Opf, set: Option<BioSet>) -> Result<Self> {
        let set = set.unwrap_or_else(BioSet::kernel_default);
        // SAFETY: Device and set are valid by their types.
        let bio = unsafe {
            bindings::bio_alloc_bioset(
                bdev.as_ptr(),
                vecs.min(Self::MAX_VECS),
                opf.0,
                bindings::GFP_KERNEL,
                set.0.as_ptr(),
            )
        };
        // Cannot fail with GFP_KERNEL from a set whose mempool has bvecs.
        // INVARIANT: Fresh.
        NonNull::new(bio).map(Self).ok_or(ENOMEM)
    }

    #[inline]
    fn as_ptr(&self) -> *mut bindings::bio {
        self.0.as_ptr()
    }

    /// Where on the device to start, in sectors of 512 bytes.
    #[inline]
    pub fn set_sector(&mut self, sector: u64) {
        // SAFETY: Valid and unshared by the type invariant.
        unsafe { (*self.as_ptr()).bi_iter.bi_sector = sector }
    }

    /// Takes over what inode and request say of lifetime and priority.
    #[inline]
    pub fn set_hints(&mut self, inode: &Inode, iocb: &Kiocb) {
        // SAFETY: Valid and unshared by the type invariant.
        unsafe {
            (*self.as_ptr()).bi_write_hint = inode.write_hint();
            (*self.as_ptr()).bi_ioprio = iocb.ioprio();
        }
    }

    /// Lets the block layer encrypt or decrypt the data, which starts at byte
    /// `pos` of `inode`, if the file is encrypted that way.
    /// C: `fscrypt_set_bio_crypt_ctx()`.
    #[inline]
    pub fn set_crypt_ctx(&mut self, inode: &Inode, pos: i64) {
        #[cfg(CONFIG_FS_ENCRYPTION_INLINE_CRYPT)]
        // SAFETY: Both are valid by their types.
        unsafe {
            bindings::fscrypt_set_bio_crypt_ctx(
                self.as_ptr(),
                inode.as_ptr(),
                (pos >> inode.block_bits()) as u64,
                bindings::GFP_KERNEL,
            )
        }
        #[cfg(not(CONFIG_FS_ENCRYPTION_INLINE_CRYPT))]
        let _ = (inode, pos);
    }

    /// Adds as much of `iter`'s memory as there is room for, and moves `iter`
    /// on. The pages are pinned until the bio is released. May sleep. On error
    /// nothing was added; [`EINVAL`] if the bio is not made for such an iterator, see
    /// [`IovIter::vecs_to_alloc`]. C: `bio_iov_iter_get_pages()`.
    #[inline]
    pub fn add_iter(&mut self, iter: &mut IovIter) -> Result {
        if self.is_read() != (iter.direction() == Direction::Read) {
            // The device must not write to memory that is to be read only.
            return Err(EINVAL);
        }
        if iter.lends_vectors() && self.max_vecs() > 0 {
            // The bio would free those that it is lent, instead of its own.
            return Err(EINVAL);
        }
        // SAFETY: Both are valid by their types.
        check(unsafe { bindings::bio_iov_iter_get_pages(self.as_ptr(), iter.as_ptr()) })?;
        Ok(())
    }

    /// Adds the first `bytes` bytes of `page` to a write. [`EINVAL`] if it is none, or if
    /// there is no room.
    ///
    /// # Safety
    ///
    /// `page` starts a physically contiguous run of at least `bytes` bytes, which stays
    /// until the bio has been released.
    #[inline]
    pub(super) unsafe fn add_page(&mut self, page: NonNull<bindings::page>, bytes: u32) -> Result {
        // SAFETY: By the contract; room is checked.
        unsafe {
            if self.is_read() || (*self.as_ptr()).bi_vcnt >= self.max_vecs() {
                return Err(EINVAL);
            }
            bindings::__bio_add_page(self.as_ptr(), page.as_ptr(), bytes, 0);
        }
        Ok(())
    }

    /// How many pieces of memory it has room for of its own.
    #[inline]
    fn max_vecs(&self) -> u16 {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.as_ptr()).bi_max_vecs }
    }

    /// Whether the device writes to memory.
    #[inline]
    fn is_read(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.as_ptr()).bi_opf & 1 == 0 }
    }

    /// Bytes in the bio. C: `bi_iter.bi_size`.
    #[inline]
    pub fn size(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.as_ptr()).bi_iter.bi_size }
    }

    /// Marks the pages, a user's that are about to be read into, as dirty. May
    /// sleep. C: `bio_set_pages_dirty()`.
    #[inline]
    pub fn set_pages_dirty(&mut self) {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::bio_set_pages_dirty(self.as_ptr()) }
    }

    /// Has `owner` hear of the bio's end.
    #[inline]
    pub fn arm<T: BioOwner>(self, owner: InFlight<T>) -> ArmedBio {
        let this = ManuallyDrop::new(self);
        // SAFETY: Valid and unshared by the type invariant.
        unsafe {
            (*this.as_ptr()).bi_private = owner.into_raw();
            (*this.as_ptr()).bi_end_io = Some(end_io::<T>);
        }
        // INVARIANT: Completion is set.
        ArmedBio(this.0)
    }
}

impl Drop for Bio {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The sole reference, by the type invariant.
        unsafe { release(self.0) }
    }
}

/// A bio that will call back, ready to be submitted. Dropping it ends it with
/// an error.
///
/// # Invariants
///
/// Points to a bio that nobody else refers to, whose completion is set.
#[must_use = "a bio that is not submitted ends with an error"]
pub struct ArmedBio(NonNull<bindings::bio>);

impl ArmedBio {
    /// Has the issuer of `iocb` poll for the bio. C: `REQ_POLLED`.
    #[inline]
    pub(crate) fn set_polled(&mut self, iocb: &Kiocb) {
        // SAFETY: Valid and unshared by the type invariant.
        unsafe { (*self.0.as_ptr()).bi_opf |= bindings::REQ_POLLED }
        iocb.publish(self.0.as_ptr());
    }

    /// Submits the bio. May sleep. C: `submit_bio()`.
    #[inline]
    pub fn submit(self) {
        // SAFETY: By the type invariant; `self` is consumed.
        unsafe { bindings::submit_bio(self.into_raw()) }
    }

    /// Gives the bio to C, which must submit or end it.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut bindings::bio {
        ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for ArmedBio {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody else will end it.
        unsafe { bindings::iomap_rs_bio_io_error(self.0.as_ptr()) }
    }
}

/// The 512-byte sector where a bio ends. C: `bio_end_sector()`.
///
/// # Safety
///
/// `bio` is valid, not submitted, and the caller's.
#[inline]
pub(super) unsafe fn end_sector(bio: *const bindings::bio) -> u64 {
    // SAFETY: By the contract.
    let iter = unsafe { (*bio).bi_iter };
    iter.bi_sector.wrapping_add((iter.bi_size >> 9).into())
}

/// Unpins the pages of a bio, if it pinned any, and frees it.
///
/// # Safety
///
/// The reference is the caller's to give up.
#[inline]
pub(super) unsafe fn release(bio: NonNull<bindings::bio>) {
    let bio = bio.as_ptr();
    // SAFETY: By the contract.
    unsafe {
        if (*bio).bi_flags & (1 << bindings::BIO_PAGE_PINNED) != 0 {
            bindings::__bio_release_pages(bio, false);
        }
        bindings::bio_put(bio);
    }
}

/// The completion of every bio that was armed for a `T`. C: `bi_end_io`.
///
/// # Safety
///
/// `bio` has ended, is the caller's to give away, and its `bi_private` is what
/// [`Bio::arm`], or an engine that lays requests out alike, put there for an owner of type
/// `T`.
pub(crate) unsafe extern "C" fn end_io<T: BioOwner>(bio: *mut bindings::bio) {
    // SAFETY: By the contract.
    let (owner, bio) = unsafe {
        (
            InFlight::from_raw((*bio).bi_private),
            CompletedBio::from_raw(NonNull::new_unchecked(bio)),
        )
    };
    T::end_io(owner, bio);
}
