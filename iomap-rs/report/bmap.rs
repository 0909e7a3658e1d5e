// SPDX-License-Identifier: GPL-2.0

//! FIBMAP: the block number behind a file block.
//!
//! Stands for `iomap_bmap()` of `fs/iomap/fiemap.c`.

use crate::{
    iter::{Iter, Progress},
    mapping::{Kind, SECTOR_SHIFT},
    operations::{Map, Range, Report},
    vfs::AddressSpace,
};

/// The block of the device, counted in the filesystem's blocks, that holds file
/// block `block`; 0 if there is none or on any error. All of the file's dirty
/// pages are written first, so that delayed allocations have a place.
///
/// Task context; sleeps. The filesystem holds what keeps its extents, commonly `i_rwsem`
/// shared. C: `iomap_bmap()`.
pub fn bmap<M: Map<Report>>(mapping: &AddressSpace, block: u64, mapper: &M) -> u64 {
    let inode = mapping.host();
    if mapping.write_and_wait().is_err() {
        return 0;
    }
    let range = Range {
        pos: block.wrapping_shl(inode.block_bits()) as i64,
        len: inode.block_size().into(),
    };
    let mut found = 0;
    let walked = Iter::<Report, _>::new(inode, range, (), mapper).for_each(|state| {
        if state.map().kind() == Kind::Mapped {
            let block_shift = inode.block_bits().saturating_sub(SECTOR_SHIFT);
            found = state.map().sector(state.pos()).wrapping_shr(block_shift);
        }
        // One mapping is enough.
        Progress::Stop
    });
    match walked.result {
        Ok(()) => found,
        Err(_) => 0,
    }
}
