// SPDX-License-Identifier: GPL-2.0

//! Symbolic links.
//!
//! A short target is kept in the inode, and in memory; a longer one in the first
//! block of the file. Stands for `fs/ext2/symlink.c` and `ext2_symlink()`.

use crate::{
    format::inode::{Content, FastLink},
    grow::grow,
    mount::Ext2,
    node::{self, NO_BLOCKS},
    vfs::{name_too_long, Inode, Name, NewInode, S_IFLNK},
};
use kernel::prelude::*;

/// Everybody may follow a link.
const PERMISSIONS: u16 = 0o777;

/// Makes a link to `target` in `dir`.
pub(crate) fn make<'a>(
    dir: &'a Inode<Ext2>,
    name: &Name<'_>,
    target: &[u8],
) -> Result<NewInode<'a, Ext2>> {
    // With the NUL that others expect behind it.
    if target.len() >= dir.sb().block_size() {
        return Err(name_too_long());
    }
    let fast = FastLink::new(target);
    let content = fast.map_or(NO_BLOCKS, Content::Link);
    let new = node::make(dir, Some(name), S_IFLNK | PERMISSIONS, content)?;
    if fast.is_some() {
        new.exclusive().set_size(target.len() as u64);
    } else if let Err(error) = write(&new, target) {
        new.clear_links();
        return Err(error);
    }
    new.mark_dirty();
    Ok(new)
}

/// Writes the target into the first block.
fn write(link: &NewInode<'_, Ext2>, target: &[u8]) -> Result {
    grow(link, &mut link.data().tree.write(), 0, 1)?;
    let mut block = link.cached_block_mut(0)?;
    block
        .get_mut(..target.len())
        .ok_or(name_too_long())?
        .copy_from_slice(target);
    link.exclusive().set_size(target.len() as u64);
    block.mark_dirty();
    Ok(())
}
