// SPDX-License-Identifier: GPL-2.0

//! Bios that read into a page cache.
//!
//! A folio is locked while it is read. It is unlocked by the submitter if no
//! bio was needed, else by the completion that reads its last byte:
//!
//! ```text
//!   submitter                               completions (any context)
//!   ---------                               -------------------------
//!   bytes being read += piece
//!   add piece to the open bio
//!     (does not fit: submit it, open another)  bytes being read -= piece
//!   next piece ...                             none left: end read, unlock
//! ```

use super::{
    bio::end_sector, callback, warn_once, Bio, BlockDevice, CompletedBio, Folio, IomapFolio,
    ReadFolio, Warning,
};
use crate::{folio_state, sys as bindings};
use core::{ops::Range, ptr::NonNull};
use kernel::prelude::*;

/// Reads folios, one after the other, in pieces. Those that adjoin on the device
/// share a bio. Dropping it submits what is open.
///
/// # Invariants
///
/// `bio` is not submitted and nobody else's. All it has are pieces of folios that
/// are locked until their last piece has ended; each is counted if the folio has
/// a state, and is the folio's only one if not, whose rest is filled. If the folio at hand
/// has pieces, one of them is in `bio`: it stays locked until that is submitted.
pub struct FolioReader {
    folio: Option<ReadFolio>,
    /// Pieces of the folio at hand are queued: their ends unlock it.
    queued: bool,
    bio: Option<NonNull<bindings::bio>>,
    readahead: bool,
}

impl FolioReader {
    /// Without a folio. `readahead` is for reads that nobody waits for.
    #[inline]
    pub fn new(readahead: bool) -> Self {
        // INVARIANT: Nothing is open.
        Self {
            folio: None,
            queued: false,
            bio: None,
            readahead,
        }
    }

    /// The folio at hand.
    #[inline]
    pub fn folio(&self) -> Option<&IomapFolio> {
        self.folio.as_deref()
    }

    /// Goes on to `next`. The folio at hand is unlocked, now or by the end of its
    /// last piece.
    #[inline]
    pub fn set_folio(&mut self, next: Option<ReadFolio>) {
        // INVARIANT: Nothing of `next` is read yet.
        if let Some(folio) = core::mem::replace(&mut self.folio, next) {
            if self.queued {
                folio.leave_to_completion();
            }
        }
        self.queued = false;
    }

    /// Has `bytes` of the folio at hand read from 512-byte sector `sector` of
    /// `bdev`. `ahead` says how many bytes from there on, those included, are likely
    /// to be asked for: the bio is made as large.
    ///
    /// A folio without a state is uptodate as a whole once `bytes` are: its rest has been
    /// filled.
    ///
    /// # Errors
    ///
    /// [`EIO`], with a warning, if a folio without a state is to be read in several
    /// pieces: nobody would count them. [`ENOMEM`]: the folio is not at hand any more.
    #[inline]
    pub(crate) fn queue(
        &mut self,
        bdev: &BlockDevice,
        sector: u64,
        bytes: Range<usize>,
        ahead: impl FnOnce() -> u64,
    ) -> Result {
        let folio = self.folio.as_deref().ok_or(EIO)?;
        match folio.state() {
            // Before the open bio is submitted: pieces of this folio that are in
            // it must not be the last to end.
            Some(state) => state.lock().reading().add(length(&bytes)),
            None if self.queued => {
                warn_once(Warning::ReadInPieces);
                return Err(EIO);
            }
            None => (),
        }
        self.queued = true;
        let open = self.bio;
        if open.is_some_and(|bio| append(bio, bdev, sector, folio, &bytes)) {
            return Ok(());
        }
        self.open_another(bdev, sector, bytes, ahead())
    }

    /// As [`Self::queue`], into a bio of its own. The piece is counted.
    fn open_another(
        &mut self,
        bdev: &BlockDevice,
        sector: u64,
        bytes: Range<usize>,
        ahead: u64,
    ) -> Result {
        // Before another is asked for: that may wait for it.
        self.submit();
        let folio = self.folio.as_deref().ok_or(EIO)?;
        let vecs = ahead.div_ceil(bindings::PAGE_SIZE as u64);
        let vecs = vecs.min(Bio::MAX_VECS.into()) as u16;
        let gfp = folio.mapping().gfp_mask() & bindings::GFP_KERNEL;
        if let Some(bio) = alloc(bdev, vecs, gfp, self.readahead) {
            let raw = bio.as_ptr();
            // SAFETY: Fresh, with room for a piece; the folio is valid by its type.
            unsafe {
                if self.readahead {
                    (*raw).bi_opf |= bindings::REQ_RAHEAD;
                }
                (*raw).bi_iter.bi_sector = sector;
                (*raw).bi_end_io = Some(end_io);
                bindings::bio_add_folio_nofail(raw, folio.as_ptr(), length(&bytes), bytes.start);
            }
            // INVARIANT: Not submitted; its only piece is counted, or the folio's only one.
            self.bio = Some(bio);
            return Ok(());
        }
        if let Some(folio) = self.folio.take() {
            // Nobody else will count these bytes as ended.
            // SAFETY: They are counted; the folio is not touched any more.
            unsafe { read_ended(&folio, bytes, Err(ENOMEM)) };
            folio.leave_to_completion();
        }
        Err(ENOMEM)
    }

