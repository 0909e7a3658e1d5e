// SPDX-License-Identifier: GPL-2.0

//! The request that the submitter and the bios share.
//!
//! Stands for `struct iomap_dio`.

use super::plan::{self, Finisher, State};
use crate::{
    operations::{DioCovers, DirectHooks},
    vfs::{BioOwner, CompletedBio, Deferred, InFlight, IocbRef, Kiocb, Last},
};
use core::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, Ordering::Relaxed};
use kernel::prelude::*;

/// A direct I/O request.
///
/// `size` and `state` are the submitter's until it drops its reference, and the
/// last owner's afterwards: the reference count orders the accesses, so that
/// relaxed ones will do. `error` is everybody's, the first one wins.
pub struct Dio<H> {
    pub(super) iocb: IocbRef,
    pub(super) hooks: H,
    /// File size when the request began, in bytes.
    pub(super) i_size: i64,
    /// Bytes that the filesystem transferred before, for the same iocb.
    pub(super) done_before: usize,
    pub(super) write: bool,
    /// The memory is a user's and is read into: its pages are to be dirtied.
    pub(super) dirties_pages: bool,
    size: AtomicI64,
    state: AtomicU32,
    error: AtomicI32,
}

impl<H> Dio<H> {
    /// A request that has done nothing yet.
    #[inline]
    pub(super) fn new(
        iocb: IocbRef,
        hooks: H,
        done_before: usize,
        write: bool,
        dirties_pages: bool,
    ) -> Self {
        let i_size = iocb.inode().size();
        Self {
            iocb,
            hooks,
            i_size,
            done_before,
            write,
            dirties_pages,
            size: AtomicI64::new(0),
            state: AtomicU32::new(0),
            error: AtomicI32::new(0),
        }
    }

    /// Bytes submitted, or copied.
    #[inline]
    pub(super) fn size(&self) -> i64 {
        self.size.load(Relaxed)
    }

    /// Counts bytes as submitted, or copied.
    #[inline]
    pub(super) fn add_size(&self, bytes: u64) {
        self.size
            .store(self.size().wrapping_add(bytes as i64), Relaxed);
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        State::from_bits(self.state.load(Relaxed))
    }

    #[inline]
    pub(super) fn set_state(&self, state: State) {
        self.state.store(state.bits(), Relaxed);
    }

    /// What `end_io` is told.
    #[inline]
    pub(super) fn covers(&self) -> DioCovers {
        let covers = DioCovers::UNWRITTEN.with(DioCovers::COW);
        DioCovers::from_bits(self.state.load(Relaxed) & covers.bits())
    }

    /// The first error, as a negative errno; 0 if there is none.
    #[inline]
    pub(super) fn error(&self) -> i32 {
        self.error.load(Relaxed)
    }

    /// Records an error, unless there is one. Submitter and completions race.
    #[cold]
    pub(super) fn set_error(&self, error: Error) {
        let _ = self
            .error
            .compare_exchange(0, error.to_errno(), Relaxed, Relaxed);
    }

    /// Gives back what is needed when all is done.
    #[inline]
    pub(super) fn into_iocb(self) -> IocbRef {
        self.iocb
    }
}

impl<H: DirectHooks> BioOwner for Dio<H> {
    /// C: `iomap_dio_bio_end_io()`.
    #[inline]
    fn end_io(owner: InFlight<Self>, bio: CompletedBio) {
        if let Err(error) = bio.status() {
            owner.set_error(error);
        }
        // Before the reference is dropped: the user shall find the pages
        // unpinned when the request is complete.
        if owner.dirties_pages {
            bio.release_dirty();
        } else {
            drop(bio);
        }
        if let Some(last) = owner.put() {
            ended(last);
        }
    }
}

/// The last bio has ended, after the submitter was through, which does not wait.
/// Any context.
///
/// C: `iomap_dio_done()`.
#[inline]
fn ended<H: DirectHooks>(last: Last<Dio<H>>) {
    match plan::finisher(last.state(), last.error() != 0) {
        Finisher::Completion => {
            last.iocb.clear_polled_bio();
            let (iocb, result) = Dio::finish(last);
            iocb.complete(result);
        }
        Finisher::Issuer => last.finish_by_caller(),
        Finisher::Worker => last.finish_in_workqueue(),
    }
}

impl<H: DirectHooks> Deferred for Dio<H> {
    #[inline]
    fn iocb(&self) -> &Kiocb {
        &self.iocb
    }

    #[inline]
    fn finish(last: Last<Self>) -> (IocbRef, Result<i64>) {
        super::complete::finish(last)
    }
}
