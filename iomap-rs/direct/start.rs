// SPDX-License-Identifier: GPL-2.0

//! The submitter's part of a request.
//!
//! Stands for `__iomap_dio_rw()`.

use super::{complete, plan, transfer::transfer, Dio};
use crate::{
    iter::Iter,
    operations::{DioFlags, Direct, DirectHooks, DirectRequest, Map, Range},
    vfs::{self, with_plug, Direction, InFlight, Inode, IocbRef, IovIter, Last},
};
use kernel::prelude::*;

/// What became of a request that did not fail at once.
pub enum Started<H> {
    /// There was nothing to do: an empty request, or a read past the end of
    /// the file. `end_io` is not called.
    Nothing,
    /// All bios have ended; the caller is to [`complete`] the request.
    Ended(Last<Dio<H>>),
    /// The issuer will hear of it. C: `-EIOCBQUEUED`.
    Queued,
}

/// Reads or writes what `iocb` asks for, between `iter` and the mappings that
/// `mapper` finds, and waits for the end if the issuer or `flags` say so.
///
/// Task context; sleeps, unless the request is NOWAIT.
///
/// # Errors
///
/// See [`start`], and what the device and the filesystem's `end_io` say.
/// [`EIOCBQUEUED`] is none: the issuer will hear of the result.
///
/// C: `iomap_dio_rw()`.
#[inline]
pub fn rw<M: Map<Direct>, H: DirectHooks>(
    iocb: IocbRef,
    inode: &Inode,
    iter: &mut IovIter,
    mapper: &M,
    hooks: H,
    flags: DioFlags,
    done_before: usize,
) -> Result<i64> {
    match start(iocb, inode, iter, mapper, hooks, flags, done_before)? {
        Started::Nothing => Ok(0),
        Started::Ended(last) => complete(last),
        Started::Queued => Err(EIOCBQUEUED),
    }
}

/// As [`rw`], but leaves a request whose bios have ended for the caller to
/// complete. `inode` is the file's, kept alive by the caller for the time of the
/// call; `done_before` bytes were transferred earlier for the same iocb.
///
/// # Errors
///
/// Those from before the first mapping was asked for: [`ENOMEM`]; [`EAGAIN`] if
/// it would block but must not, or if it is no pure overwrite but must be one;
/// [`ENOTBLK`] if pages cannot be dropped from the page cache, upon which the
/// caller does the write through it. Later ones are kept for [`complete`].
///
/// C: `__iomap_dio_rw()`.
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
    let dirties_pages = !write && iter.is_user_backed();
    let dio = InFlight::new(|| Dio::new(iocb, hooks, done_before, write, dirties_pages))?;

    let ready = prepare(&dio, inode, range, request, waits);
    if !matches!(ready, Ok(true)) {
        // No bio refers to it: this is the end of the request.
        drop(dio.put().map(Last::into_inner));
        return ready.map(|_| Started::Nothing);
    }

    inode.dio_begin();
    let mut walk = Iter::<Direct, _>::new(inode, range, request, mapper);
    let result = with_plug(|| {
        walk.for_each(|state| {
            let progress = transfer(state, &dio, iter);
            // Only a request of a single bio can be polled for.
            dio.iocb.clear_polled();
            progress
        })
    });
    let state = walk.state();

    // A read has gone up to the end of the file. Callers, such as splice, expect
    // the iterator there.
    if !write && state.pos() >= dio.i_size {
        iter.revert(state.pos().wrapping_sub(dio.i_size) as usize);
    }
    let waits = settle(&dio, result, flags, waits);
    dio.set_state(plan::submitted(dio.state()));
    dio.set_waits(waits);
    if waits {
        return Ok(Started::Ended(dio.put_and_wait()));
    }
    match dio.put() {
        // The bios were quicker than the submitter.
        Some(last) => Ok(Started::Ended(last)),
        None => {
            vfs::trace::dio_rw_queued(inode, state.pos(), state.remaining());
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
        dio.set_state(plan::initial(false, false, false, false));
        if range.pos >= dio.i_size {
            return Ok(false);
        }
        iocb.write_and_wait(len)?;
    } else {
        let end = range.pos.saturating_add_unsigned(range.len);
        if request.overwrite_only && (range.pos >= dio.i_size || end > dio.i_size) {
            return Err(EAGAIN);
        }
        dio.set_state(plan::initial(
            true,
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
        // Reads need it, too: for errors.
        inode.ensure_dio_workqueue()?;
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
