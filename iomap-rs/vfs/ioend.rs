// SPDX-License-Identifier: GPL-2.0

//! Ioends: bios that write folios back, with what filesystems need to know.
//!
//! ```text
//!   Ioend::new() -> Ioend -- submit() --> (device) --> E::ended(CompletedIoend)
//!                          \- fail() ------------------^            |
//!                                          writeback of its folios ends: finish()
//! ```

use super::{
    bio::end_sector, check, completed_bio::result_of, ioend_list::list_init, warn_once,
    writeback_folio::write_ended, CompletedBio, Inode, Mapping, Warning, WritebackControl,
    WritebackFolio,
};
use crate::{
    mapping::MapFlags,
    sys as bindings,
    writeback::rules::{cut_at, Summary},
};
use core::{
    mem::{offset_of, ManuallyDrop},
    ops::Range,
    ptr::NonNull,
};
use kernel::{prelude::*, types::Opaque};

/// The set that ioends are allocated from.
static BIOSET: SharedBioSet = SharedBioSet(Opaque::uninit());

/// A bio set that tasks share.
struct SharedBioSet(Opaque<bindings::bio_set>);

// SAFETY: C synchronises all use of a bio set.
unsafe impl Sync for SharedBioSet {}

/// The pool of ioends, which exists while a value of this type does.
/// C: `iomap_ioend_bioset`.
pub(crate) struct IoendPool(());

impl IoendPool {
    /// Makes the pool. Module initialisation only.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Not in use before it is made.
        check(unsafe {
            bindings::bioset_init(
                BIOSET.0.get(),
                4 * (bindings::PAGE_SIZE as u32 >> 9),
                offset_of!(bindings::iomap_ioend, io_bio) as u32,
                bindings::BIOSET_NEED_BVECS as i32,
            )
        })?;
        let this = Self(());
        #[cfg(iomap_rs_live)]
        // SAFETY: Made above, and not in use yet.
        check(unsafe { bindings::iomap_rs_live_count_bios(BIOSET.0.get()) })?;
        Ok(this)
    }
}

/// The module is going, so that no filesystem uses it any more. A filesystem's
/// module refers to this one by the symbols that it was linked to, and a mounted
/// superblock to the filesystem's module. The superblock goes when its last file
/// is closed, for which direct I/O in flight is waited for; when all inodes are
/// evicted, for which writeback is; and when the work for direct I/O has run.
///
/// What may be left are completions that have just ended the last writeback or
/// the last request: they have an ioend to free, and some instructions to go
/// before they return.
impl Drop for IoendPool {
    fn drop(&mut self) {
        // SAFETY: Made by `new()`; completions are through with it.
        unsafe {
            // The other engine may have ioends from here, and free them later.
            #[cfg(iomap_rs_live)]
            bindings::iomap_rs_live_drain_bios(BIOSET.0.get());
            super::wait_for_completions();
            bindings::bioset_exit(BIOSET.0.get());
        }
    }
}

/// Hears of the end of ioends.
pub trait IoendEnd {
    /// The bio of `ioend` has ended. Any context.
    fn ended(ioend: CompletedIoend);
}

/// What an ioend says of itself.
///
/// # Safety
///
/// `ioend` is valid.
#[inline]
pub(super) unsafe fn summary(ioend: *const bindings::iomap_ioend) -> Summary {
    // SAFETY: By the contract.
    unsafe {
        Summary {
            kind: (*ioend).io_type,
            flags: MapFlags::from_bits((*ioend).io_flags),
            offset: (*ioend).io_offset,
            size: (*ioend).io_size as u64,
            sector: (*ioend).io_sector,
        }
    }
}

/// An ioend that is being filled. C: `struct iomap_ioend`.
///
/// # Invariants
///
/// Points to an ioend whose bio is not submitted, and that nobody else refers
/// to.
#[repr(transparent)]
#[must_use = "dropping it fails the write"]
pub struct Ioend(NonNull<bindings::iomap_ioend>);