    #[inline]
    fn submit(&mut self) {
        if let Some(bio) = self.bio.take() {
            callback::expect();
            // SAFETY: By the type invariant.
            unsafe { bindings::submit_bio(bio.as_ptr()) }
        }
    }
}

impl Drop for FolioReader {
    #[inline]
    fn drop(&mut self) {
        self.submit();
        self.set_folio(None);
    }
}

#[inline]
fn length(bytes: &Range<usize>) -> usize {
    bytes.end.saturating_sub(bytes.start)
}

/// A bio with room for `vecs` pieces of memory; where memory is short that may
/// be one only.
fn alloc(
    bdev: &BlockDevice,
    vecs: u16,
    gfp: bindings::gfp_t,
    readahead: bool,
) -> Option<NonNull<bindings::bio>> {
    // Readahead is of no use if it waits for memory.
    let first_gfp = if readahead {
        gfp | bindings::__GFP_NORETRY | bindings::__GFP_NOWARN
    } else {
        gfp
    };
    let alloc = |vecs, gfp| {
        // SAFETY: The device is valid by its type.
        NonNull::new(unsafe {
            bindings::bio_alloc_bioset(
                bdev.as_ptr(),
                vecs,
                bindings::req_op_REQ_OP_READ,
                gfp,
                &raw mut bindings::fs_bio_set,
            )
        })
    };
    alloc(vecs, first_gfp).or_else(|| alloc(1, gfp))
}

/// Adds `bytes` of `folio`, which are at `sector` of `bdev`, to a reader's `bio`;
/// `false` if that is not where it ends, or it is full.
#[inline]
fn append(
    bio: NonNull<bindings::bio>,
    bdev: &BlockDevice,
    sector: u64,
    folio: &IomapFolio,
    bytes: &Range<usize>,
) -> bool {
    let bio = bio.as_ptr();
    // SAFETY: Not submitted, and the reader's alone; the folio is valid by its
    // type.
    unsafe {
        end_sector(bio) == sector
            && (*bio).bi_bdev == bdev.as_ptr()
            && bindings::bio_add_folio(bio, folio.as_ptr(), length(bytes), bytes.start)
    }
}

/// A piece of a folio was read, or not. The last one ends the read and unlocks
/// the folio. Any context. C: `iomap_finish_folio_read()`.
///
/// # Safety
///
/// The folio is locked for the read; if it has a state, `bytes` is counted there,
/// else there is no other piece. The folio is not touched afterwards.
#[inline]
unsafe fn read_ended(folio: &IomapFolio, bytes: Range<usize>, result: Result) {
    let (finished, uptodate) = match folio.state() {
        None => (true, result.is_ok()),
        Some(state) => {
            let block_bits = folio.inode().block_bits();
            let mut guard = state.lock();
            let uptodate =
                result.is_ok() && folio_state::set_uptodate_locked(&mut guard, &bytes, block_bits);
            (guard.reading().sub(length(&bytes)), uptodate)
        }
    };
    if finished {
        // SAFETY: Locked for the read, of which nothing is left.
        unsafe { bindings::folio_end_read(folio.as_ptr(), uptodate) }
    }
}

/// The completion of a reader's bio. C: `iomap_read_end_io()`.
///
/// # Safety
///
/// `bio` is that of a [`FolioReader`], and has ended.
unsafe extern "C" fn end_io(bio: *mut bindings::bio) {
    // SAFETY: By the contract.
    let bio = unsafe { CompletedBio::from_raw(NonNull::new_unchecked(bio)) };
    let result = bio.status();
    // SAFETY: By the invariant of `FolioReader`.
    unsafe { bio.for_each_folio(|folio, bytes| read_ended(folio, bytes, result)) };
    // The folios' references were not the bio's.
    bio.free();
    callback::came();
}

/// Reads `bytes` of `folio` from `sector` of `bdev` and waits for it. Sleeps.
/// C: `iomap_read_folio_sync()`.
pub(crate) fn read_folio_sync(
    bdev: &BlockDevice,
    sector: u64,
    folio: &Folio,
    bytes: &Range<usize>,
) -> Result {
    let len = bytes.end.saturating_sub(bytes.start);
    // SAFETY: Device and folio are valid by their types; the folio is locked, so
    // that nobody else reads into it.
    super::check(unsafe {
        bindings::iomap_rs_read_folio_sync(bdev.as_ptr(), sector, folio.as_ptr(), bytes.start, len)
    })?;
    Ok(())
}
