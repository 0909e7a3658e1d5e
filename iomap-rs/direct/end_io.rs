// SPDX-License-Identifier: GPL-2.0

//! The end of a request's bios.
//!
//! Stands for `iomap_dio_bio_end_io()` and `iomap_dio_done()`.

use super::plan::{self, Finisher, State};
use crate::{
    operations::DirectHooks,
    vfs::{BioOwner, CompletedBio, Deferred, Dio, InFlight, IocbRef, Kiocb, Last},
};
use kernel::prelude::*;

impl<H: DirectHooks> BioOwner for Dio<H> {
    /// C: `iomap_dio_bio_end_io()`.
    #[inline]
    fn end_io(owner: InFlight<Self>, bio: CompletedBio) {
        if let Err(error) = bio.status() {
            owner.set_error(error);
        }
        owner.iocb.withdraw(&bio);
        // Before the reference is dropped: the user shall find the pages
        // unpinned when the request is complete, but for those that were cleaned meanwhile.
        if owner.state().contains(State::DIRTIES_PAGES) {
            bio.release_dirty();
        } else {
            drop(bio);
        }
        if let Some(last) = owner.put() {
            ended(last);
        }
    }
}

/// The last bio has ended, and the submitter, which does not wait, has dropped its
/// reference. Any context.
///
/// C: `iomap_dio_done()`.
#[inline]
fn ended<H: DirectHooks>(last: Last<Dio<H>>) {
    match plan::finisher(last.state(), last.error() != 0) {
        Finisher::Completion => {
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