impl Ioend {
    /// An ioend for writes of `inode` at file offset `pos`, where `map` says.
    /// Sleeps until there is one. C: `iomap_alloc_ioend()`.
    pub(crate) fn new(
        control: &WritebackControl<'_>,
        inode: &Inode,
        map: &Mapping<'_>,
        pos: i64,
    ) -> Result<Self> {
        let Some(bdev) = map.bdev() else {
            warn_once(Warning::NoBlockDevice);
            return Err(EIO);
        };
        let sector = map.sector(pos);
        // SAFETY: All are valid by their types; the set was made when the module
        // was loaded. With GFP_NOFS allocation does not fail.
        unsafe {
            let bio = NonNull::new(bindings::bio_alloc_bioset(
                bdev.as_ptr(),
                bindings::BIO_MAX_VECS as u16,
                bindings::req_op_REQ_OP_WRITE | control.write_flags(),
                bindings::GFP_NOFS,
                BIOSET.0.get(),
            ))
            .ok_or(ENOMEM)?
            .as_ptr();
            (*bio).bi_iter.bi_sector = sector;
            (*bio).bi_end_io = Some(end_io::<crate::writeback::Ended>);
            control.init_bio(bio);
            (*bio).bi_write_hint = inode.write_hint();
            let ioend = bio
                .byte_sub(offset_of!(bindings::iomap_ioend, io_bio))
                .cast::<bindings::iomap_ioend>();
            list_init(&raw mut (*ioend).io_list);
            (*ioend).io_type = map.raw_kind();
            (*ioend).io_flags = map.flags().bits();
            (*ioend).io_inode = inode.as_ptr();
            (*ioend).io_size = 0;
            (*ioend).io_offset = pos;
            (*ioend).io_sector = sector;
            // INVARIANT: Fresh.
            Ok(Self(NonNull::new_unchecked(ioend)))
        }
    }

    /// Takes over an ioend.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    #[inline]
    pub(super) unsafe fn from_raw(ptr: NonNull<bindings::iomap_ioend>) -> Self {
        // INVARIANT: By the contract.
        Self(ptr)
    }

    /// Gives the ioend away.
    #[inline]
    pub(super) fn into_raw(self) -> *mut bindings::iomap_ioend {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The C ioend.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::iomap_ioend {
        self.0.as_ptr()
    }

    #[inline]
    fn bio(&self) -> *mut bindings::bio {
        // SAFETY: Valid by the type invariant.
        unsafe { &raw mut (*self.as_ptr()).io_bio }
    }

    /// What it has so far.
    #[inline]
    pub fn summary(&self) -> Summary {
        // SAFETY: Valid by the type invariant.
        unsafe { summary(self.as_ptr()) }
    }

    /// The 512-byte sector where its bio ends. C: `bio_end_sector()`.
    #[inline]
    pub fn end_sector(&self) -> u64 {
        // SAFETY: By the type invariant.
        unsafe { end_sector(self.bio()) }
    }

    /// Adds `bytes` of `folio` to the bio; `false` if it is full, or the folio
    /// takes no more.
    #[inline]
    pub(crate) fn append(&mut self, folio: &mut WritebackFolio<'_>, bytes: &Range<usize>) -> bool {
        let len = bytes.end.saturating_sub(bytes.start);
        // SAFETY: Both are valid by their types.
        let added = folio.takes_more()
            && unsafe { bindings::bio_add_folio(self.bio(), folio.as_ptr(), len, bytes.start) };
        if added {
            // Before it can be submitted: its end counts down.
            folio.set_queued(len);
        }
        added
    }

    /// Has `E` hear of the end instead of the engine. For the filesystem's
    /// `prepare_ioend`. C: replacing `bi_end_io`.
    pub fn set_end<E: IoendEnd>(&mut self) {
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.bio()).bi_end_io = Some(end_io::<E>) }
    }

    /// Counts `bytes` more as the ioend's, but none behind file offset `end`.
    #[inline]
    pub(crate) fn grow(&mut self, bytes: u64, end: i64) {
        let now = self.summary();
        let size = cut_at(now.offset, now.size.saturating_add(bytes), end);
        // SAFETY: Valid by the type invariant.
        unsafe { (*self.as_ptr()).io_size = size as usize }
    }

    /// Submits the bio. May sleep.
    #[inline]
    pub(crate) fn submit(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariant; `self` is consumed.
        unsafe { bindings::submit_bio(this.bio()) }
    }

    /// Ends the bio with an error, as if the device had.
    pub(crate) fn fail(self, error: Error) {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariant; `self` is consumed.
        unsafe {
            (*this.bio()).bi_status = bindings::errno_to_blk_status(error.to_errno());
            bindings::bio_endio(this.bio());
        }
    }
}

