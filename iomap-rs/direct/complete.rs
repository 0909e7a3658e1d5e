// SPDX-License-Identifier: GPL-2.0

//! The end of a request, when all of its bios have ended.
//!
//! Stands for `iomap_dio_complete()`.

use super::{
    plan::{self, State},
    Dio,
};
use crate::{
    operations::DirectHooks,
    vfs::{self, IocbRef, Last},
};
use kernel::prelude::*;

/// Ends a request and returns what its issuer gets: bytes, those done before
/// included, or an error. Task context for writes and errors, any for others.
///
/// C: `iomap_dio_complete()`.
#[inline]
pub fn complete<H: DirectHooks>(last: Last<Dio<H>>) -> Result<i64> {
    finish(last).1
}

/// As [`complete`]; gives the iocb back for its completion.
#[inline]
pub(super) fn finish<H: DirectHooks>(last: Last<Dio<H>>) -> (IocbRef, Result<i64>) {
    let result = end(&last);
    vfs::trace::dio_complete(&last.iocb, last.error(), &result);
    (last.into_inner().into_iocb(), result)
}

/// All but freeing the request.
#[inline]
fn end<H: DirectHooks>(dio: &Dio<H>) -> Result<i64> {
    let iocb = &dio.iocb;
    let size = dio.size();
    let io = match dio.error() {
        0 => Ok(()),
        errno => Err(Error::from_errno(errno)),
    };
    let io_failed = io.is_err();

    let result = dio
        .hooks
        .end_io(iocb, size, io, dio.covers())
        .map(|replaced| match replaced {
            Some(bytes) => bytes,
            None => plan::clip_to_size(dio.is_write(), iocb.pos(), size, dio.i_size),
        });

    // Pages may have been cached meanwhile, by readahead or because the memory
    // written from is a mapping of the same file. After `end_io`, since a page
    // that is read before an unwritten extent is converted has zeros.
    if dio.is_write() && !io_failed && size > 0 {
        iocb.invalidate_after_write(size as usize);
    }
    iocb.inode().dio_end();

    let bytes = match result {
        Ok(bytes) if bytes > 0 => bytes,
        other => return other,
    };
    iocb.advance(bytes);
    if dio.state().contains(State::NEED_SYNC) {
        iocb.write_sync(bytes)?;
    }
    Ok(bytes.saturating_add(dio.done_before as i64))
}
