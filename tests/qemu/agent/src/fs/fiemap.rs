// SPDX-License-Identifier: GPL-2.0

//! FIEMAP: what it reports, and how it uses the caller's array.

use std::io;

use anyhow::{ensure, Context as _, Result};

use super::layout::{comb, covered, mixed, verify_on_device};
use super::KIB;
use crate::case::Case;
use crate::check::fails_with;
use crate::context::Context;
use crate::data::mirror::Mirror;
use crate::suites;
use crate::sys::fiemap::{
    ask, extents, Answer, Extent, Request, EXTENT_DATA_INLINE, EXTENT_DELALLOC, EXTENT_LAST,
    EXTENT_MERGED, EXTENT_UNKNOWN, EXTENT_UNWRITTEN, FLAG_XATTR,
};
use crate::sys::{fibmap, xattr};

pub const CASES: &[Case] = &[
    Case::new("fiemap_sparse", suites::EXT_XFS, sparse)
        .doc("Extents cover the data, not the holes, and name the place on the device.")
        .holds(&["FM-2"]),
    Case::new(
        "fiemap_agrees_with_fibmap",
        suites::EXT_XFS,
        agrees_with_fibmap,
    )
    .doc("FIEMAP and FIBMAP name the same device block for each block of a file.")
    .holds(&["FM-2", "BM-3"]),
    Case::new("fiemap_unwritten", suites::EXT4_XFS, unwritten)
        .doc("Preallocated extents carry the flag, those with data don't.")
        .holds(&["FM-3"]),
    Case::new("fiemap_delalloc", suites::EXT4_XFS, delalloc)
        .doc("Data without blocks yet is reported as such; FIEMAP_FLAG_SYNC allocates it first.")
        .holds(&["FM-1", "FM-3"]),
    Case::new("fiemap_array", suites::EXT_XFS, array)
        .doc("No room just counts; too little stops without LAST; the last extent carries LAST.")
        .holds(&["FM-2", "FM-4"]),
    Case::new("fiemap_range", suites::EXT_XFS, range)
        .doc("Only extents that touch the range are reported, whole.")
        .holds(&["FM-1", "FM-3"]),
    Case::new("fiemap_refused", suites::EXT_XFS, refused)
        .doc("Empty range, start beyond the filesystem's limit and unknown flags are errors.")
        .holds(&["FM-1"]),
    Case::new("fiemap_empty", suites::EXT_XFS, empty)
        .doc("A file without blocks has no extents.")
        .holds(&["FM-2"]),
    Case::new("fiemap_xattr", suites::EXT4, xattrs)
        .doc("Extended attributes are reported in the inode, in their block, or not at all.")
        .holds(&["FM-3", "FM-5"]),
];

fn plain<T>(result: Result<T, (io::Error, u32)>) -> io::Result<T> {
    result.map_err(|(error, _)| error)
}

fn sparse(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mirror = comb(context, 40)?;
    let file = mirror.direct()?;
    let extents = extents(&file)?;
    let found = covered(&extents, block, false);
    let expected: Vec<_> = (0..40).map(|index| (2 * index, 2 * index + 1)).collect();
    ensure!(found == expected, "data is reported in blocks {found:?}");
    let merged = extents.iter().filter(|e| e.has(EXTENT_MERGED)).count();
    let expected = if context.is_ext2() { extents.len() } else { 0 };
    ensure!(merged == expected, "{merged} extents carry MERGED");
    verify_on_device(context, &mirror, &extents)
}

fn agrees_with_fibmap(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mirror = comb(context, 20)?;
    let file = mirror.direct()?;
    let extents = extents(&file)?;
    for index in 0..42_u32 {
        let offset = u64::from(index) * block;
        let expected = extents
            .iter()
            .find(|extent| (extent.logical..extent.end()).contains(&offset))
            .map_or(0, |extent| {
                (extent.physical + offset - extent.logical) / block
            });
        let found = fibmap::device_block(&file, index).context("FIBMAP")?;
        ensure!(
            u64::from(found) == expected,
            "block {index}: FIBMAP says {found}, FIEMAP {expected}"
        );
    }
    Ok(())
}

fn unwritten(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mirror = mixed(context)?;
    let extents = extents(&mirror.direct()?)?;
    let data = covered(&extents, block, false);
    ensure!(data == [(0, 8), (22, 26)], "data in blocks {data:?}");
    let reserved = covered(&extents, block, true);
    ensure!(
        reserved == [(16, 22), (26, 32), (48, 64)],
        "preallocated blocks {reserved:?}"
    );
    verify_on_device(context, &mirror, &extents)
}

fn delalloc(context: &Context) -> Result<()> {
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.buffered()?;
    mirror.write(&file, 0, 64 * KIB)?;
    let request = Request {
        flags: 0,
        ..Request::ALL
    };
    let lazy = plain(ask(&file, request))?.extents;
    let flags = EXTENT_DELALLOC | EXTENT_UNKNOWN | EXTENT_LAST;
    let lazy_ok = matches!(lazy[..], [Extent { logical: 0, physical: 0, length: 0x10000, flags: f }] if f == flags);
    ensure!(lazy_ok, "before writeback: {lazy:?}");
    let extents = extents(&file)?;
    let flags = extents.iter().fold(0, |flags, extent| flags | extent.flags);
    ensure!(flags == EXTENT_LAST, "after writeback: {extents:?}");
    verify_on_device(context, &mirror, &extents)
}

