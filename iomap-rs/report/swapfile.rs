// SPDX-License-Identifier: GPL-2.0

//! Swap files: handing the blocks of a file over to the swap code.
//!
//! Stands for `iomap_swapfile_activate()` of `fs/iomap/swapfile.c`.

use super::swap_extents::{Collector, Pages};
use crate::{
    iter::{Iter, Progress},
    mapping::{Kind, MapFlags},
    operations::{Map, Range, Report},
    vfs::{self, File, Mapping, SwapInfo},
};
use kernel::{c_str, page::PAGE_SHIFT, page::PAGE_SIZE, prelude::*, str::CStr};

/// Why swapping to `map` is impossible.
fn objection(map: &Mapping<'_>, area: &SwapInfo) -> Option<&'static CStr> {
    match map.kind() {
        Kind::Mapped | Kind::Unwritten if map.addr().is_some() => {}
        Kind::Inline => return Some(c_str!("is inline")),
        _ => return Some(c_str!("has unallocated extents")),
    }
    if map.flags().contains(MapFlags::DIRTY) {
        Some(c_str!("is not committed"))
    } else if map.flags().contains(MapFlags::SHARED) {
        Some(c_str!("has shared extents"))
    } else if !area.is_on(map.bdev()) {
        Some(c_str!("outside the main device"))
    } else {
        None
    }
}

/// Gives pages to the swap code; returns how many extents that made.
fn add(area: &mut SwapInfo, pages: Option<Pages>) -> Result<i32> {
    match pages {
        Some(pages) => area.add_extent(pages.start, pages.count, pages.block),
        None => Ok(0),
    }
}

/// Hands the blocks of `file`, up to the size that its header says, over to the
/// swap code. Returns the number of extents and the span in pages from the
/// lowest to the highest block.
///
/// Task context; sleeps. The caller holds the inode lock exclusively and keeps
/// the blocks where they are until the area is switched off.
///
/// # Errors
///
/// [`EINVAL`], with a reason in the log, if the file has blocks that cannot be
/// swapped to or no whole page; those of the filesystem and of the swap code.
///
/// C: `iomap_swapfile_activate()`.
pub fn swapfile_activate<M: Map<Report>>(
    area: &mut SwapInfo,
    file: &File,
    mapper: &M,
) -> Result<(i32, u64)> {
    let inode = file.mapping().host();
    let range = Range {
        pos: 0,
        len: inode.size() as u64 & !(PAGE_SIZE as u64 - 1),
    };
    // No mapping shall be waiting for metadata to be written.
    file.sync_data()?;

    let mut collector = Collector::new(PAGE_SHIFT as u32, area.max_pages().into());
    let mut extents = 0i32;
    let walked = Iter::<Report, _>::new(inode, range, (), mapper).for_each(|state| {
        let map = state.map();
        if let Some(why) = objection(map, area) {
            file.warn_no_swap_file(why);
            return Progress::Failed(EINVAL);
        }
        let pages = map
            .addr()
            .and_then(|addr| collector.push(addr, map.offset(), map.length()));
        match add(area, pages) {
            Ok(added) => {
                extents = extents.saturating_add(added);
                Progress::Bytes(state.length())
            }
            Err(error) => Progress::Failed(error),
        }
    });
    walked.result?;
    let last = collector.finish();
    extents = extents.saturating_add(add(area, last)?);

    if collector.pages() == 0 {
        vfs::warn_no_usable_page();
        return Err(EINVAL);
    }
    // At most the area's `max_pages`, which is a u32.
    area.set_pages(collector.pages() as u32);
    Ok((extents, collector.span()))
}
