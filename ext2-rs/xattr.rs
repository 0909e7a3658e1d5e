// SPDX-License-Identifier: GPL-2.0

//! Extended attributes, in a block that inodes may share.
//!
//! Blocks that are shared are kept so, and copied when one of their inodes
//! changes; new ones are not shared. Stands for `fs/ext2/xattr.c`.

use crate::{
    blocks::{self, Run},
    format::{
        mount_state,
        xattr::{index, Block, Entry, NAME_MAX},
        xattr_edit::{self, Before, Set, SetError},
    },
    mount::Ext2,
    node,
    vfs::{
        copy_bytes, is_admin, no_data, not_supported, Buffer, Exclusive, Inode, Namespace,
        SuperBlock, XattrList, XattrMode,
    },
};
use core::fmt;
use kernel::prelude::*;

/// The number that names of a namespace have on disk.
pub(crate) fn index_of(inode: &Inode<Ext2>, namespace: Namespace) -> Result<u8> {
    match namespace {
        Namespace::User if !inode.sb().data().options().user_xattr => Err(not_supported()),
        Namespace::User => Ok(index::USER),
        Namespace::Trusted => Ok(index::TRUSTED),
        Namespace::Security => Ok(index::SECURITY),
    }
}

/// Reports a block that is not as it should be.
#[cold]
fn broken(inode: &Inode<Ext2>, block: u32, wrong: impl fmt::Display) -> Error {
    inode.sb().error(format_args!(
        "inode {}: bad attributes in block {block}: {wrong}",
        inode.ino()
    ))
}

/// Reads an inode's block of attributes.
fn read(inode: &Inode<Ext2>, block: u32) -> Result<Buffer> {
    if !inode.sb().data().is_file_data(block, 1) {
        return Err(broken(inode, block, "no place for them"));
    }
    inode.sb().read_block(block)
}

/// Puts the value of an attribute into `value`; returns its length.
///
/// # Errors
///
/// `ENODATA`; [`ERANGE`] if the name is too long or the value does not fit;
/// [`EIO`], `EFSCORRUPTED`.
pub(crate) fn get(
    inode: &Inode<Ext2>,
    index: u8,
    name: &[u8],
    value: Option<&mut [u8]>,
) -> Result<usize> {
    if name.len() > NAME_MAX {
        return Err(ERANGE);
    }
    let place = inode.data().xattrs.read();
    if *place == 0 {
        return Err(no_data());
    }
    let buffer = read(inode, *place)?;
    let copied = {
        let bytes = buffer.lock();
        Block::parse(&bytes).map(|block| match block.find(index, name) {
            Some(entry) => copy(entry, value),
            None => Err(no_data()),
        })
    };
    copied.map_err(|wrong| broken(inode, *place, wrong))?
}

/// Copies a value, if there is something to copy it to.
fn copy(entry: Entry<'_>, to: Option<&mut [u8]>) -> Result<usize> {
    let len = entry.value.len();
    if let Some(to) = to {
        to.get_mut(..len)
            .ok_or(ERANGE)?
            .copy_from_slice(entry.value);
    }
    Ok(len)
}

/// What the names of an index begin with, if the current task may see them.
fn prefix(inode: &Inode<Ext2>, index: u8) -> Option<&'static [u8]> {
    let options = inode.sb().data().options();
    match index {
        index::USER if options.user_xattr => Some(Namespace::User.prefix().as_bytes()),
        index::TRUSTED if is_admin() => Some(Namespace::Trusted.prefix().as_bytes()),
        index::SECURITY => Some(Namespace::Security.prefix().as_bytes()),
        index::ACL_ACCESS if options.acl => Some(b"system.posix_acl_access"),
        index::ACL_DEFAULT if options.acl => Some(b"system.posix_acl_default"),
        _ => None,
    }
}

/// Lists the names of attributes.
pub(crate) fn list(inode: &Inode<Ext2>, list: &mut XattrList<'_>) -> Result {
    let place = inode.data().xattrs.read();
    if *place == 0 {
        return Ok(());
    }
    let buffer = read(inode, *place)?;
    let listed = {
        let bytes = buffer.lock();
        Block::parse(&bytes).map(|block| {
            block
                .entries()
                .try_for_each(|entry| match prefix(inode, entry.index) {
                    Some(prefix) => list.add(prefix, entry.name),
                    None => Ok(()),
                })
        })
    };
    listed.map_err(|wrong| broken(inode, *place, wrong))?
}

