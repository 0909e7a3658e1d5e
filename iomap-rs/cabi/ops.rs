// SPDX-License-Identifier: GPL-2.0

//! C tables of operations as implementations of the engine's traits.

use crate::{
    operations::{
        DioCovers, Direct, DirectHooks, DirectRequest, Fault, FolioHooks, Map, Range, Read, Report,
        Unshare, Write, WriteRequest, WritebackHooks, Zero,
    },
    sys as bindings,
    vfs::{
        check, warn_once, ArmedBio, BioSet, Client, Inode, Ioend, IomapFolio, IterState, Kiocb,
        Maps, PageCache, Warning, WriteFolio, WritebackCtx,
    },
};
use core::{ffi::c_void, ptr};
use kernel::prelude::*;

/// A C filesystem's `struct iomap_ops`, for whatever purpose it passes it.
///
/// # Invariants
///
/// The table is valid, and its functions keep the contract of
/// `<linux/iomap.h>`.
pub(super) struct CMapper<'a> {
    ops: &'a bindings::iomap_ops,
    private: *mut c_void,
    caller: *const (),
}

impl CMapper<'_> {
    /// Takes a C filesystem's table. `private` is passed on in the iterator;
    /// `caller` is the address that trace events show for the operation.
    ///
    /// # Safety
    ///
    /// `ops` is valid while the value is, and its functions keep the contract of
    /// `<linux/iomap.h>`.
    #[inline]
    pub(super) unsafe fn new(
        ops: *const bindings::iomap_ops,
        private: *mut c_void,
        caller: *const (),
    ) -> Self {
        // INVARIANT: By the contract.
        Self {
            // SAFETY: By the contract.
            ops: unsafe { &*ops },
            private,
            caller,
        }
    }

    #[inline]
    fn call_begin(&self, inode: &Inode, range: Range, maps: Maps<'_, '_>) -> Result {
        let Some(begin) = self.ops.iomap_begin else {
            warn_once(Warning::OperationMissing);
            return Err(EIO);
        };
        let state = maps.state.as_ptr();
        // SAFETY: All pointers are valid; both mappings are in a C iterator, from
        // which filesystems may derive a pointer to the whole.
        check(unsafe {
            begin(
                inode.as_ptr(),
                range.pos,
                range.len as i64,
                (*state).flags,
                &raw mut (*state).iomap,
                &raw mut (*state).srcmap,
            )
        })?;
        Ok(())
    }

    #[inline]
    fn call_end(&self, state: &IterState<'_>, range: Range, written: u64) -> Result {
        let Some(end) = self.ops.iomap_end else {
            return Ok(());
        };
        let state = state.as_ptr();
        // SAFETY: All pointers are valid; as in `call_begin()`.
        check(unsafe {
            end(
                (*state).inode,
                range.pos,
                range.len as i64,
                written as isize,
                (*state).flags,
                &raw mut (*state).iomap,
            )
        })?;
        Ok(())
    }

    #[inline]
    fn as_client(&self) -> Client {
        Client {
            ops: ptr::from_ref(self.ops).cast(),
            private: self.private,
            caller: self.caller,
        }
    }
}

/// One table serves every purpose: C filesystems tell them apart by flags.
macro_rules! map_for_purpose {
    ($purpose:ty, $request:ty) => {
        impl Map<$purpose> for CMapper<'_> {
            #[inline]
            fn begin<'a>(
                &'a self,
                inode: &'a Inode,
                range: Range,
                _request: $request,
                maps: Maps<'_, 'a>,
            ) -> Result {
                self.call_begin(inode, range, maps)
            }

            #[inline]
            fn end(
                &self,
                state: &IterState<'_>,
                range: Range,
                written: u64,
                _request: $request,
            ) -> Result {
                self.call_end(state, range, written)
            }

            #[inline]
            fn client(&self) -> Client {
                self.as_client()
            }
        }
    };
}

map_for_purpose!(Report, ());
map_for_purpose!(Direct, DirectRequest);
map_for_purpose!(Read, ());
map_for_purpose!(Write, WriteRequest);
map_for_purpose!(Unshare, ());
map_for_purpose!(Zero, ());
map_for_purpose!(Fault, ());

/// The `struct iomap_folio_ops` that a C filesystem puts into each mapping, or
/// none.
pub(super) struct CFolioHooks;

impl CFolioHooks {
    /// The current mapping's.
    #[inline]
    fn table<'a>(state: &'a IterState<'_>) -> Option<&'a bindings::iomap_folio_ops> {
        // SAFETY: The filesystem's, and constant, or null.
        unsafe { (*state.as_ptr()).iomap.folio_ops.as_ref() }
    }
}

impl FolioHooks for CFolioHooks {
    #[inline]
    fn get_folio<'a>(
        &self,
        cache: &'a PageCache,
        state: &IterState<'_>,
        pos: i64,
        len: usize,
    ) -> Result<WriteFolio<'a>> {
        match Self::table(state).and_then(|table| table.get_folio) {
            // SAFETY: The state is valid; the hook's contract is that of
            // `WriteFolio`.
            Some(get_folio) => unsafe {
                WriteFolio::from_raw(get_folio(state.as_ptr(), pos, len as u32))
            },
            None => WriteFolio::get(cache, state.flags(), pos, len),
        }
    }

    #[inline]
    fn put_folio(&self, state: &IterState<'_>, pos: i64, copied: usize, folio: WriteFolio<'_>) {
        match Self::table(state).and_then(|table| table.put_folio) {
            // SAFETY: All are valid; the hook takes over the folio.
            Some(put_folio) => unsafe {
                put_folio(state.inode().as_ptr(), pos, copied as u32, folio.into_raw())
            },
            None => drop(folio),
        }
    }

    #[inline]
    fn is_valid(&self, state: &IterState<'_>) -> bool {
        match Self::table(state).and_then(|table| table.iomap_valid) {
            // SAFETY: Both are valid.
            Some(valid) => unsafe { valid(state.inode().as_ptr(), state.map().as_ptr()) },
            None => true,
        }
    }
}

