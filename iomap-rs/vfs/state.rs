// SPDX-License-Identifier: GPL-2.0

//! The state of a walk over a file range, laid out as C filesystems know it.

use super::{Inode, Mapping};
use crate::{
    mapping::{served, Kind, OpFlags},
    sys as bindings,
};
use core::{
    cell::Cell,
    ffi::c_void,
    marker::PhantomData,
    ptr,
    sync::atomic::{compiler_fence, Ordering},
};
use kernel::types::Opaque;

/// Who walks, as C filesystems and trace events see it.
#[derive(Clone, Copy)]
pub struct Client {
    pub(crate) ops: *const c_void,
    pub(crate) private: *mut c_void,
    pub(crate) caller: *const (),
}

impl Client {
    /// A filesystem that has no C operations.
    pub const RUST: Self = Self {
        ops: ptr::null(),
        private: ptr::null_mut(),
        caller: ptr::null(),
    };
}

/// A walk over a range of a file: the position and the mapping that was found
/// there. C: `struct iomap_iter`.
///
/// C filesystems may follow a pointer to one of the two mappings back to the
/// whole, so that both lie in a real C structure.
///
/// # Invariants
///
/// All of the C structure is initialised; its inode and what its mappings refer
/// to are valid for `'a`.
#[repr(transparent)]
pub struct IterState<'a>(
    Opaque<bindings::iomap_iter>,
    // Not covariant: what is put into it has to live for all of `'a`.
    PhantomData<Cell<&'a Inode>>,
);

impl<'a> IterState<'a> {
    /// Calls `work` with a walk over `[pos, pos + len)` that has found nothing yet.
    ///
    /// The walk is built where it stays: it is too large to be moved around.
    #[inline]
    pub(crate) fn with<R>(
        inode: &'a Inode,
        pos: i64,
        len: u64,
        flags: OpFlags,
        client: Client,
        work: impl FnOnce(&Self) -> R,
    ) -> R {
        let state = Self(Opaque::uninit(), PhantomData);
        let iter = state.as_ptr();
        // SAFETY: One's own.
        unsafe {
            (*iter).inode = inode.as_ptr();
            (*iter).pos = pos;
            (*iter).len = len;
            (*iter).flags = flags.bits();
            (*iter).private = client.private;
        }
        // INVARIANT: The rest is initialised here; inode valid for `'a`.
        state.clear();
        work(&state)
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::iomap_iter {
        self.0.get()
    }

    /// The file's inode.
    #[inline]
    pub fn inode(&self) -> &'a Inode {
        // SAFETY: By the type invariant.
        unsafe { Inode::from_raw((*self.as_ptr()).inode) }
    }

    /// Position in the file in bytes.
    #[inline]
    pub fn pos(&self) -> i64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).pos }
    }

    /// Bytes that are left to deal with, from the position on.
    #[inline]
    pub fn remaining(&self) -> u64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).len }
    }

    /// What the walk is for.
    #[inline]
    pub fn flags(&self) -> OpFlags {
        // SAFETY: Initialised.
        OpFlags::from_bits(unsafe { (*self.as_ptr()).flags })
    }

    /// The mapping at the position; a write goes there.
    #[inline]
    pub fn map(&self) -> &Mapping<'a> {
        // SAFETY: Initialised; transparent wrapper.
        unsafe { &*(&raw mut (*self.as_ptr()).iomap).cast() }
    }

    #[inline]
    pub(crate) fn source_slot(&self) -> &Mapping<'a> {
        // SAFETY: Initialised; transparent wrapper.
        unsafe { &*(&raw mut (*self.as_ptr()).srcmap).cast() }
    }

    /// Where data comes from that is kept when part of a block is written, if
    /// that is elsewhere than [`Self::map`].
    #[inline]
    pub fn distinct_source(&self) -> Option<&Mapping<'a>> {
        let source = self.source_slot();
        (source.raw_kind() != Kind::Hole as u16).then_some(source)
    }

    /// Where data is read from. C: `iomap_iter_srcmap()`.
    #[inline]
    pub fn source(&self) -> &Mapping<'a> {
        self.distinct_source().unwrap_or(self.map())
    }

    /// Bytes from the position on that the mapping serves.
    /// C: `iomap_length()`.
    #[inline]
    pub fn length(&self) -> u64 {
        served(
            self.pos(),
            self.remaining(),
            self.map().end(),
            self.distinct_source().map(Mapping::end),
        )
    }

    /// Records what the body did, as C encodes it, for trace events.
    #[inline]
    pub(crate) fn set_processed(&self, processed: i64) {
        // SAFETY: Initialised, and not shared with other tasks.
        unsafe { (*self.as_ptr()).processed = processed }
    }

    /// What the body did, as C encodes it.
    #[cfg(any(not(MODULE), iomap_rs_live))]
    #[inline]
    pub(crate) fn processed(&self) -> i64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).processed }
    }

    /// Moves on.
    #[inline]
    pub(crate) fn set_range(&self, pos: i64, len: u64) {
        // SAFETY: Initialised, and not shared with other tasks.
        unsafe {
            (*self.as_ptr()).pos = pos;
            (*self.as_ptr()).len = len;
        }
    }

    /// Forgets the mappings: filesystems rely on all zeros when asked for one.
    #[inline]
    pub(crate) fn clear(&self) {
        // SAFETY: Not shared with other tasks; all zeros is a value of the plain C
        // struct.
        unsafe {
            (*self.as_ptr()).processed = 0;
            (&raw mut (*self.as_ptr()).iomap).write_bytes(0, 1);
            // Keeps the two apart: one mapping is cleared by a few stores, both at
            // once by a call of memset(), which starts slowly.
            compiler_fence(Ordering::Release);
            (&raw mut (*self.as_ptr()).srcmap).write_bytes(0, 1);
        }
    }
}

/// Where a filesystem puts the mapping that it was asked for.
pub struct Maps<'s, 'a> {
    pub(crate) state: &'s IterState<'a>,
}

impl<'a> Maps<'_, 'a> {
    /// Answers with `map`.
    #[inline]
    pub fn set(&mut self, map: Mapping<'a>) {
        // SAFETY: The state is initialised; a plain C struct is overwritten.
        unsafe { (&raw mut (*self.state.as_ptr()).iomap).write(map.into_raw()) }
    }

    /// Says that data which is kept when part of a block is written comes from
    /// `map`, as copy on write needs it.
    #[inline]
    pub fn set_source(&mut self, map: Mapping<'a>) {
        // SAFETY: As in `set()`.
        unsafe { (&raw mut (*self.state.as_ptr()).srcmap).write(map.into_raw()) }
    }
}