/// Sets an attribute, or removes it.
///
/// # Errors
///
/// `ENODATA`, [`EEXIST`] as `mode` has it; [`ERANGE`] for a bad name;
/// [`ENOSPC`] if the block or the filesystem is full; [`ENOMEM`], [`EIO`],
/// `EFSCORRUPTED`.
pub(crate) fn set(
    inode: Exclusive<'_, Ext2>,
    index: u8,
    name: &[u8],
    value: Option<&[u8]>,
    mode: XattrMode,
) -> Result {
    let inode = inode.inode();
    let before = match mode {
        XattrMode::Set => Before::Any,
        XattrMode::Create => Before::Absent,
        XattrMode::Replace => Before::Present,
    };
    // Before the lock, which reclaim takes to evict a deleted inode.
    let mut scratch = KVec::from_elem(0u8, inode.sb().block_size(), GFP_KERNEL)?;
    let mut place = inode.data().xattrs.write();
    let old = match *place {
        0 => {
            xattr_edit::format(scratch.as_mut_slice()).ok_or(EIO)?;
            None
        }
        block => {
            let buffer = read(inode, block)?;
            copy_bytes(scratch.as_mut_slice(), &buffer.lock());
            Some(buffer)
        }
    };
    let set = xattr_edit::set(scratch.as_mut_slice(), index, name, value, before);
    let set = set.map_err(|error| match error {
        SetError::Corrupt(wrong) => broken(inode, *place, wrong),
        SetError::Range => ERANGE,
        SetError::NoSpace => ENOSPC,
        SetError::Exists => EEXIST,
        SetError::Missing => no_data(),
    })?;
    let (new, unused) = match set {
        Set::Unchanged => return Ok(()),
        Set::Changed => store(inode, scratch.as_mut_slice(), old)?,
        Set::Emptied => (0, old),
    };
    *place = new;
    drop(place);
    if unused.is_some() {
        inode.add_sectors(sectors(inode.sb()).wrapping_neg());
    }
    inode.touch_ctime();
    inode.mark_dirty();
    if inode.engine().is_sync() {
        match inode.sync_metadata() {
            // The inode is written, some of its data is not: the old block is to go all the same.
            Err(error) if error != ENOSPC => return Err(error),
            _ => (),
        }
    }
    // After the inode, which names it no more.
    unused.map_or(Ok(()), |old| release(inode, old))
}

/// How many inodes share a block.
fn sharers(inode: &Inode<Ext2>, buffer: &Buffer) -> Result<u32> {
    let parsed = Block::parse(&buffer.lock()).map(|block| block.refcount());
    parsed.map_err(|wrong| broken(inode, buffer.block(), wrong))
}

/// Writes attributes to the inode's block, if it has one to itself, or to a new
/// one; returns its number, and the old one if that is to be released.
fn store(
    inode: &Inode<Ext2>,
    bytes: &mut [u8],
    old: Option<Buffer>,
) -> Result<(u32, Option<Buffer>)> {
    // Others may have left the block that they come from.
    xattr_edit::set_refcount(bytes, 1).ok_or(EIO)?;
    if let Some(old) = &old {
        // One that is the inode's alone stays so.
        if sharers(inode, old)? == 1 {
            copy_bytes(&mut old.lock(), bytes);
            old.mark_dirty_for(inode);
            return Ok((old.block(), None));
        }
    }
    let sb = inode.sb();
    let run = blocks::allocate(sb, node::group_start(inode), 1)?;
    let new = sb.new_block(run.first).inspect_err(|_| {
        blocks::free(sb, run);
    })?;
    copy_bytes(&mut new.lock(), bytes);
    new.mark_dirty_for(inode);
    inode.add_sectors(sectors(sb));
    sb.data().change_superblock(mount_state::add_ext_attr);
    Ok((run.first, old))
}

fn sectors(sb: &SuperBlock<Ext2>) -> i64 {
    1i64 << sb.block_bits().saturating_sub(9)
}

/// Takes an inode from those that share a block, in one go: others may leave at the same
/// time. Returns how many are left.
fn leave(inode: &Inode<Ext2>, buffer: &Buffer) -> Result<u32> {
    let left = {
        let mut bytes = buffer.lock();
        let sharers = Block::parse(&bytes).map(|block| block.refcount());
        sharers.map(|sharers| {
            let left = sharers.saturating_sub(1);
            // The last one frees the block: what it says does not count any more.
            if left > 0 {
                xattr_edit::set_refcount(&mut bytes, left);
                // While it is locked: the next one to leave may be the last, and free it.
                buffer.mark_dirty();
            }
            left
        })
    };
    left.map_err(|wrong| broken(inode, buffer.block(), wrong))
}

/// Lets an inode do without a block that it may share with others; the last one frees it.
/// C: `ext2_xattr_release_block()`.
fn release(inode: &Inode<Ext2>, buffer: Buffer) -> Result {
    let sb = inode.sb();
    let block = buffer.block();
    if leave(inode, &buffer)? == 0 {
        buffer.forget();
        blocks::free(
            sb,
            Run {
                first: block,
                count: 1,
            },
        );
        return Ok(());
    }
    if inode.engine().is_sync() && buffer.sync().is_err() {
        sb.error(format_args!("cannot write attributes in block {block}"));
    }
    Ok(())
}

/// Gives up the attributes of an inode that is deleted. Errors are reported.
pub(crate) fn delete(inode: Exclusive<'_, Ext2>) {
    let inode = inode.inode();
    let mut place = inode.data().xattrs.write();
    let block = core::mem::take(&mut *place);
    if block == 0 {
        return;
    }
    inode.add_sectors(sectors(inode.sb()).wrapping_neg());
    if let Err(error) = read(inode, block).and_then(|buffer| release(inode, buffer)) {
        inode.sb().error(format_args!(
            "inode {}: cannot free attributes in block {block}: {}",
            inode.ino(),
            error.to_errno()
        ));
    }
}
