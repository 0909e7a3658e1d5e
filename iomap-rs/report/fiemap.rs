// SPDX-License-Identifier: GPL-2.0

//! FIEMAP: the extents of a file.
//!
//! Stands for `iomap_fiemap()` of `fs/iomap/fiemap.c`.

use super::fiemap_extents::{Delay, Reported};
use crate::{
    iter::{Iter, Progress},
    mapping::{Kind, MapFlags},
    operations::{Map, Range, Report},
    vfs::{ExtentFlags, FiemapInfo, Inode, Room},
};
use kernel::prelude::*;

/// Copies an extent to the user.
fn fill(info: &mut FiemapInfo, extent: Reported, last: ExtentFlags) -> Result<Room> {
    let of_kind = match extent.kind {
        Kind::Hole | Kind::Mapped => ExtentFlags::NONE,
        Kind::Delalloc => ExtentFlags::DELALLOC.with(ExtentFlags::UNKNOWN),
        Kind::Unwritten => ExtentFlags::UNWRITTEN,
        Kind::Inline => ExtentFlags::DATA_INLINE,
    };
    let flags = last
        .with(of_kind)
        .with_if(extent.flags.contains(MapFlags::MERGED), ExtentFlags::MERGED)
        .with_if(extent.flags.contains(MapFlags::SHARED), ExtentFlags::SHARED);
    info.add(extent.logical as u64, extent.physical, extent.length, flags)
}

/// Reports the extents of `[start, start + len)` of `inode`, holes left out.
///
/// The extents are the filesystem's own: the first and the last may reach over
/// the range. Task context; sleeps, and touches user memory. The filesystem
/// holds the lock that keeps its extents, if it wants to.
///
/// # Errors
///
/// [`EINVAL`], [`EFBIG`], [`EBADR`] for a bad request, [`EFAULT`] for a bad
/// user address, and those of the filesystem, except for `ENOENT`, with which
/// it says that there is nothing to map.
///
/// C: `iomap_fiemap()`.
pub fn fiemap<M: Map<Report>>(
    inode: &Inode,
    info: &mut FiemapInfo,
    start: u64,
    len: u64,
    mapper: &M,
) -> Result {
    let len = info.prepare(inode, start, len)?;
    let range = Range {
        pos: start as i64,
        len,
    };
    let mut delay = Delay::default();
    let walked = Iter::<Report, _>::new(inode, range, (), mapper).for_each(|state| {
        let map = state.map();
        let length = state.length();
        if map.kind() == Kind::Hole {
            return Progress::Bytes(length);
        }
        let before = delay.push(Reported {
            logical: map.offset(),
            physical: map.addr().unwrap_or(0),
            length: map.length(),
            kind: map.kind(),
            flags: map.flags(),
        });
        match before.map(|extent| fill(info, extent, ExtentFlags::NONE)) {
            None | Some(Ok(Room::More)) => Progress::Bytes(length),
            Some(Ok(Room::Full)) => Progress::Stop,
            Some(Err(error)) => Progress::Failed(error),
        }
    });
    match walked.result {
        Err(error) if error != ENOENT => return Err(error),
        _ => {}
    }
    // If the array is full this reports nothing, so that no extent that others
    // follow is called the last.
    match delay.finish() {
        Some(extent) => fill(info, extent, ExtentFlags::LAST).map(|_| ()),
        None => Ok(()),
    }
}
