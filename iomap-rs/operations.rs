// SPDX-License-Identifier: GPL-2.0

//! What a filesystem implements.
//!
//! A filesystem has a type per way to map its files, and implements [`Map`] on
//! it for each [`Purpose`] that it serves: one type for all, or one for reads,
//! another for writes, another for reports, as XFS has six tables of operations
//! for a file and one for its attributes. Operations of the engine ask for the
//! purpose that they have, so that a type which cannot allocate is refused for a
//! write into the page cache at compile time.
//!
//! Counterpart of `struct iomap_ops`, `iomap_dio_ops`, `iomap_folio_ops` and
//! `iomap_writeback_ops`. What holds of the C hooks holds of these, word for word.

use crate::{
    mapping::{flag_set, OpFlags},
    vfs::{
        ArmedBio, BioSet, Client, Inode, Ioend, IomapFolio, IterState, Kiocb, Maps, PageCache,
        WriteFolio, WritebackCtx,
    },
};
use kernel::prelude::*;

mod sealed {
    pub trait Sealed {}
}

/// What mappings are wanted for. The engine has the implementations.
pub trait Purpose: sealed::Sealed {
    /// What there is to say of a request besides its range.
    type Request: Copy;

    /// The request as C filesystems have it.
    fn flags(request: Self::Request) -> OpFlags;
}

/// Reporting where data lies: FIEMAP, FIBMAP, `llseek()`, swap files. Nothing
/// is transferred, nothing may be allocated. C: `IOMAP_REPORT`.
pub struct Report;

impl sealed::Sealed for Report {}
impl Purpose for Report {
    type Request = ();

    #[inline]
    fn flags((): ()) -> OpFlags {
        OpFlags::REPORT
    }
}

/// Direct I/O. C: `IOMAP_DIRECT`.
pub struct Direct;

/// A request for direct I/O.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectRequest {
    /// A write: blocks must be allocated.
    pub write: bool,
    /// Must not block: fail with [`EAGAIN`] instead.
    pub nowait: bool,
    /// A write to blocks that hold data already: fail with [`EAGAIN`] if any
    /// would have to be allocated or zeroed.
    pub overwrite_only: bool,
}

impl sealed::Sealed for Direct {}
impl Purpose for Direct {
    type Request = DirectRequest;

    #[inline]
    fn flags(request: DirectRequest) -> OpFlags {
        OpFlags::DIRECT
            .with_if(request.write, OpFlags::WRITE)
            .with_if(request.nowait, OpFlags::NOWAIT)
            .with_if(request.overwrite_only, OpFlags::OVERWRITE_ONLY)
    }
}

/// Defines purposes whose requests say nothing but their flags.
macro_rules! plain_purposes {
    ($($(#[$doc:meta])* $purpose:ident = $flags:expr;)*) => {$(
        $(#[$doc])*
        pub struct $purpose;

        impl sealed::Sealed for $purpose {}
        impl Purpose for $purpose {
            type Request = ();

            #[inline]
            fn flags((): ()) -> OpFlags {
                $flags
            }
        }
    )*};
}

plain_purposes! {
    /// Reading into the page cache. C: no flag at all.
    Read = OpFlags::NONE;
    /// Giving shared blocks of a file copies of its own, through the page cache.
    /// C: `IOMAP_WRITE | IOMAP_UNSHARE`.
    Unshare = OpFlags::WRITE.with(OpFlags::UNSHARE);
    /// Zeroing through the page cache; what reads as zeros already may be left.
    /// C: `IOMAP_ZERO`.
    Zero = OpFlags::ZERO;
    /// Making a page of a shared mapping writable.
    /// C: `IOMAP_WRITE | IOMAP_FAULT`.
    Fault = OpFlags::WRITE.with(OpFlags::FAULT);
}

/// Writing into the page cache. C: `IOMAP_WRITE`.
pub struct Write;

/// A request to write into the page cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteRequest {
    /// Must not block: fail with [`EAGAIN`] instead.
    pub nowait: bool,
}

impl sealed::Sealed for Write {}
impl Purpose for Write {
    type Request = WriteRequest;

    #[inline]
    fn flags(request: WriteRequest) -> OpFlags {
        OpFlags::WRITE.with_if(request.nowait, OpFlags::NOWAIT)
    }
}

/// Part of a file that an operation is about: `len` bytes from `pos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte, as an offset in the file.
    pub pos: i64,
    /// Length in bytes.
    pub len: u64,
}

/// Maps file ranges to storage for one purpose. C: `struct iomap_ops`.
///
/// Called in a task that may sleep, with the locks that the filesystem took
/// before it called the engine. None of the engine's is held, but for [`Read`] the
/// locked folios of the request, and for [`Fault`] the folio: a lock that these take
/// must not be held around anything that locks a folio.
pub trait Map<P: Purpose> {
    /// Finds, reserves or allocates what `range` needs and puts a mapping of it
    /// into `maps`: one that covers `range.pos`, and as much of the rest as one
    /// mapping can. Both slots of `maps` are blank before.
    ///
    /// # Errors
    ///
    /// Any: it ends the operation, and [`Self::end`] is not called. For direct
    /// I/O [`ENOTBLK`] means that the caller does the rest through the page
    /// cache; [`EAGAIN`] that it would have to block, or is no pure overwrite.
    fn begin<'a>(
        &'a self,
        inode: &'a Inode,
        range: Range,
        request: P::Request,
        maps: Maps<'_, 'a>,
    ) -> Result;

    /// Commits what was done under the mapping in `state`, and gives back what
    /// was not needed.
    ///
    /// Called once for each successful [`Self::begin`], for a mapping that the
    /// engine cannot use as well. `range` starts where that one did, and is as
    /// long as the mapping served; `written` of its bytes were dealt with.
    ///
    /// # Errors
    ///
    /// Any: it counts only if nothing was dealt with and the body of the
    /// operation had no error of its own.
    #[inline]
    fn end(
        &self,
        state: &IterState<'_>,
        range: Range,
        written: u64,
        request: P::Request,
    ) -> Result {
        let _ = (state, range, written, request);
        Ok(())
    }

    /// How trace events and C hooks see the filesystem. C filesystems only.
    #[doc(hidden)]
    #[inline]
    fn client(&self) -> Client {
        Client::RUST
    }
}

