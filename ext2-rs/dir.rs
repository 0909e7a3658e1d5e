// SPDX-License-Identifier: GPL-2.0

//! The contents of directories, in the page cache.
//!
//! A directory is read by the engine; its blocks are changed under the lock of
//! their folio, and written back by the engine. Each block is checked whenever it
//! is looked at, as far as one looks. Stands for `fs/ext2/dir.c`.

use crate::{
    format::{
        dirent::{self, DirentError, Rules},
        dirent_edit::{self, Insert},
        flags,
        inode::Kind,
    },
    grow::grow,
    mount::Ext2,
    node::block_at,
    truncate,
    vfs::{copy_bytes, DirContext, Exclusive, Inode},
};
use core::sync::atomic::Ordering::Relaxed;
use kernel::prelude::*;

/// Where an entry is, and what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// First byte of the block that it is in, in the file.
    pos: u64,
    /// Where it is in that block, in bytes.
    offset: usize,
    /// The inode that it names.
    pub(crate) ino: u32,
}

fn rules(dir: &Inode<Ext2>) -> Rules {
    Rules::of(&dir.sb().data().geometry)
}

/// Reports a block that is not as it should be.
#[cold]
fn broken(dir: &Inode<Ext2>, pos: u64, wrong: DirentError) -> Error {
    dir.sb().error(format_args!(
        "bad entry in directory {} at {}: {wrong}",
        dir.ino(),
        pos.saturating_add(wrong.offset as u64),
    ))
}

/// The first bytes of all blocks of a directory, that where a name was found last
/// before the others.
fn blocks(dir: &Inode<Ext2>) -> impl Iterator<Item = u64> {
    let bits = dir.sb().block_bits();
    let count = dir.size() >> bits;
    let hint = u64::from(dir.data().hint.load(Relaxed));
    let hint = if hint < count { hint } else { 0 };
    Iterator::chain(hint..count, 0..hint).map(move |block| block << bits)
}

/// Looks for a name. The directory is locked, shared at least.
pub(crate) fn find(dir: &Inode<Ext2>, name: &[u8]) -> Result<Option<Found>> {
    let rules = rules(dir);
    for pos in blocks(dir) {
        let found = {
            let block = dir.cached_block(pos)?;
            dirent::find(&block, rules, name).map(|entry| {
                entry.map(|entry| Found {
                    pos,
                    offset: entry.offset,
                    ino: entry.inode,
                })
            })
        };
        match found {
            Ok(None) => {}
            Ok(found) => {
                let block = pos >> dir.sb().block_bits();
                dir.data().hint.store(block as u32, Relaxed);
                return Ok(found);
            }
            Err(wrong) => return Err(broken(dir, pos, wrong)),
        }
    }
    Ok(None)
}

/// The entry `..` of a directory.
pub(crate) fn dot_dot(dir: &Inode<Ext2>) -> Result<Found> {
    let found = {
        let block = dir.cached_block(0)?;
        dirent::dot_dot(&block, rules(dir)).map(|entry| Found {
            pos: 0,
            offset: entry.offset,
            ino: entry.inode,
        })
    };
    found.map_err(|wrong| broken(dir, 0, wrong))
}

/// Whether a directory has nothing but `.` and `..`. It is locked.
pub(crate) fn is_empty(dir: &Inode<Ext2>) -> Result<bool> {
    let rules = rules(dir);
    for pos in blocks(dir) {
        let empty = dirent::is_empty(&dir.cached_block(pos)?, rules, dir.ino());
        match empty {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(wrong) => return Err(broken(dir, pos, wrong)),
        }
    }
    Ok(true)
}

/// Reports entries. A reader who comes back to a position where no entry begins
/// any more gets the next one.
pub(crate) fn iterate(dir: &Inode<Ext2>, ctx: &mut DirContext<'_>) -> Result {
    let rules = rules(dir);
    let block_size = dir.sb().block_size() as u64;
    // A copy, as user memory is touched, which the folio's lock must not be held
    // for.
    let mut copy = KVec::from_elem(0u8, dir.sb().block_size(), GFP_KERNEL)?;
    while ctx.pos() < dir.size() {
        let pos = ctx.pos() & !block_size.wrapping_sub(1);
        copy_bytes(copy.as_mut_slice(), &dir.cached_block(pos)?);
        let start = ctx.pos().wrapping_sub(pos) as usize;
        match emit(copy.as_slice(), rules, pos, start, ctx) {
            Ok(true) => ctx.set_pos(pos.saturating_add(block_size)),
            Ok(false) => return Ok(()),
            Err(wrong) => {
                // The next call goes on behind the block.
                ctx.set_pos(pos.saturating_add(block_size));
                return Err(broken(dir, pos, wrong));
            }
        }
    }
    Ok(())
}