impl Drop for Ioend {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. Folios are under writeback for it, which
        // its completion ends.
        unsafe { bindings::iomap_rs_bio_io_error(self.bio()) }
    }
}

/// An ioend whose bio has ended, while its folios are under writeback. Dropping
/// it ends that with an error; see
/// [`finish_ioend`](crate::writeback::finish_ioend) for what to do instead.
///
/// # Invariants
///
/// Points to an ioend that is the holder's alone and whose bio has ended. All it has are
/// pieces of folios under writeback, each counted in its folio's state if there is one.
/// Nobody follows its `io_list`, which may hold anything.
#[must_use = "its folios are under writeback"]
pub struct CompletedIoend(pub(super) NonNull<bindings::iomap_ioend>);

// SAFETY: By the type invariant nobody else has it, whatever the context.
unsafe impl Send for CompletedIoend {}

impl CompletedIoend {
    /// Takes over a C ioend.
    ///
    /// # Safety
    ///
    /// As the type invariant says, and it is the caller's to give away.
    pub(crate) unsafe fn from_raw(ptr: NonNull<bindings::iomap_ioend>) -> Self {
        // INVARIANT: By the contract.
        Self(ptr)
    }

    /// The file whose folios were written.
    pub fn inode(&self) -> &Inode {
        // SAFETY: Valid by the type invariant. Its folios are under writeback,
        // for which eviction of the inode waits.
        unsafe { Inode::from_raw((*self.0.as_ptr()).io_inode) }
    }

    /// What it says of itself.
    pub fn summary(&self) -> Summary {
        // SAFETY: Valid by the type invariant.
        unsafe { summary(self.0.as_ptr()) }
    }

    /// What became of the bio.
    pub fn status(&self) -> Result {
        // SAFETY: Valid by the type invariant.
        result_of(unsafe { (*self.0.as_ptr()).io_bio.bi_status })
    }

    /// Says in the log that writeback failed, unless the bio is flagged `BIO_QUIET`.
    pub fn log_error(&self) {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::iomap_rs_writeback_error(self.0.as_ptr()) }
    }

    /// Gives the ioend away.
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<bindings::iomap_ioend> {
        ManuallyDrop::new(self).0
    }

    /// Ends writeback of its folios and frees the ioend. Returns the number of
    /// pieces.
    #[inline]
    pub(crate) fn finish(self) -> u32 {
        let ioend = ManuallyDrop::new(self).0.as_ptr();
        let mut pieces = 0u32;
        // SAFETY: Valid by the type invariant; it has nothing but pieces of folios
        // under writeback that were counted. The bio's pool frees the ioend with
        // it. Nobody is left to keep the inode.
        unsafe {
            let bio = CompletedBio::from_raw(NonNull::new_unchecked(&raw mut (*ioend).io_bio));
            bio.for_each_folio(|folio, bytes| {
                write_ended(folio, bytes.end.wrapping_sub(bytes.start));
                pieces = pieces.wrapping_add(1);
            });
            bio.free();
        }
        pieces
    }
}

impl Drop for CompletedIoend {
    #[cold]
    fn drop(&mut self) {
        self.inode().mapping().set_error(EIO);
        // The drop is over with this: it is the only owner again.
        Self(self.0).finish();
    }
}

/// The completion of ioends: tells `E`. With [`Ended`](crate::writeback::Ended) it is C's
/// `iomap_writepage_end_bio()`.
///
/// # Safety
///
/// `bio` is that of an ioend, and has ended.
unsafe extern "C" fn end_io<E: IoendEnd>(bio: *mut bindings::bio) {
    let ioend = bio.wrapping_byte_sub(offset_of!(bindings::iomap_ioend, io_bio));
    // SAFETY: By the contract.
    E::ended(unsafe { CompletedIoend::from_raw(NonNull::new_unchecked(ioend.cast())) });
}
