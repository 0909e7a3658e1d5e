// SPDX-License-Identifier: GPL-2.0

//! Mappings as C has them.

use super::{BlockDevice, Folio, IovIter};
use crate::{
    mapping::{self, Extent, Kind, MapFlags, NULL_ADDR},
    sys as bindings,
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::{self, NonNull},
};
use kernel::types::Opaque;

/// A mapping of a file range to storage. C: `struct iomap`.
///
/// A filesystem builds one by what stands behind the range; none can be built
/// without a range.
///
/// # Invariants
///
/// A block device that is set is open for `'a`, and inline data that is set is
/// readable and writable for the mapping's length.
#[repr(transparent)]
pub struct Mapping<'a>(Opaque<bindings::iomap>, PhantomData<&'a BlockDevice>);

impl<'a> Mapping<'a> {
    /// A mapping of `extent`; `bdev` may be set for kinds without an address.
    fn new(kind: Kind, extent: Extent, bdev: Option<&'a BlockDevice>, addr: u64) -> Self {
        // INVARIANT: The device is borrowed for `'a`; no inline data.
        let map = Opaque::new(bindings::iomap {
            addr,
            offset: extent.offset(),
            length: extent.length(),
            type_: kind as u16,
            flags: MapFlags::NONE.bits(),
            bdev: bdev.map_or(ptr::null_mut(), BlockDevice::as_ptr),
            dax_dev: ptr::null_mut(),
            inline_data: ptr::null_mut(),
            private: ptr::null_mut(),
            folio_ops: ptr::null(),
            validity_cookie: 0,
        });
        Self(map, PhantomData)
    }

    /// Nothing is allocated for `extent`.
    pub fn hole(extent: Extent, bdev: Option<&'a BlockDevice>) -> Self {
        Self::new(Kind::Hole, extent, bdev, NULL_ADDR)
    }

    /// Space is reserved for `extent`, nothing allocated.
    pub fn delalloc(extent: Extent, bdev: &'a BlockDevice) -> Self {
        Self::new(Kind::Delalloc, extent, Some(bdev), NULL_ADDR)
    }

    /// The data of `extent` lies at byte `addr` of `bdev`.
    pub fn mapped(extent: Extent, bdev: &'a BlockDevice, addr: u64) -> Self {
        Self::new(Kind::Mapped, extent, Some(bdev), addr)
    }

    /// As [`Self::mapped`], but reads as zeros until it is written.
    pub fn unwritten(extent: Extent, bdev: &'a BlockDevice, addr: u64) -> Self {
        Self::new(Kind::Unwritten, extent, Some(bdev), addr)
    }

    /// The data of `extent` lies at `data` in memory.
    ///
    /// # Safety
    ///
    /// `data` is readable and writable for the extent's length until the
    /// filesystem's `end` has been called for the mapping.
    pub unsafe fn inline(extent: Extent, data: NonNull<u8>) -> Self {
        let this = Self::new(Kind::Inline, extent, None, NULL_ADDR);
        // SAFETY: Just built, nobody else's.
        // INVARIANT: By the contract.
        unsafe { (*this.as_ptr()).inline_data = data.as_ptr().cast() };
        this
    }

    /// The same mapping with `flags` set, and no others.
    /// [`MapFlags::BUFFER_HEAD`] is left out: it is for C filesystems, whose
    /// folios have buffer heads.
    pub fn with_flags(self, flags: MapFlags) -> Self {
        // SAFETY: One's own.
        unsafe { (*self.as_ptr()).flags = flags.without(MapFlags::BUFFER_HEAD).bits() };
        self
    }

    /// The same mapping with `cookie`, by which the filesystem tells later
    /// whether it still holds. C: `validity_cookie`.
    pub fn with_cookie(self, cookie: u64) -> Self {
        // SAFETY: One's own.
        unsafe { (*self.as_ptr()).validity_cookie = cookie };
        self
    }