/// Asks with room for so many extents.
fn with_room(mirror: &Mirror, room: u32) -> Result<Answer> {
    let request = Request {
        room,
        ..Request::ALL
    };
    let answer = plain(ask(&mirror.direct()?, request));
    answer.with_context(|| format!("FIEMAP with room for {room}"))
}

fn array(context: &Context) -> Result<()> {
    const COUNT: u32 = 12;
    let mirror = comb(context, COUNT as usize)?;
    let none = with_room(&mirror, 0)?;
    ensure!(
        none.mapped == COUNT && none.extents.is_empty(),
        "without room {} are counted",
        none.mapped
    );
    for room in [1, 5, COUNT - 1, COUNT, COUNT + 1, 100] {
        let answer = with_room(&mirror, room)?;
        let expected = room.min(COUNT) as usize;
        ensure!(
            answer.extents.len() == expected && answer.mapped as usize == expected,
            "room for {room}: {} filled, {} counted",
            answer.extents.len(),
            answer.mapped
        );
        for (index, extent) in answer.extents.iter().enumerate() {
            let last = index + 1 == COUNT as usize;
            ensure!(
                extent.has(EXTENT_LAST) == last,
                "room for {room}: LAST is wrong on extent {index}"
            );
        }
    }
    Ok(())
}

fn range(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mut mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    for start in [0, 16, 32] {
        mirror.write(&file, start * block, usize::try_from(8 * block)?)?;
    }
    file.sync_all()?;
    let within = |start: u64, length: u64| -> Result<Vec<(u64, u64)>> {
        let request = Request {
            start: start * block,
            length: length * block,
            ..Request::ALL
        };
        Ok(covered(&plain(ask(&file, request))?.extents, block, false))
    };
    for (start, length, expected) in [
        (8, 8, vec![]),
        (8, 20, vec![(16, 24)]),
        (17, 1, vec![(16, 24)]),
        (0, 17, vec![(0, 8), (16, 24)]),
        (40, 100, vec![]),
        (1 << 20, 1, vec![]),
    ] {
        let found = within(start, length)?;
        // ext2 and ext4 start an extent where it is asked for, not where it is.
        let found: Vec<_> = found.into_iter().map(|(_, end)| end).collect();
        let ends: Vec<_> = expected.iter().map(|&(_, end)| end).collect();
        let short = ends.len() == found.len() && found.iter().zip(&ends).all(|(a, b)| a <= b);
        ensure!(short, "{length} blocks at {start}: {found:?}, not {ends:?}");
    }
    Ok(())
}

fn refused(context: &Context) -> Result<()> {
    let mirror = comb(context, 4)?;
    let file = mirror.direct()?;
    let empty = Request {
        length: 0,
        ..Request::ALL
    };
    fails_with(
        plain(ask(&file, empty)).map(|a| a.mapped),
        libc::EINVAL,
        "length 0",
    )?;
    let far = Request {
        start: u64::MAX / 2,
        length: 1,
        ..Request::ALL
    };
    fails_with(
        plain(ask(&file, far)).map(|a| a.mapped),
        libc::EFBIG,
        "a far start",
    )?;
    let unknown = 1 << 20;
    let strange = Request {
        flags: unknown,
        ..Request::ALL
    };
    match ask(&file, strange) {
        Err((error, flags)) => {
            fails_with::<()>(Err(error), libc::EBADR, "an unknown flag")?;
            ensure!(flags == unknown, "unknown flags come back as {flags:#x}");
        }
        Ok(_) => fails_with(Ok(()), libc::EBADR, "an unknown flag")?,
    }
    Ok(())
}

fn empty(context: &Context) -> Result<()> {
    let mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    ensure!(extents(&file)?.is_empty(), "an empty file has extents");
    file.set_len(1 << 20)?;
    ensure!(extents(&file)?.is_empty(), "a hole has extents");
    Ok(())
}

fn xattrs(context: &Context) -> Result<()> {
    let block = context.block_size()?;
    let mirror = Mirror::create(context.path("file")?, 1)?;
    let file = mirror.direct()?;
    let request = Request {
        flags: FLAG_XATTR,
        ..Request::ALL
    };
    let ask = || plain(ask(&file, request)).map(|answer| answer.extents);

    let found = ask()?;
    ensure!(found.is_empty(), "no attributes, but {found:?}");
    xattr::set(&file, "user.small", b"inode")?;
    let found = ask()?;
    let inline = EXTENT_DATA_INLINE | EXTENT_LAST;
    let in_inode =
        matches!(found[..], [Extent { logical: 0, flags, .. }] if flags & inline == inline);
    ensure!(in_inode, "a small attribute: {found:?}");

    xattr::remove(&file, "user.small")?;
    let other = Mirror::create(context.path("other")?, 2)?;
    let file = other.direct()?;
    xattr::set(&file, "user.large", &[b'x'; 600])?;
    let found = plain(crate::sys::fiemap::ask(&file, request))?.extents;
    let in_block = matches!(found[..], [Extent { logical: 0, length, flags: EXTENT_LAST, .. }] if length == block);
    ensure!(in_block, "a large attribute: {found:?}");
    ensure!(
        found.iter().all(|extent| !extent.has(EXTENT_UNWRITTEN)),
        "a large attribute: {found:?}"
    );
    Ok(())
}
