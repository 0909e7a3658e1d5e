// SPDX-License-Identifier: GPL-2.0

//! Who keeps track of a folio's blocks: the engine, or buffer heads.

use super::{Folio, IomapFolio, Mapping};
use crate::mapping::MapFlags;
#[cfg(CONFIG_BUFFER_HEAD)]
use crate::{sys as bindings, vfs::check};
use core::ops::Deref;
#[allow(unused_imports, reason = "for the configuration without buffer heads")]
use kernel::prelude::*;

/// A locked folio in a [`PageCache`](super::PageCache), by what is attached to
/// it.
pub enum Tracking<'f> {
    /// The engine's state, or nothing.
    Engine(&'f IomapFolio),
    /// Buffer heads, or nothing.
    Buffers(BufferFolio<'f>),
}

impl<'f> Tracking<'f> {
    /// What `map`, the filesystem's answer for `folio`, makes of it.
    ///
    /// # Safety
    ///
    /// The folio is locked, and in a [`PageCache`](super::PageCache).
    #[inline]
    pub(super) unsafe fn new(folio: &'f Folio, map: &Mapping<'_>) -> Self {
        if map.flags().contains(MapFlags::BUFFER_HEAD) {
            // INVARIANT: The page cache's, since the mapping asks for them.
            Self::Buffers(BufferFolio(folio))
        } else {
            // SAFETY: By the invariant of the page cache, since the mapping does
            // not ask for buffer heads.
            Self::Engine(unsafe { IomapFolio::from_raw(folio.as_ptr()) })
        }
    }

    /// The folio, if the engine keeps track of it.
    #[inline]
    pub fn by_engine(self) -> Option<&'f IomapFolio> {
        match self {
            Self::Engine(folio) => Some(folio),
            Self::Buffers(_) => None,
        }
    }
}

impl Deref for Tracking<'_> {
    type Target = Folio;

    #[inline]
    fn deref(&self) -> &Folio {
        match self {
            Self::Engine(folio) => folio,
            Self::Buffers(folio) => folio.0,
        }
    }
}

/// A locked folio of a C filesystem that asks for buffer heads.
///
/// # Invariants
///
/// Locked; buffer heads, or nothing, are attached to it.
pub struct BufferFolio<'f>(&'f Folio);

#[cfg(CONFIG_BUFFER_HEAD)]
impl BufferFolio<'_> {
    /// Gets the folio ready for a write of `len` bytes at `pos`, as `map` says.
    /// Sleeps. C: `__block_write_begin_int()`.
    pub(crate) fn write_begin(&self, pos: i64, len: usize, map: &Mapping<'_>) -> Result {
        // SAFETY: By the type invariant.
        check(unsafe {
            bindings::iomap_rs_buffers_write_begin(self.0.as_ptr(), pos, len, map.as_ptr())
        })?;
        Ok(())
    }

    /// After a write of `copied` of `len` bytes at `pos`; returns how many
    /// count. C: `block_write_end()`.
    pub(crate) fn write_end(&self, pos: i64, len: usize, copied: usize) -> usize {
        // SAFETY: By the type invariant.
        let written = unsafe {
            bindings::block_write_end(
                core::ptr::null_mut(),
                self.0.mapping().as_ptr(),
                pos,
                len as u32,
                copied as u32,
                self.0.as_ptr(),
                core::ptr::null_mut(),
            )
        };
        usize::try_from(written).unwrap_or(0)
    }

    /// Marks the first `len` bytes dirty. C: `block_commit_write()`.
    pub(crate) fn commit_write(&self, len: usize) {
        // SAFETY: By the type invariant.
        unsafe { bindings::block_commit_write(self.0.first_page(), 0, len as u32) }
    }
}

/// Without buffer heads there is no flag to ask for them by.
#[cfg(not(CONFIG_BUFFER_HEAD))]
impl BufferFolio<'_> {
    pub(crate) fn write_begin(&self, _pos: i64, _len: usize, _map: &Mapping<'_>) -> Result {
        Err(EIO)
    }

    pub(crate) fn write_end(&self, _pos: i64, _len: usize, _copied: usize) -> usize {
        0
    }

    pub(crate) fn commit_write(&self, _len: usize) {}
}
