// SPDX-License-Identifier: GPL-2.0

//! The submitter's part of a request.
//!
//! Stands for `__iomap_dio_rw()`.

use super::{
    plan::{self, State},
    transfer::transfer,
    Dio,
};
use crate::{
    iter::Iter,
    operations::{DioFlags, Direct, DirectHooks, DirectRequest, Map, Range},
    vfs::{self, with_plug, Direction, Inode, IocbRef, IovIter, Last, Submission},
};
use kernel::prelude::*;

/// What became of a request that did not fail at once.
#[must_use = "a request that has ended must be given to `complete()`"]
pub enum Started<H> {
    /// There was nothing to do: an empty request, or a read past the end of
    /// the file. `end_io` is not called.
    Nothing,
    /// All bios have ended; the caller is to [`complete`](super::complete()) the request.
    Ended(Last<Dio<H>>),
    /// The issuer will hear of it. C: `-EIOCBQUEUED`.
    Queued,
}

/// Reads or writes what `iocb` asks for, between `iter` and the mappings that
/// `mapper` finds, and waits for the end if the issuer or `flags` say so. `inode` is the
/// file's, kept alive by the caller for the time of the call; `done_before` bytes were
/// transferred earlier for the same iocb.
///
/// Task context; sleeps, unless the request is NOWAIT. The filesystem holds `i_rwsem`, shared
/// or exclusively, as it sees fit.
///
/// # Errors
///
/// Those from before the first mapping was asked for: of writing dirty pages back before
/// a read; [`ENOMEM`]; [`EAGAIN`] if
/// it would block but must not, or if it is no pure overwrite but must be one;
/// [`ENOTBLK`] if pages cannot be dropped from the page cache, upon which the
/// caller does the write through it. Later ones are kept for [`complete`](super::complete()).
///
/// C: `__iomap_dio_rw()`; with [`complete`](super::complete()), `iomap_dio_rw()`.
#[inline]
pub fn start<M: Map<Direct>, H: DirectHooks>(
    iocb: IocbRef,
    inode: &Inode,
    iter: &mut IovIter,
    mapper: &M,
    hooks: H,
    flags: DioFlags,
    done_before: usize,
) -> Result<Started<H>> {
    vfs::trace::dio_rw_begin(&iocb, iter, flags.bits(), done_before);
    let len = iter.count();
    if len == 0 {
        return Ok(Started::Nothing);
    }
    let write = iter.direction() == Direction::Write;
    let waits = iocb.is_sync() || flags.contains(DioFlags::FORCE_WAIT);
    let request = DirectRequest {
        write,
        nowait: iocb.is_nowait(),
        overwrite_only: write && flags.contains(DioFlags::OVERWRITE_ONLY),
    };
    let range = Range {
        pos: iocb.pos(),
        len: len as u64,
    };
    let kind = if write {
        State::WRITE
    } else {
        State::NONE.with_if(iter.is_user_backed(), State::DIRTIES_PAGES)
    };
    let dio = Submission::new(|refs| Dio::new(refs, iocb, hooks, done_before, kind))?;

    let ready = prepare(&dio, inode, range, request, waits);
    if !matches!(ready, Ok(true)) {
        // No bio refers to it: this is the end of the request.
        drop(dio.release().map(Last::into_inner));
        return ready.map(|_| Started::Nothing);
    }

    dio.iocb.inode().dio_begin();
    let start = iter.mark();
    let walk = Iter::<Direct, _>::new(inode, range, request, mapper);
    let walked = with_plug(|| {
        walk.for_each(|state| {
            let progress = transfer(state, &dio, iter);
            // Only a request of a single bio can be polled for.
            dio.iocb.clear_polled();
            progress
        })
    });

    // A read ends at the end of the file. Callers, such as splice, expect the
    // iterator there.
    if !write && walked.pos >= dio.i_size {
        let excess = walked.pos.wrapping_sub(dio.i_size) as usize;
        iter.revert(&start, excess);
    }
    let waits = settle(&dio, walked.result, flags, waits);
    dio.set_state(plan::submitted(dio.state()));
    if waits {
        return Ok(Started::Ended(dio.wait()));
    }
    match dio.release() {
        // The bios were quicker than the submitter.
        Some(last) => Ok(Started::Ended(last)),
        None => {
            vfs::trace::dio_rw_queued(inode, walked.pos, walked.remaining);
            Ok(Started::Queued)
        }
    }
}

/// Gets the page cache out of the way, and all that the request will need at
/// its end. `false` if there is nothing to read.
#[inline]
fn prepare<H>(
    dio: &Dio<H>,
    inode: &Inode,
    range: Range,
    request: DirectRequest,
    waits: bool,
) -> Result<bool> {
    let iocb = &dio.iocb;
    let len = range.len as usize;
    if !request.write {
        dio.add_state(plan::READ);
        if range.pos >= dio.i_size {
            return Ok(false);
        }
        iocb.write_and_wait(len)?;
    } else {
        let end = range.pos.saturating_add_unsigned(range.len);
        if request.overwrite_only && (range.pos >= dio.i_size || end > dio.i_size) {
            return Err(EAGAIN);
        }
        dio.add_state(plan::write(
            iocb.caller_completes(),
            iocb.is_dsync(),
            iocb.is_full_sync(),
        ));
        iocb.invalidate_pages(len).map_err(|error| {
            if error == EAGAIN {
                return error;
            }
            vfs::trace::dio_invalidate_fail(inode, range.pos, range.len);
            ENOTBLK
        })?;
    }
    if !waits {
        // Where the ends of failed reads run, too.
        iocb.inode().ensure_dio_workqueue()?;
    }
    Ok(true)
}

/// Takes note of how the walk ended. Returns whether to wait for the bios.
#[inline]
fn settle<H>(dio: &Dio<H>, result: Result, flags: DioFlags, waits: bool) -> bool {
    match result {
        Ok(()) => waits,
        // The caller does the rest through the page cache.
        Err(error) if error == ENOTBLK => true,
        // The caller faults the page in and comes back.
        Err(error) if error == EFAULT && dio.size() > 0 && flags.contains(DioFlags::PARTIAL) => {
            waits || !dio.iocb.is_nowait()
        }
        Err(error) => {
            dio.set_error(error);
            waits
        }
    }
}