/// Reports the entries of a block from byte `start` on; `false` if there was no
/// room for one.
fn emit(
    block: &[u8],
    rules: Rules,
    pos: u64,
    start: usize,
    ctx: &mut DirContext<'_>,
) -> Result<bool, DirentError> {
    let start = dirent::seek(block, rules, start)?;
    for entry in dirent::entries_from(block, rules, start) {
        let entry = entry?;
        ctx.set_pos(pos.saturating_add(entry.offset as u64));
        // The types of entries are those of `getdents()`, shifted.
        let kind = Kind::from_dirent_type(entry.file_type).map_or(0, dt);
        if entry.inode != 0 && !ctx.emit(entry.name, entry.inode, kind) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What `getdents()` calls a kind of file. C: the `DT_*` constants.
fn dt(kind: Kind) -> u8 {
    match kind {
        Kind::Fifo => 1,
        Kind::CharDevice => 2,
        Kind::Directory => 4,
        Kind::BlockDevice => 6,
        Kind::Regular => 8,
        Kind::Symlink => 10,
        Kind::Socket => 12,
    }
}

/// After a change: times, and the device.
fn changed(dir: Exclusive<'_, Ext2>) -> Result {
    dir.touch();
    settle(dir)
}

/// After a change that times do not tell of.
fn settle(dir: Exclusive<'_, Ext2>) -> Result {
    // Others' index does not hold any more.
    dir.data().flags.fetch_and(!flags::INDEX, Relaxed);
    dir.mark_dirty();
    // Not only if the directory is synchronous: whoever syncs a new file, and not the
    // directory with its name, finds it after a crash. C: `ext2_handle_dirsync()`.
    dir.engine().mapping().write_and_wait()?;
    dir.sync_metadata()
}

/// Adds a name for an inode.
///
/// # Errors
///
/// [`EEXIST`]; [`ENOSPC`] and others of growing the directory; `EFSCORRUPTED`.
pub(crate) fn add(dir: Exclusive<'_, Ext2>, name: &[u8], ino: u32, kind: Kind) -> Result {
    let rules = rules(dir.inode());
    let bits = dir.sb().block_bits();
    for block in 0..dir.size() >> bits {
        let pos = block << bits;
        let inserted = {
            let mut block = dir.cached_block_mut(pos)?;
            let inserted = dirent_edit::insert(&mut block, rules, name, ino, kind);
            if matches!(inserted, Ok(Insert::Done(_))) {
                block.mark_dirty();
            }
            inserted
        };
        match inserted {
            Ok(Insert::Done(_)) => return changed(dir),
            Ok(Insert::Exists) => return Err(EEXIST),
            Ok(Insert::Full) => {}
            Err(wrong) => return Err(broken(dir.inode(), pos, wrong)),
        }
    }
    append(dir, |block| {
        dirent_edit::format_unused(block, rules)?;
        dirent_edit::insert(block, rules, name, ino, kind).map(drop)
    })
}

/// Makes a new directory's first block.
pub(crate) fn make_empty(dir: Exclusive<'_, Ext2>, parent: u32) -> Result {
    let (rules, ino) = (rules(dir.inode()), dir.ino());
    append(dir, |block| {
        dirent_edit::format_first(block, rules, ino, parent)
    })
}

/// Adds a block, which `fill` fills.
fn append(
    dir: Exclusive<'_, Ext2>,
    fill: impl FnOnce(&mut [u8]) -> Result<(), DirentError>,
) -> Result {
    let inode = dir.inode();
    let pos = inode.size();
    append_block(dir, pos, fill).inspect_err(|_| {
        let _cache = inode.lock_cache();
        truncate::truncate(inode, pos);
    })?;
    changed(dir)
}

fn append_block(
    dir: Exclusive<'_, Ext2>,
    pos: u64,
    fill: impl FnOnce(&mut [u8]) -> Result<(), DirentError>,
) -> Result {
    let inode = dir.inode();
    let size = pos.saturating_add(inode.sb().block_size() as u64);
    // The size of a directory has 32 bits.
    if size > u32::MAX.into() {
        return Err(ENOSPC);
    }
    let number = block_at(inode.sb(), pos)?;
    grow(inode, &mut inode.data().tree.write(), number, 1)?;
    // Zeros, as it lies behind the end.
    let filled = {
        let mut block = dir.cached_block_mut(pos)?;
        fill(&mut block).map(|()| {
            dir.set_size(size);
            block.mark_dirty();
        })
    };
    filled.map_err(|wrong| broken(inode, pos, wrong))
}

/// Removes an entry that was found with the directory locked.
pub(crate) fn remove(dir: Exclusive<'_, Ext2>, found: Found) -> Result {
    let removed = {
        let mut block = dir.cached_block_mut(found.pos)?;
        let removed = dirent_edit::remove(&mut block, rules(dir.inode()), found.offset);
        if removed.is_ok() {
            block.mark_dirty();
        }
        removed
    };
    removed.map_err(|wrong| broken(dir.inode(), found.pos, wrong))?;
    changed(dir)
}

/// Lets an entry that was found with the directory locked name another inode.
pub(crate) fn set(dir: Exclusive<'_, Ext2>, found: Found, ino: u32, kind: Kind) -> Result {
    replace(dir, found, ino, kind)?;
    changed(dir)
}

/// Lets the entry `..` name another directory. What `dir` holds for its users does not
/// change.
pub(crate) fn set_dot_dot(dir: Exclusive<'_, Ext2>, found: Found, parent: u32) -> Result {
    replace(dir, found, parent, Kind::Directory)?;
    settle(dir)
}

fn replace(dir: Exclusive<'_, Ext2>, found: Found, ino: u32, kind: Kind) -> Result {
    let set = {
        let mut block = dir.cached_block_mut(found.pos)?;
        let rules = rules(dir.inode());
        let set = dirent_edit::set_inode(&mut block, rules, found.offset, ino, kind);
        if set.is_ok() {
            block.mark_dirty();
        }
        set
    };
    set.map(drop)
        .map_err(|wrong| broken(dir.inode(), found.pos, wrong))
}