/// A C filesystem's `struct iomap_dio_ops`, or none.
///
/// # Invariants
///
/// Null, or valid until the request has ended, with functions that keep the
/// contract of `<linux/iomap.h>`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct CHooks(*const bindings::iomap_dio_ops);

// SAFETY: The table is constant, and C calls its functions in any task.
unsafe impl Send for CHooks {}
// SAFETY: As above.
unsafe impl Sync for CHooks {}

impl CHooks {
    /// Takes a C filesystem's table.
    ///
    /// # Safety
    ///
    /// `ops` is null, or valid until the request has ended, and its functions
    /// keep the contract of `<linux/iomap.h>`.
    #[inline]
    pub(super) unsafe fn new(ops: *const bindings::iomap_dio_ops) -> Self {
        // INVARIANT: By the contract.
        Self(ops)
    }

    #[inline]
    fn table(&self) -> Option<&bindings::iomap_dio_ops> {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl DirectHooks for CHooks {
    #[inline]
    fn end_io(
        &self,
        iocb: &Kiocb,
        size: i64,
        error: Result,
        covers: DioCovers,
    ) -> Result<Option<i64>> {
        let Some(end_io) = self.table().and_then(|table| table.end_io) else {
            return error.map(|()| None);
        };
        let errno = error.map_or_else(Error::to_errno, |()| 0);
        // SAFETY: The iocb is valid until it is completed.
        let ret = check(unsafe { end_io(iocb.as_ptr(), size as isize, errno, covers.bits()) })?;
        Ok((ret > 0).then_some(ret.into()))
    }

    #[inline]
    fn submit_io(&self, state: &IterState<'_>, bio: ArmedBio, pos: i64) {
        let bio = bio.into_raw();
        // A bio may end when the engine is not there any more: the kernel's own
        // function leads to the one that serves by then.
        #[cfg(iomap_rs_live)]
        // SAFETY: Valid, and not submitted; set before the engine was called.
        unsafe {
            (*bio).bi_end_io = bindings::iomap_rs_live_dio_end_io
        }
        // SAFETY: All are valid; the bio is given away.
        unsafe {
            match self.table().and_then(|table| table.submit_io) {
                Some(submit_io) => submit_io(state.as_ptr(), bio, pos),
                None => bindings::submit_bio(bio),
            }
        }
    }

    #[inline]
    fn bio_set(&self) -> Option<BioSet> {
        // SAFETY: The filesystem's bio set outlives its bios.
        self.table()
            .and_then(|table| unsafe { BioSet::from_raw(table.bio_set) })
    }
}

/// A C filesystem's `struct iomap_writeback_ops`.
///
/// # Invariants
///
/// The table is valid, and its functions keep the contract of
/// `<linux/iomap.h>`.
pub(super) struct CWritebackHooks<'a>(&'a bindings::iomap_writeback_ops);

impl CWritebackHooks<'_> {
    /// Takes a C filesystem's table.
    ///
    /// # Safety
    ///
    /// As the type invariant says, while the value is in use.
    pub(super) unsafe fn new(ops: *const bindings::iomap_writeback_ops) -> Self {
        // SAFETY: By the contract.
        // INVARIANT: By the contract.
        Self(unsafe { &*ops })
    }
}

impl WritebackHooks for CWritebackHooks<'_> {
    #[inline]
    fn map_blocks<'a>(
        &'a self,
        ctx: &mut WritebackCtx<'a>,
        inode: &Inode,
        pos: i64,
        len: u32,
    ) -> Result {
        let Some(map_blocks) = self.0.map_blocks else {
            warn_once(Warning::OperationMissing);
            return Err(EIO);
        };
        // SAFETY: All are valid.
        match unsafe { map_blocks(ctx.as_ptr(), inode.as_ptr(), pos, len) } {
            0 => Ok(()),
            // A positive number is no answer, DIFF-19.
            error => check(error).and(Err(EIO)),
        }
    }

    #[inline]
    fn prepare_ioend(&self, ioend: &mut Ioend, status: Result) -> Result {
        let Some(prepare_ioend) = self.0.prepare_ioend else {
            return status;
        };
        let errno = status.map_or_else(Error::to_errno, |()| 0);
        // SAFETY: The ioend is valid.
        match unsafe { prepare_ioend(ioend.as_ptr(), errno) } {
            0 => Ok(()),
            // A positive number is no answer, DIFF-19.
            error => check(error).and(Err(EIO)),
        }
    }

    #[inline]
    fn discard_folio(&self, folio: &IomapFolio, pos: i64) {
        if let Some(discard_folio) = self.0.discard_folio {
            // SAFETY: The folio is locked.
            unsafe { discard_folio(folio.as_ptr(), pos) }
        }
    }
}