flag_set! {
    /// What a filesystem wants of a direct I/O. C: the `IOMAP_DIO_*` flags that
    /// a caller passes.
    DioFlags(u32) {
        /// Wait for the end even if the issuer does not.
        FORCE_WAIT = 1 << 0;
        /// Fail with EAGAIN rather than allocate, extend or zero part of a block.
        OVERWRITE_ONLY = 1 << 1;
        /// On a page fault return what was done; the caller faults the page in
        /// and calls again with the count so far.
        PARTIAL = 1 << 2;
    }
}

flag_set! {
    /// What a direct I/O came across. C: the `IOMAP_DIO_*` flags that `end_io`
    /// is passed.
    DioCovers(u32) {
        /// Wrote to unwritten extents, which are to be converted.
        UNWRITTEN = 1 << 0;
        /// Wrote to blocks for copy on write, which are to be remapped.
        COW = 1 << 1;
    }
}

/// What a filesystem may do to its direct I/O. C: `struct iomap_dio_ops`.
pub trait DirectHooks: Send + Sync + 'static {
    /// All bios ended: `size` bytes were transferred or, if there is an `error`,
    /// submitted. Before the page cache is invalidated and the issuer hears of it;
    /// called exactly once for each request that got as far as mapping blocks.
    ///
    /// `Ok(None)` takes the engine's count, `Ok(Some(bytes))` replaces it.
    /// Writes and errors: in a task that may sleep. Successful asynchronous
    /// reads: any context.
    #[inline]
    fn end_io(
        &self,
        iocb: &Kiocb,
        size: i64,
        error: Result,
        covers: DioCovers,
    ) -> Result<Option<i64>> {
        let _ = (iocb, size, covers);
        error.map(|()| None)
    }

    /// Submits a bio for the data at file offset `pos`.
    #[inline]
    fn submit_io(&self, state: &IterState<'_>, bio: ArmedBio, pos: i64) {
        let _ = (state, pos);
        bio.submit();
    }

    /// The pool that bios come from, if not the kernel's.
    #[inline]
    fn bio_set(&self) -> Option<BioSet> {
        None
    }
}

/// A filesystem that wants nothing special.
impl DirectHooks for () {}

/// What a filesystem may do around writes into folios of its page cache.
/// C: `struct iomap_folio_ops`.
pub trait FolioHooks {
    /// Gets the folio of `cache` for file offset `pos`, locked and referenced;
    /// one of up to `len` bytes if there is none yet. A transaction that is begun here ends
    /// in [`Self::put_folio`], which is called for every folio.
    ///
    /// # Errors
    ///
    /// Any: it ends the write at `pos`. [`EAGAIN`] if the walk must not block.
    #[inline]
    fn get_folio<'a>(
        &self,
        cache: &'a PageCache,
        state: &IterState<'_>,
        pos: i64,
        len: usize,
    ) -> Result<WriteFolio<'a>> {
        WriteFolio::get(cache, state.flags(), pos, len)
    }

    /// Unlocks the folio and drops the reference: `copied` bytes were written
    /// at `pos`.
    #[inline]
    fn put_folio(&self, state: &IterState<'_>, pos: i64, copied: usize, folio: WriteFolio<'_>) {
        let _ = (state, pos, copied);
        drop(folio);
    }

    /// Whether a mapping that was got before the folio was locked still holds.
    /// The folio is locked.
    #[inline]
    fn is_valid(&self, state: &IterState<'_>) -> bool {
        let _ = state;
        true
    }
}

impl FolioHooks for () {}

/// What a filesystem does for writeback. C: `struct iomap_writeback_ops`.
pub trait WritebackHooks {
    /// Puts a mapping that covers file offset `pos` into `ctx`, or leaves the
    /// one that is there if it does and still holds. `len` bytes of the folio,
    /// which is locked, are to be written. Holes are left out. Task context, maybe of
    /// reclaim: allocate with `GFP_NOFS`.
    ///
    /// # Errors
    ///
    /// Any: it is recorded for `fsync()`, and [`Self::discard_folio`] is called.
    fn map_blocks<'a>(
        &'a self,
        ctx: &mut WritebackCtx<'a>,
        inode: &Inode,
        pos: i64,
        len: u32,
    ) -> Result;

    /// Before an ioend is submitted, or ended with the error in `status`. What
    /// this returns replaces it. Called once for each ioend.
    #[inline]
    fn prepare_ioend(&self, ioend: &mut Ioend, status: Result) -> Result {
        let _ = ioend;
        status
    }

    /// Nothing of the folio from file offset `pos` on will be written, as there
    /// was an error: drops what is kept for it. The folio is locked.
    #[inline]
    fn discard_folio(&self, folio: &IomapFolio, pos: i64) {
        let _ = (folio, pos);
    }
}