    /// What [`Self::with_cookie`] was given; 0 if it was not called.
    #[inline]
    pub fn cookie(&self) -> u64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).validity_cookie }
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::iomap {
        self.0.get()
    }

    /// Adds to what is said of the mapping.
    #[inline]
    pub(crate) fn add_flags(&self, flags: MapFlags) {
        // SAFETY: Initialised, and not shared with other tasks.
        unsafe { (*self.as_ptr()).flags |= flags.bits() }
    }

    /// The C mapping by value.
    pub(super) fn into_raw(self) -> bindings::iomap {
        // SAFETY: Initialised, and plain data.
        unsafe { self.as_ptr().read() }
    }

    /// What stands behind the mapping. The iterator let none of unknown type
    /// pass; what a filesystem does to it since counts as a hole.
    #[inline]
    pub fn kind(&self) -> Kind {
        Kind::try_from(self.raw_kind()).unwrap_or(Kind::Hole)
    }

    #[inline]
    pub(crate) fn raw_kind(&self) -> u16 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).type_ }
    }

    /// First byte of the file that is mapped.
    #[inline]
    pub fn offset(&self) -> i64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).offset }
    }

    /// Length in bytes.
    #[inline]
    pub fn length(&self) -> u64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).length }
    }

    /// The first byte behind the mapping.
    #[inline]
    pub fn end(&self) -> u64 {
        (self.offset() as u64).wrapping_add(self.length())
    }

    /// Where on the device it starts, in bytes; [`None`] if nowhere.
    #[inline]
    pub fn addr(&self) -> Option<u64> {
        let addr = self.raw_addr();
        (addr != NULL_ADDR).then_some(addr)
    }

    #[inline]
    fn raw_addr(&self) -> u64 {
        // SAFETY: Initialised.
        unsafe { (*self.as_ptr()).addr }
    }

    /// What the filesystem, and the engine, said of it.
    #[inline]
    pub fn flags(&self) -> MapFlags {
        // SAFETY: Initialised.
        MapFlags::from_bits(unsafe { (*self.as_ptr()).flags })
    }

    /// The device it lies on.
    #[inline]
    pub fn bdev(&self) -> Option<&BlockDevice> {
        // SAFETY: By the type invariant.
        unsafe { BlockDevice::from_raw((*self.as_ptr()).bdev) }
    }

    /// The 512-byte sector that holds file offset `pos`. C: `iomap_sector()`.
    #[inline]
    pub fn sector(&self, pos: i64) -> u64 {
        mapping::sector(self.raw_addr(), self.offset(), pos)
    }

    /// The data of an inline mapping; [`None`] if the filesystem gave none or
    /// it crosses a page. C: `iomap_inline_data_valid()`.
    pub fn inline_data(&self) -> Option<InlineData<'_>> {
        // SAFETY: Initialised.
        let data = NonNull::new(unsafe { (*self.as_ptr()).inline_data })?;
        let in_page = data.addr().get() & (bindings::PAGE_SIZE - 1);
        // INVARIANT: As asked.
        (self.length() <= (bindings::PAGE_SIZE - in_page) as u64)
            .then_some(InlineData { map: self, data })
    }
}

/// The memory behind an inline mapping.
///
/// # Invariants
///
/// `data` is the inline data of `map`, and all of the mapping's length lies in one page.
pub struct InlineData<'a> {
    map: &'a Mapping<'a>,
    data: NonNull<c_void>,
}

impl InlineData<'_> {
    /// Address and length of the part of `[pos, pos + len)` that is mapped.
    fn clip(&self, pos: i64, len: u64) -> (*mut u8, usize) {
        let offset = self.map.offset();
        let unmapped = offset.saturating_sub(pos).max(0) as u64;
        let skip = (pos.saturating_sub(offset).max(0) as u64).min(self.map.length());
        let len = len
            .saturating_sub(unmapped)
            .min(self.map.length().wrapping_sub(skip));
        // SAFETY: By the type invariant; at most the length of the data.
        let start = unsafe { self.data.as_ptr().cast::<u8>().add(skip as usize) };
        (start, len as usize)
    }

    /// Copies `len` bytes from file offset `pos` on to `iter`; returns how many
    /// were copied. May sleep.
    pub fn copy_to(&self, pos: i64, len: u64, iter: &mut IovIter) -> usize {
        let (data, len) = self.clip(pos, len);
        // SAFETY: Readable by the mapping's invariant, in bounds by `clip()`.
        unsafe { iter.copy_to_iter(data, len) }
    }

    /// Copies `len` bytes from `iter` to file offset `pos`; returns how many were
    /// copied. May sleep.
    pub fn copy_from(&self, pos: i64, len: u64, iter: &mut IovIter) -> usize {
        let (data, len) = self.clip(pos, len);
        // SAFETY: Writable by the mapping's invariant, in bounds by `clip()`.
        unsafe { iter.copy_from_iter(data, len) }
    }

    /// Copies the first `len` bytes to byte `offset` of `folio` and on, and zeros
    /// what follows there. The folio is locked. C: `folio_fill_tail()`.
    pub fn fill_tail(&self, folio: &Folio, offset: usize, len: usize) {
        let (data, len) = self.clip(self.map.offset(), len as u64);
        if offset.saturating_add(len) <= folio.size() {
            // SAFETY: Readable by the mapping's invariant; in the folio.
            unsafe { bindings::iomap_rs_folio_fill_tail(folio.as_ptr(), offset, data.cast(), len) }
        }
    }

    /// Copies `len` bytes at file offset `pos` from `folio`, which is locked and
    /// has them.
    pub fn copy_from_folio(&self, folio: &Folio, pos: i64, len: usize) {
        let (data, len) = self.clip(pos, len as u64);
        let offset = folio.offset_of(pos);
        if offset.saturating_add(len) <= folio.size() {
            // SAFETY: Writable by the mapping's invariant; in the folio.
            unsafe { bindings::iomap_rs_folio_copy_out(data.cast(), folio.as_ptr(), offset, len) }
        }
    }

    /// Writes zeros to file offsets `from..to`.
    pub fn zero(&self, from: i64, to: i64) {
        let (data, len) = self.clip(from, to.saturating_sub(from).max(0) as u64);
        // SAFETY: Writable by the mapping's invariant, in bounds by `clip()`.
        unsafe { data.write_bytes(0, len) }
    }
}
